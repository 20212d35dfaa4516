import { encodeBase64 } from '../http/base64.ts'
import { decodeBase64 } from '../http/base64-decode.ts'
import { MalformedHeader } from '../malformed.ts'

/**
 * What a client says about its upload: keys in printable ASCII without space and comma, values any Unicode
 * text (control characters included: whoever uses a value decides what it may hold), in header order.
 * A map, not an object: a key such as `__proto__` is a key like any other.
 */
export type UploadMetadata = ReadonlyMap<string, string>

const HEADER = 'Upload-Metadata'

/** 0x21 to 0x7e without the comma (0x2c). */
const KEY = /^[!-+\--~]+$/

/** `ignoreBOM` keeps a leading U+FEFF, which the decoder would swallow: values come back byte for byte. */
const utf8Decoder = /* @__PURE__ */ new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const utf8Encoder = new TextEncoder()

/**
 * Reads `Upload-Metadata`: pairs separated by commas, each `key base64` or, for an empty value, `key`
 * (tus 1.0, Creation: Upload-Metadata). Spaces and tabs around commas are allowed. A header that is absent,
 * empty or blank means no metadata, because one widely used client sends it that way.
 *
 * Time is linear in the length of the header.
 *
 * @throws {MalformedHeader} for a key that is empty, repeated or not printable ASCII, and for a value that
 *   is not padded, canonical base64 (RFC 4648, section 4) of UTF-8 text
 */
export function parseUploadMetadata(value: string | undefined): UploadMetadata {
  const metadata = new Map<string, string>()
  if (value === undefined || trimBlanks(value) === '') return metadata
  for (const element of value.split(',')) {
    const pair = trimBlanks(element)
    const space = pair.indexOf(' ')
    const key = space === -1 ? pair : pair.slice(0, space)
    if (!KEY.test(key)) {
      throw new MalformedHeader(HEADER, 'must have keys in printable ASCII, none of them empty', pair)
    }
    if (metadata.has(key)) throw new MalformedHeader(HEADER, 'must have each key once', key)
    metadata.set(key, space === -1 ? '' : decodeValue(pair, pair.slice(space + 1)))
  }
  return metadata
}

/**
 * Writes `Upload-Metadata`. No pairs give the empty string, for which the header is best left out.
 *
 * @throws {RangeError} for a key that is empty, repeated or not printable ASCII without space and comma, and
 *   for a value with a lone surrogate, which UTF-8 cannot carry
 */
export function formatUploadMetadata(metadata: Iterable<readonly [string, string]>): string {
  const pairs = new Map<string, string>()
  for (const [key, value] of metadata) {
    if (!KEY.test(key)) {
      throw new RangeError(
        `metadata key ${JSON.stringify(key)} must be printable ASCII without space and comma`,
      )
    }
    if (pairs.has(key)) throw new RangeError(`metadata key ${JSON.stringify(key)} appears twice`)
    if (!value.isWellFormed()) {
      throw new RangeError(
        `metadata value of ${JSON.stringify(key)} has a lone surrogate: it is not Unicode text`,
      )
    }
    pairs.set(key, value === '' ? key : `${key} ${encodeBase64(utf8Encoder.encode(value))}`)
  }
  return [...pairs.values()].join(',')
}

function decodeValue(pair: string, value: string): string {
  const bytes = decodeBase64(value)
  if (bytes === undefined) {
    throw new MalformedHeader(HEADER, 'must have values in padded base64, one space after the key', pair)
  }
  try {
    return utf8Decoder.decode(bytes)
  } catch {
    throw new MalformedHeader(HEADER, 'must have values that are UTF-8 text inside the base64', pair)
  }
}

/**
 * Removes spaces and tabs at both ends (OWS of RFC 9110, section 5.6.3). Not `trim()`, which also takes
 * characters that are no white space in HTTP; not a regular expression, which is quadratic on inner blanks.
 */
function trimBlanks(text: string): string {
  let start = 0
  let end = text.length
  while (start < end && isBlank(text.charCodeAt(start))) start++
  while (start < end && isBlank(text.charCodeAt(end - 1))) end--
  return text.slice(start, end)
}

function isBlank(unit: number): boolean {
  return unit === 0x20 || unit === 0x09
}
