import type { Digest } from '../digest.ts'
import type { ProviderResult } from '../driver.ts'
import { FilesError } from '../errors.ts'
import type { Json } from '../json.ts'
import type { Course } from './course.ts'
import { patienceOf, type Transfer, wholeDigest } from './transfer.ts'
import { unhurried } from './unhurried.ts'

/** Sends what is missing and has the provider complete the object, until it says so. */
export async function finish(
  transfer: Transfer,
  course: Course,
  session: Json,
  stop: AbortSignal,
): Promise<ProviderResult> {
  const { desk } = transfer
  const patience = patienceOf(transfer, stop)
  for (;;) {
    stop.throwIfAborted()
    desk.enter('sending')
    const sent = await course.send(session, stop)
    if (sent) return proved(transfer, sent, await wholeDigest(transfer, { signal: stop }), stop)
    await desk.ready(stop)
    desk.enter('finishing')
    const digest = await wholeDigest(transfer, { signal: stop })
    try {
      const result = await unhurried(transfer, stop, (call) => course.complete(session, digest, call))
      return await proved(transfer, result, digest, stop)
    } catch (error) {
      stop.throwIfAborted()
      await patience.after(error, stop)
    }
    // Whether it completed is unknown, and what it missed too: ask, then send or complete again.
    const found = await course.locate(session, stop, patience)
    if (found) return proved(transfer, found, digest, stop)
  }
}

/** Compares what the provider holds with the body, where both are known. */
export async function proved(
  { verify, source }: Transfer,
  result: ProviderResult,
  known: Digest | undefined,
  stop: AbortSignal,
): Promise<ProviderResult> {
  const theirs = result.digest
  if (theirs === undefined) return result
  // A hash of another kind costs another reading of the body: only for those who want everything verified.
  const ours =
    known?.algorithm !== theirs.algorithm && verify === 'full'
      ? await (await import('./running.ts')).digestOf(source, theirs.algorithm, stop)
      : known
  if (ours?.algorithm !== theirs.algorithm || theirs.value === ours.value) return result
  throw new FilesError(
    'Corrupted',
    `the provider holds ${theirs.algorithm} ${theirs.value}, the body has ${ours.value}; delete the object and upload it anew`,
  )
}
