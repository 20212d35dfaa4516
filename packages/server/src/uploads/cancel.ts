/** Gives an upload up, or makes it unusable: a transfer under way is ended first, then its bytes are released. */
import { type Engine, findPermitted, type Permit, reach } from './engine.ts'
import { UploadError } from './errors.ts'
import { refuseExpired } from './expiry.ts'
import type { UploadId } from './upload.ts'

/**
 * @throws UploadError `not-found`, `gone`, `complete` (it is an object now), `finishing`, `busy`, `unavailable`
 */
export async function cancelUpload(
  engine: Engine,
  id: UploadId,
  permit: Permit,
  signal?: AbortSignal,
): Promise<void> {
  const upload = await findPermitted(engine, id, permit)
  const { state } = upload
  if (state.kind === 'complete') {
    throw new UploadError('complete', 'the upload is complete: it can no longer be cancelled')
  }
  if (state.kind === 'finishing') {
    throw new UploadError('finishing', 'the upload is being finished: it can no longer be cancelled')
  }
  if (state.kind !== 'open' && state.kind !== 'sealed') throw new UploadError('gone', 'the upload has ended')
  if (state.kind === 'open') await refuseExpired(engine, upload)
  const lease = await engine.leases.acquire(id, 'at-once', signal)
  try {
    const cancelled = await reach(() =>
      engine.catalog.endUpload(id, [state.kind], { kind: 'cancelled' }, engine.now()),
    )
    if (!cancelled) throw new UploadError('finishing', 'the upload has just ended: look at it again')
    await engine.durability.end(id)
    engine.digests.forget(id)
    engine.small?.touched(id)
    engine.progress.forget(id)
    // At once rather than with the next sweep: who cancels 50 GB expects them back. A sealed upload's bytes may
    // be part of an object: only the catalog knows, and the sweep asks it.
    if (state.kind === 'open') await reach(() => engine.blobs.remove(upload.segment))
  } finally {
    lease.release()
  }
}

/** @throws UploadError `not-found`, `unavailable` */
export async function deactivateUpload(
  engine: Engine,
  id: UploadId,
  permit: Permit,
  message: string,
): Promise<void> {
  const upload = await findPermitted(engine, id, permit)
  const lease = await engine.leases.acquire(id, 'at-once')
  try {
    const failure = { code: 'past-end', message } as const
    const ended = await reach(() =>
      engine.catalog.endUpload(id, ['open'], { kind: 'failed', failure }, engine.now()),
    )
    await engine.durability.end(id)
    engine.digests.forget(id)
    engine.small?.touched(id)
    engine.progress.forget(id)
    // Not with the next sweep: until then they would fill the disk and count for no quota.
    if (ended) await reach(() => engine.blobs.remove(upload.segment))
  } finally {
    lease.release()
  }
}
