/** A piece of the body on its way out: read, noted on the grid, paced and counted. */
import type { Call, Payload } from '../driver.ts'
import { FilesError } from '../errors.ts'
import { BLOCK } from './block.ts'
import type { Budget } from './budget.ts'
import type { Grid } from './grid.ts'
import type { Pace } from './pace.ts'
import type { Progress } from './progress.ts'
import type { Source } from './source.ts'

/** Pieces up to this size may be held whole; larger ones are read in blocks as they go. */
export const WHOLE = 16 * BLOCK

export interface Road {
  readonly source: Source
  /** Absent when nobody can ask for a token or a digest. */
  readonly grid: Grid | undefined
  readonly pace: Pace
  readonly progress: Progress
  /** Absent where the pieces in flight stay below the limit anyway. */
  readonly memory: Budget | undefined
}

/**
 * A payload for one attempt. `land` takes its bytes out of the count of those on their way, and tells whether the
 * provider took all of them.
 * @param ahead Size of the piece that will follow it, where one may be held beside this one.
 */
export function payloadFor(
  road: Road,
  start: number,
  size: number,
  call: Call,
  ahead = 0,
): { payload: Payload; land: (done: boolean) => void } {
  let flying = 0
  let held = 0
  let counted = false
  const backs: (() => void)[] = []
  const fly = (bytes: number) => {
    flying += bytes
    road.progress.flying(bytes)
    call.touch()
  }
  const whole = async () => {
    // Loaded late: a page has no such source.
    const { source, grid } = road
    if (source.readInto) return (await import('./lend.ts')).readLent(road, start, size, backs, ahead)
    const bytes = await source.read(start, start + size)
    grid?.add(start, bytes)
    return bytes
  }
  const payload: Payload = {
    start,
    size,
    left: (count) => {
      if (!counted) fly(count)
    },
    bytes: async ({ told } = { told: false }) => {
      if (size > WHOLE) throw new FilesError('NotSupported', `a piece of ${size} bytes is not held in memory`)
      await road.memory?.take(size, call)
      held += size
      const bytes = await whole()
      await road.pace.take(size, call.signal, call.touch)
      counted = !told
      if (counted) fly(size)
      return bytes
    },
    blocks: async function* ({ reuse } = { reuse: false }) {
      // Loaded late: where bodies cannot be streamed nobody asks for blocks.
      const { blocksOf, reading } = await import('./blocks.ts')
      yield* blocksOf(road, reading(road.source, reuse), start, start + size, call, fly)
    },
    sums: async () => (await import('./blocks.ts')).sumsOf(road, start, size),
  }
  return {
    payload,
    land: (done) => {
      // Of an attempt that was cut, a connection may still be looking at the memory.
      if (done) for (const back of backs) back()
      road.progress.flying(-flying)
      flying = 0
      road.memory?.give(held)
      held = 0
    },
  }
}
