/** Media types as clients name them: checked once, because each becomes a header of many answers. */

const TOKEN = "[\\w!#$%&'*+.^`|~-]+"
const QUOTED = '"(?:[^"\\\\\\x00-\\x1f\\x7f-\\uffff]|\\\\[ -~])*"'
const MEDIA_TYPE = new RegExp(`^${TOKEN}/${TOKEN}(?: *; *${TOKEN}=(?:${TOKEN}|${QUOTED}))*$`)

/**
 * Whether `text` is one media type with its parameters and nothing else (RFC 9110, section 8.3.1), in
 * printable ASCII and at most 255 characters. A list of two is none: browsers take the last, we the first.
 */
export function isMediaType(text: string): boolean {
  return text.length <= 255 && MEDIA_TYPE.test(text)
}
