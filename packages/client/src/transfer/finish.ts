import type { Digest } from '../digest.ts'
import type { ProviderResult } from '../driver.ts'
import type { Json } from '../json.ts'
import type { Course } from './course.ts'
import { patienceOf, type Transfer, unhurried } from './transfer.ts'

/**
 * Sends what is missing and has the provider complete the object, until it says so.
 * @param found The result, if the provider is known to have completed it already.
 */
export async function finish(
  transfer: Transfer,
  course: Course,
  session: Json,
  stop: AbortSignal,
  found: ProviderResult | undefined,
): Promise<ProviderResult> {
  const { desk } = transfer
  if (found) return proved(transfer, found, await wholeDigest(transfer, stop), stop)
  const patience = patienceOf(transfer, stop)
  for (;;) {
    stop.throwIfAborted()
    desk.enter('sending')
    const sent = await course.send(session, stop)
    if (sent) return proved(transfer, sent, await wholeDigest(transfer, stop), stop)
    await desk.ready(stop)
    desk.enter('finishing')
    const digest = await wholeDigest(transfer, stop)
    try {
      const result = await unhurried(transfer, stop, (call) => course.complete(session, digest, call))
      return await proved(transfer, result, digest, stop)
    } catch (error) {
      stop.throwIfAborted()
      await patience.after(error, stop)
    }
    // Whether it completed is unknown, and what it missed too: ask, then send or complete again.
    const completed = await course.locate(session, stop, patience)
    if (completed) return proved(transfer, completed, digest, stop)
  }
}

/** The digest that the provider will report, if it is one that was computed while sending. */
export async function wholeDigest(transfer: Transfer, stop: AbortSignal): Promise<Digest | undefined> {
  return transfer.driver.digest && (await import('./proof.ts')).digestOf(transfer, stop)
}

/** The result, once what the provider holds was compared with the body, where both are known. */
export async function proved(
  transfer: Transfer,
  result: ProviderResult,
  known: Digest | undefined,
  stop: AbortSignal,
): Promise<ProviderResult> {
  if (result.digest) await (await import('./proof.ts')).prove(transfer, result.digest, known, stop)
  return result
}
