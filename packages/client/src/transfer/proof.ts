/** Proof that the provider holds the body. Loaded late: only for providers that report a digest. */
import type { Digest } from '../digest.ts'
import { FilesError } from '../errors.ts'
import type { Transfer } from './transfer.ts'
import { crc32Of } from './whole.ts'

/** The digest of the body from what was noted while sending; undefined where that was not enough. */
export async function digestOf(
  { driver, grid, progress, source }: Transfer,
  stop: AbortSignal,
): Promise<Digest | undefined> {
  if (driver.digest === 'crc64nvme') {
    return (await import('./stretches.ts')).stretchesOf(progress).digest(source, stop)
  }
  if (driver.digest !== undefined && driver.digest !== 'crc32') {
    const { runningOf } = await import('./running.ts')
    const whole = await runningOf(progress, source, driver.digest)
    return whole?.finish({ signal: stop, touch: () => {} })
  }
  return grid && crc32Of(source, grid)
}

/** @throws FilesError `Corrupted` when the body has another digest than the one the provider reports */
export async function prove(
  { verify, source }: Transfer,
  theirs: Digest,
  known: Digest | undefined,
  stop: AbortSignal,
): Promise<void> {
  // A hash of another kind costs another reading of the body: only for those who want everything verified.
  const ours =
    known?.algorithm !== theirs.algorithm && verify === 'full'
      ? await (await import('./running.ts')).digestOf(source, theirs.algorithm, stop)
      : known
  if (ours?.algorithm !== theirs.algorithm || theirs.value === ours.value) return
  throw new FilesError(
    'Corrupted',
    `the provider holds ${theirs.algorithm} ${theirs.value}, the body has ${ours.value}; delete the object and upload it anew`,
  )
}
