/** What is made of several measurements of the same thing. */

export interface Summary {
  readonly median: number
  readonly min: number
  readonly max: number
}

/** @throws RangeError without values */
export function summary(values: readonly number[]): Summary {
  const sorted = values.toSorted((a, b) => a - b)
  const [min, max] = [sorted.at(0), sorted.at(-1)]
  if (min === undefined || max === undefined) throw new RangeError('nothing was measured')
  return { median: median(sorted), min, max }
}

function median(sorted: readonly number[]): number {
  const middle = sorted.length / 2
  const upper = sorted[Math.floor(middle)] ?? 0
  if (!Number.isInteger(middle)) return upper
  return ((sorted[middle - 1] ?? 0) + upper) / 2
}

/**
 * Ours to theirs. The median is the ratio of the two medians; the spread is that of the ratios within each
 * round, where both ran one right after the other: what slowed the machine down for an hour is not in it.
 * @param ours - one value per round, in the order of rounds, as `theirs`
 */
export function ratio(ours: readonly number[], theirs: readonly number[]): Summary {
  const rounds = Math.min(ours.length, theirs.length)
  const paired = summary(
    Array.from({ length: rounds }, (_, round) => (ours[round] ?? 0) / (theirs[round] ?? 0)),
  )
  return { ...paired, median: summary(ours).median / summary(theirs).median }
}

/** A copy in an order that the seed decides (Fisher–Yates). */
export function shuffled<T>(items: readonly T[], random: () => number): T[] {
  const result = [...items]
  for (let last = result.length - 1; last > 0; last -= 1) {
    const other = Math.floor(random() * (last + 1))
    const [a, b] = [result[last], result[other]]
    if (a !== undefined && b !== undefined) [result[last], result[other]] = [b, a]
  }
  return result
}

/** Numbers from 0 to 1 that a seed repeats (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}
