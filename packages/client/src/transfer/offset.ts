/** Uploads whose bytes grow from the front: one lane, or several that the provider joins. */
import type { Lane, OffsetDriver, OffsetState, ProviderResult } from '../driver.ts'
import { FilesError } from '../errors.ts'
import type { Json } from '../json.ts'
import { attempt } from './attempt.ts'
import { ChunkSize } from './chunks.ts'
import { payloadFor } from './payload.ts'
import type { Patience } from './retry.ts'
import { insist, patienceOf, recover, sessionGone, type Transfer, together } from './transfer.ts'

/** Sends what is missing. Resolves to the result if a probe found the upload complete. */
export async function sendLanes(
  transfer: Transfer,
  driver: OffsetDriver,
  session: Json,
  lanes: readonly Lane[],
  offsets: readonly number[],
  wanted: number | undefined,
  stop: AbortSignal,
): Promise<ProviderResult | undefined> {
  const reached = lanes.map((lane, index) => checked(lane, offsets[index] ?? lane.start))
  let complete: ProviderResult | undefined
  const tally = () =>
    transfer.progress.acknowledged(reached.reduce((sum, at, i) => sum + at - (lanes[i]?.start ?? 0), 0))
  tally()

  await together(
    stop,
    lanes.map((lane) => async (stop) => {
      const patience = patienceOf(transfer, stop)
      const chunk = new ChunkSize(driver.chunk, wanted)
      let offset = reached[lane.index] ?? lane.start
      const arrive = (at: number) => {
        if (at > offset) patience.progress()
        offset = checked(lane, at)
        reached[lane.index] = offset
        tally()
      }
      while (offset < lane.end && complete === undefined) {
        await transfer.desk.ready(stop)
        try {
          const before = offset
          arrive(await sendChunk(transfer, driver, session, lane, offset, chunk, stop))
          if (offset <= before) throw stuck(offset)
        } catch (error) {
          chunk.failed()
          await recover(transfer, stop, patience, error)
          const state = await probeLanes(transfer, driver, session, lanes, stop, patience)
          if (state.state === 'complete') complete = state.result
          else arrive(state.offsets[lane.index] ?? lane.start)
        }
      }
    }),
  )
  return complete
}

async function sendChunk(
  transfer: Transfer,
  driver: OffsetDriver,
  session: Json,
  lane: Lane,
  offset: number,
  chunk: ChunkSize,
  stop: AbortSignal,
): Promise<number> {
  const began = Date.now()
  const { idleTimeout, desk } = transfer
  return attempt({ idleTimeout, stop, cut: desk.cut }, async (call) => {
    const size = chunk.next(offset, lane.end)
    // Of several lanes each holds one piece: together they would hold twice what they may.
    const ahead = transfer.concurrency > 1 && driver.maxLanes === 1 ? chunk.next(offset + size, lane.end) : 0
    const { payload, land } = payloadFor(transfer, offset, size, call, ahead)
    let at = offset
    try {
      at = await driver.send(session, lane, payload, call)
      chunk.sent(Date.now() - began)
      return at
    } finally {
      land(at === offset + size)
    }
  })
}

/** Asks where the lanes are. `gone` is an error: starting over is the caller's decision. */
export async function probeLanes(
  transfer: Transfer,
  driver: OffsetDriver,
  session: Json,
  lanes: readonly Lane[],
  stop: AbortSignal,
  patience: Patience,
): Promise<Exclude<OffsetState, { state: 'gone' }>> {
  const state = await insist(transfer, stop, patience, (call) =>
    driver.probe(session, transfer.intent, lanes, transfer.source, call),
  )
  if (state.state === 'gone') throw sessionGone()
  return state
}

/** A provider that claims bytes nobody sent would make the object wrong: that is no offset to go on from. */
function checked(lane: Lane, offset: number): number {
  if (Number.isSafeInteger(offset) && offset >= lane.start && offset <= lane.end) return offset
  throw new FilesError(
    'Corrupted',
    `the provider claims offset ${offset} in bytes ${lane.start}–${lane.end}; discard this upload and start anew`,
  )
}

function stuck(offset: number): FilesError {
  return new FilesError('Provider', `the provider acknowledged nothing of what was sent at ${offset}`)
}
