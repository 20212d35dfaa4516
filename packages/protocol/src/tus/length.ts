import { MalformedHeader } from '../malformed.ts'

/** `Number.MAX_SAFE_INTEGER` has 16 digits, so nothing longer can be exact. */
const BYTE_COUNT = /^[0-9]{1,16}$/

/**
 * Reads a count of bytes: 1 to 16 ASCII digits, no sign, space, point or exponent. Leading zeros are
 * allowed within the 16 digits.
 *
 * Stricter than `Number()`, which takes `1e3`, `0x10`, ` 7 ` and the empty string for numbers.
 *
 * @returns bytes, 0 to `Number.MAX_SAFE_INTEGER`
 * @throws {MalformedHeader} for anything else, in the name of `header`
 */
export function parseByteCount(header: string, value: string): number {
  const count = BYTE_COUNT.test(value) ? Number(value) : Number.NaN
  if (!Number.isSafeInteger(count)) {
    throw new MalformedHeader(
      header,
      `must be a count of bytes in decimal digits, at most ${Number.MAX_SAFE_INTEGER}`,
      value,
    )
  }
  return count
}

/**
 * Reads `Upload-Offset` (tus 1.0, Headers). Required wherever it is read.
 *
 * @returns bytes, 0 to `Number.MAX_SAFE_INTEGER`
 * @throws {MalformedHeader} when missing or not a byte count
 */
export function parseUploadOffset(value: string | undefined): number {
  if (value === undefined) {
    throw new MalformedHeader('Upload-Offset', 'is missing: it must say at which byte the content begins')
  }
  return parseByteCount('Upload-Offset', value)
}

/** What a creation request says about the upload's size: `length` in bytes, or "I will tell later". */
export type DeclaredLength = { kind: 'known'; length: number } | { kind: 'deferred' }

/**
 * Reads `Upload-Length` and `Upload-Defer-Length`, of which exactly one must be present
 * (tus 1.0, Creation: Upload-Defer-Length). A final upload (`Upload-Concat: final`) has neither: do not ask.
 *
 * @throws {MalformedHeader} when both or neither are present, when the length is not a byte count, or when
 *   `Upload-Defer-Length` is not exactly `1`
 */
export function parseDeclaredLength(headers: {
  uploadLength: string | undefined
  uploadDeferLength: string | undefined
}): DeclaredLength {
  const { uploadLength, uploadDeferLength } = headers
  if (uploadDeferLength === undefined) {
    if (uploadLength === undefined) {
      throw new MalformedHeader(
        'Upload-Length',
        'is missing: send it with the size in bytes, or Upload-Defer-Length: 1 when it is not known yet',
      )
    }
    return { kind: 'known', length: parseByteCount('Upload-Length', uploadLength) }
  }
  if (uploadLength !== undefined) {
    throw new MalformedHeader(
      'Upload-Defer-Length',
      'must be absent when Upload-Length is present: the size is either known or deferred',
    )
  }
  if (uploadDeferLength !== '1') {
    throw new MalformedHeader('Upload-Defer-Length', 'must be 1', uploadDeferLength)
  }
  return { kind: 'deferred' }
}
