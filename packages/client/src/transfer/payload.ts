/** A piece of the body on its way out: read, noted on the grid, paced and counted. */
import type { Call, Payload } from '../driver.ts'
import { FilesError } from '../errors.ts'
import type { Budget } from './budget.ts'
import type { Grid } from './grid.ts'
import type { Pace } from './pace.ts'
import type { Progress } from './progress.ts'
import type { RunningDigest } from './running.ts'
import type { Source } from './source.ts'

export const BLOCK = 1024 * 1024
const SLICE = 256 * 1024
/** Pieces up to this size may be held whole; larger ones are read in blocks as they go. */
export const WHOLE = 16 * BLOCK

export interface Road {
  readonly source: Source
  /** Absent when nobody can ask for a token or a digest. */
  readonly grid: Grid | undefined
  /** The digest that the provider will report, where it is not the grid's. */
  readonly running: RunningDigest | undefined
  readonly pace: Pace
  readonly progress: Progress
  readonly memory: Budget
}

/** A payload for one attempt. `land` takes its bytes out of the count of those on their way. */
export function payloadFor(
  road: Road,
  start: number,
  size: number,
  call: Call,
): { payload: Payload; land: () => void } {
  let flying = 0
  let held = 0
  const fly = (bytes: number) => {
    flying += bytes
    road.progress.flying(bytes)
    call.touch()
  }
  const payload: Payload = {
    start,
    size,
    bytes: async () => {
      if (size > WHOLE) throw new FilesError('NotSupported', `a piece of ${size} bytes is not held in memory`)
      await road.memory.take(size, call)
      held += size
      const bytes = await road.source.read(start, start + size)
      road.grid?.add(start, bytes)
      road.running?.add(start, bytes)
      await road.pace.take(size, call.signal, call.touch)
      fly(size)
      return bytes
    },
    read: async function* () {
      const end = start + size
      for (let at = start; at < end; at += BLOCK) yield await road.source.read(at, Math.min(at + BLOCK, end))
    },
    blocks: async function* ({ reuse } = { reuse: false }) {
      // Loaded late: where bodies cannot be streamed nobody asks for blocks.
      const { blocksOf, reading } = await import('./blocks.ts')
      yield* blocksOf(road, reading(road.source, reuse), start, start + size, call, fly)
    },
  }
  return {
    payload,
    land: () => {
      road.progress.flying(-flying)
      flying = 0
      road.memory.give(held)
      held = 0
    },
  }
}

/** A payload whose bytes are in memory already, handed out in slices so that its progress can be seen. */
export function inSlices(payload: Payload, bytes: Uint8Array<ArrayBuffer>): Payload {
  return {
    ...payload,
    bytes: async () => bytes,
    blocks: async function* () {
      for (let at = 0; at < bytes.length; at += SLICE) yield bytes.subarray(at, at + SLICE)
    },
  }
}
