/** Uploads in numbered parts: in parallel, in any order. */
import type { PartReceipt, PartsDriver, PartsState, ProviderResult } from '../driver.ts'
import { FilesError } from '../errors.ts'
import type { Json } from '../json.ts'
import { attempt, Cut } from './attempt.ts'
import { payloadFor } from './payload.ts'
import { type PlannedPart, partsOf } from './plan.ts'
import type { Patience } from './retry.ts'
import { insist, patienceOf, recover, sessionGone, type Transfer, together } from './transfer.ts'

/** Parts that the provider holds, by number. */
export type Held = Map<number, PartReceipt>

/** Sends what is missing and adds it to `held`. Resolves to the result if a probe found the upload complete. */
export async function sendParts(
  transfer: Transfer,
  driver: PartsDriver,
  session: Json,
  partSize: number,
  held: Held,
  stop: AbortSignal,
): Promise<ProviderResult | undefined> {
  const plan = partsOf(transfer.intent.size, partSize)
  keepFitting(held, plan)
  const missing = plan.filter((part) => !held.has(part.number))
  const last = driver.lastAlone && missing.at(-1)?.number === plan.length ? missing.splice(-1) : []
  let complete: ProviderResult | undefined
  const tally = () =>
    transfer.progress.acknowledged([...held.values()].reduce((sum, part) => sum + part.size, 0))
  tally()

  const worker = (parts: Iterable<PlannedPart>) => async (stop: AbortSignal) => {
    for (const part of parts) {
      const patience = patienceOf(transfer, stop)
      while (!held.has(part.number) && complete === undefined) {
        await transfer.desk.ready(stop)
        try {
          held.set(part.number, await sendPart(transfer, driver, session, part, stop))
          // Nobody but the token will know: it is written before the part counts.
          if (driver.probe === undefined) await transfer.persist?.().catch(() => {})
        } catch (error) {
          await recover(transfer, stop, patience, error)
          if (!isUnknown(error)) continue
          const state = await probeParts(transfer, driver, session, stop, patience)
          if (state?.state === 'complete') complete = state.result
          const there = state?.state === 'open' && state.parts.find(({ number }) => number === part.number)
          if (there && there.size === part.size) held.set(part.number, there)
        }
      }
      tally()
    }
  }
  for (const parts of [missing, last]) {
    const worked = worker(parts.values())
    await together(
      stop,
      Array.from({ length: Math.min(transfer.concurrency, parts.length) }, () => worked),
    )
  }
  return complete
}

async function sendPart(
  transfer: Transfer,
  driver: PartsDriver,
  session: Json,
  part: PlannedPart,
  stop: AbortSignal,
): Promise<PartReceipt> {
  const { idleTimeout, desk } = transfer
  return attempt({ idleTimeout, stop, cut: desk.cut }, async (call) => {
    const { payload, land } = payloadFor(transfer, part.start, part.size, call)
    let done = false
    try {
      const receipt = await driver.send(session, part.number, payload, call)
      done = true
      return receipt
    } finally {
      land(done)
    }
  })
}

/** Asks which parts are there; undefined where the provider cannot say. */
export async function probeParts(
  transfer: Transfer,
  driver: PartsDriver,
  session: Json,
  stop: AbortSignal,
  patience: Patience,
): Promise<Exclude<PartsState, { state: 'gone' }> | undefined> {
  if (driver.probe === undefined) return undefined
  const state = await insist(
    transfer,
    stop,
    patience,
    async (call) =>
      (await driver.probe?.(session, transfer.intent, transfer.source, call)) ?? { state: 'gone' as const },
  )
  if (state.state === 'gone') throw sessionGone()
  return state
}

/** A part counts only if it has the size that this plan gives it: numbers alone prove nothing. */
function keepFitting(held: Held, plan: readonly PlannedPart[]): void {
  const sizes = new Map(plan.map((part) => [part.number, part.size]))
  for (const [number, receipt] of held) {
    if (sizes.get(number) !== receipt.size) held.delete(number)
  }
}

function isUnknown(error: unknown): boolean {
  return error instanceof Cut || !refused(FilesError.wrap(error))
}

/** Whether the provider certainly did not take what a failed call sent. */
function refused(error: FilesError): boolean {
  return error.status !== undefined && error.status >= 400 && (error.status < 500 || error.status === 503)
}
