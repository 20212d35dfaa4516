/** Bytes `start` to `end`, both included, counted from 0. */
export type ByteRange = { start: number; end: number }

/**
 * What to answer: the whole representation (200), these parts of it in the order asked for (206; never
 * empty, each within the representation), or that none exists (416).
 */
export type RangeResult =
  | { kind: 'whole' }
  | { kind: 'unsatisfiable' }
  | { kind: 'ranges'; ranges: readonly ByteRange[] }

const WHOLE: RangeResult = { kind: 'whole' }

/** Sixteen ranges fit many times over; what is longer is not worth splitting. */
const MAX_LENGTH = 4096
const MAX_RANGES = 16
const MAX_OVERLAPPING = 2

const BYTES_UNIT = /^bytes=/i
const RANGE_SPEC = /^[ \t]*(?<first>[0-9]*)-(?<last>[0-9]*)[ \t]*$/
const BLANK = /^[ \t]*$/

/**
 * Reads `Range` for a representation of `size` bytes (RFC 9110, sections 14.1.2 and 14.2).
 *
 * Ignored, as the RFC permits (`whole`): no header, another unit, a malformed set, a header of more than
 * 4,096 characters, and sets that would make the answer many times larger than the representation: more
 * than 16 ranges, or more than two that overlap others. So the ranges of an answer never add up to more than
 * twice `size`.
 *
 * In an empty representation a suffix such as `-5` is satisfiable, yet no `Content-Range` can say so: `whole`.
 *
 * Never throws.
 */
export function parseRange(value: string | undefined, size: number): RangeResult {
  if (value === undefined || value.length > MAX_LENGTH || !BYTES_UNIT.test(value)) return WHOLE
  // RFC 9110, section 5.6.1.2: empty list elements are ignored.
  const specs = value
    .slice('bytes='.length)
    .split(',')
    .filter((spec) => !BLANK.test(spec))
  if (specs.length === 0 || specs.length > MAX_RANGES) return WHOLE

  const ranges: ByteRange[] = []
  for (const spec of specs) {
    const { first, last } = RANGE_SPEC.exec(spec)?.groups ?? {}
    if (first === undefined || last === undefined || (first === '' && last === '')) return WHOLE
    if (first === '') {
      const suffix = Math.min(Number(last), size)
      if (suffix > 0) ranges.push({ start: size - suffix, end: size - 1 })
      else if (Number(last) > 0) return WHOLE
      continue
    }
    // Numbers too long to be exact are far beyond any size, and are only compared with it.
    const start = Number(first)
    const end = last === '' ? Number.POSITIVE_INFINITY : Number(last)
    if (end < start) return WHOLE
    if (start < size) ranges.push({ start, end: Math.min(end, size - 1) })
  }
  if (ranges.length === 0) return { kind: 'unsatisfiable' }
  return countOverlapping(ranges) > MAX_OVERLAPPING ? WHOLE : { kind: 'ranges', ranges }
}

/** Writes `Content-Range` of a 206, or of one of its parts (RFC 9110, section 14.4). */
export function formatContentRange(range: ByteRange, size: number): string {
  return `bytes ${range.start}-${range.end}/${size}`
}

/** Writes `Content-Range` of a 416 (RFC 9110, sections 14.4 and 15.5.17). */
export function formatUnsatisfiedRange(size: number): string {
  return `bytes */${size}`
}

/** How many of the ranges share a byte with another one. */
function countOverlapping(ranges: readonly ByteRange[]): number {
  return ranges.filter((a) => ranges.some((b) => b !== a && a.start <= b.end && b.start <= a.end)).length
}
