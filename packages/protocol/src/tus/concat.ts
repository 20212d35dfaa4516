import { MalformedHeader } from '../malformed.ts'

/**
 * The role of an upload in a concatenation: one of the pieces, or the whole made of `uploads`, the pieces'
 * URLs (absolute, or relative to the final upload's) in the order of their bytes.
 */
export type UploadConcat = { kind: 'partial' } | { kind: 'final'; uploads: readonly [string, ...string[]] }

const HEADER = 'Upload-Concat'
const FINAL = 'final;'

/** More pieces than any client makes, few enough to look each one up within one request. */
const MAX_UPLOADS = 10_000

/** Printable ASCII, which every URL is written in: a list that passes can be sent back in a header. */
const URL_TEXT = /^[!-~]+$/

/**
 * Reads `Upload-Concat`: `partial`, or `final;` and 1 to 10,000 URLs separated by spaces
 * (tus 1.0, Concatenation: Upload-Concat). The URLs are not resolved; whose uploads they are is not judged.
 *
 * @returns `undefined` when the header is absent: an ordinary upload
 * @throws {MalformedHeader} for any other value
 */
export function parseUploadConcat(value: string | undefined): UploadConcat | undefined {
  if (value === undefined) return undefined
  if (value === 'partial') return { kind: 'partial' }
  if (!value.startsWith(FINAL)) {
    throw new MalformedHeader(
      HEADER,
      'must be "partial", or "final;" and the URLs of the partial uploads',
      value,
    )
  }
  const [first, ...rest] = value
    .slice(FINAL.length)
    .split(' ')
    .filter((url) => url !== '')
  if (first === undefined)
    throw new MalformedHeader(HEADER, 'must list at least one URL after "final;"', value)
  if (rest.length >= MAX_UPLOADS) {
    throw new MalformedHeader(HEADER, `must list at most ${MAX_UPLOADS} URLs, not ${rest.length + 1}`)
  }
  for (const url of [first, ...rest]) {
    if (!URL_TEXT.test(url)) {
      throw new MalformedHeader(HEADER, 'must list URLs in printable ASCII, separated by spaces', url)
    }
  }
  return { kind: 'final', uploads: [first, ...rest] }
}

/**
 * Writes `Upload-Concat`.
 *
 * @throws {RangeError} for more than 10,000 URLs, or one that is empty or not printable ASCII
 */
export function formatUploadConcat(concat: UploadConcat): string {
  if (concat.kind === 'partial') return 'partial'
  if (concat.uploads.length > MAX_UPLOADS) {
    throw new RangeError(
      `a final upload joins at most ${MAX_UPLOADS} partial uploads, not ${concat.uploads.length}`,
    )
  }
  for (const url of concat.uploads) {
    if (!URL_TEXT.test(url)) throw new RangeError(`${JSON.stringify(url)} must be a URL in printable ASCII`)
  }
  return FINAL + concat.uploads.join(' ')
}
