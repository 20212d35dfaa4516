/** A piece of the body on its way out: read, noted on the grid, paced and counted. */
import type { Call, Payload } from '../driver.ts'
import { WHOLE } from './block.ts'
import type { Budget } from './budget.ts'
import type { Grid } from './grid.ts'
import type { Pace } from './pace.ts'
import type { Progress } from './progress.ts'
import type { Source } from './source.ts'

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
 * Pieces of a `Blob`, by their payload, that a browser reads by itself while it sends them: what they hold is noted, and
 * nothing of it passes through the page. Handing bytes to Chromium instead blocks the page for each of them, and takes
 * several times as long. Whoever makes another payload of one, with more around it or less of it, makes one that is not
 * known here.
 */
export const blobPieces: WeakMap<Payload, () => Promise<Blob>> = new WeakMap()

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
  const { source, grid, pace, progress } = road
  const { blob } = source
  const end = start + size
  let flying = 0
  let counted = false
  const ends: ((done: boolean) => void)[] = []
  const fly = (bytes: number) => {
    flying += bytes
    progress.flying(bytes)
    call.touch()
  }
  const payload: Payload = {
    start,
    size,
    left: (count) => {
      if (!counted) fly(count)
    },
    bytes: async ({ told } = { told: false }) => {
      const { wholePiece } = await import('./whole-piece.ts')
      const bytes = await wholePiece(road, start, size, call, ahead, ends)
      await pace.take(size, call.signal, call.touch)
      counted = !told
      if (counted) fly(size)
      return bytes
    },
    blocks: async function* ({ reuse } = { reuse: false }) {
      // Loaded late: where bodies cannot be streamed nobody asks for blocks.
      const { blocksOf, reading } = await import('./blocks.ts')
      yield* blocksOf(road, reading(source, reuse), start, end, call, fly)
    },
    sums: async () => (await import('./blocks.ts')).sumsOf(road, start, size, call, ahead, ends),
  }
  if (blob && size <= WHOLE)
    blobPieces.set(payload, async () => {
      // The last byte where nothing is noted: a browser does not say that it cannot read a body any more.
      await (grid ? grid.read(source, start, end, call.signal) : size && source.read(end - 1, end))
      grid?.expect(source, end, end + ahead)
      await pace.take(size, call.signal, call.touch)
      return blob.slice(start, end)
    })
  return {
    payload,
    land: (done) => {
      progress.flying(-flying)
      flying = 0
      for (const end of ends.splice(0)) end(done)
    },
  }
}
