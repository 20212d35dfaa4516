/** When a delivery that failed is tried again. */
import type { AfterFailure } from '../../catalog/outbox.ts'

const S = 1000
const M = 60 * S
const H = 60 * M

/** Eleven deliveries over about three days: long enough for a weekend, short enough for a dead receiver. */
export const WAITS: readonly number[] = [
  5 * S,
  30 * S,
  2 * M,
  10 * M,
  1 * H,
  3 * H,
  6 * H,
  12 * H,
  24 * H,
  24 * H,
]

/** Up to this share is added, so that events that failed together do not come back together. */
const JITTER = 0.2

/**
 * @param attempts - deliveries that failed before this one
 * @param random - 0 to 1
 */
export function afterFailure(
  attempts: number,
  reason: string,
  now: number,
  waits = WAITS,
  random = Math.random(),
): AfterFailure {
  const wait = waits[attempts]
  return wait === undefined
    ? { kind: 'dead', at: now, reason }
    : { kind: 'retry', dueAt: Math.round(now + wait * (1 + JITTER * random)) }
}
