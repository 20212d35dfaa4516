/** What counts in an object that has strays between its parts, and the pieces in which it is copied out. */
import type { StrayPart } from '../../catalog/rescue.ts'

/** Bytes of the mixture that become one part. */
export interface Piece {
  readonly number: number
  readonly from: number
  /** Exclusive. */
  readonly to: number
}

/** S3 copies so much well within the patience of a call. */
const USUAL_PIECE = 64 * 1024 * 1024
/** Ranges may be as many as half of the numbers, as there is a stray between two of them: the cuts get the rest. */
const MOST_CUTS = 4999

/** How many of the strays are in the mixture, by its length; undefined when it is none. */
export function mixedIn(
  counting: number,
  strays: readonly StrayPart[],
  actual: number,
): readonly StrayPart[] | undefined {
  let length = counting
  for (const [i, stray] of strays.entries()) {
    length += stray.length
    if (length === actual) return strays.slice(0, i + 1)
  }
  return undefined
}

/**
 * @param counting - parts in the order of their bytes, which is that of their numbers
 * @returns ranges without the strays; all but the last are as large as the smallest part at least
 */
export function piecesOf(counting: readonly StrayPart[], strays: readonly StrayPart[]): Piece[] {
  const total = counting.reduce((sum, { length }) => sum + length, 0)
  const most = Math.max(USUAL_PIECE, Math.ceil(total / MOST_CUTS))
  const pieces: Piece[] = []
  for (const { from, to } of rangesOf(counting, strays)) {
    const count = Math.ceil((to - from) / most)
    for (let i = 0; i < count; i += 1) {
      pieces.push({
        number: pieces.length + 1,
        from: from + Math.floor(((to - from) * i) / count),
        to: from + Math.floor(((to - from) * (i + 1)) / count),
      })
    }
  }
  return pieces
}

/** What counts between two strays. */
function rangesOf(
  counting: readonly StrayPart[],
  strays: readonly StrayPart[],
): { from: number; to: number }[] {
  const counts = new Set(counting.map(({ number }) => number))
  const mixture = [...counting, ...strays].sort((a, b) => a.number - b.number)
  const ranges: { from: number; to: number }[] = []
  let at = 0
  for (const { number, length } of mixture) {
    const last = ranges.at(-1)
    if (counts.has(number)) {
      if (last?.to === at) last.to += length
      else ranges.push({ from: at, to: at + length })
    }
    at += length
  }
  return ranges
}
