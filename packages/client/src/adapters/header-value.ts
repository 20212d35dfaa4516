/** Texts of metadata in headers, which carry printable ASCII only and lose white space at their ends. */

export function headerValue(value: string): string {
  return /^[\x21-\x24\x26-\x7e](?:[\x20-\x24\x26-\x7e]*[\x21-\x24\x26-\x7e])?$/.test(value)
    ? value
    : encodeURIComponent(value)
}

/** What others wrote may be no such encoding: it is taken as it is. */
export function fromHeaderValue(value: string): string {
  try {
    return decodeURIComponent(value)
  } catch {
    return value
  }
}
