/**
 * Takes away what nobody can want any more, in small batches: uploads that expired, the memory of uploads
 * that ended, bytes that nothing refers to. Never an object.
 */
import { type SegmentId, StoreError } from '../blobs/blob-store.ts'
import type { Readers } from '../objects/readers.ts'
import { compactOne } from './compact.ts'
import { type Engine, isHeld } from './engine.ts'
import { expiryOf } from './expiry.ts'
import { acceptedLength, endsAtLength, type UploadRecord } from './upload.ts'

const BATCH = 100
/** An object's bytes outlive it by this: for readers that began before. */
export const RELEASE_GRACE_MS = 60 * 60 * 1000
const EVERY_MS = 60_000
/** A node that lives has finished by then what it began, or tries again by itself. */
const STRANDED_MS = 60_000

export interface Swept {
  readonly finished: number
  readonly expired: number
  readonly forgotten: number
  /** Pieces of packs that were copied, so that mostly dead packs can go. */
  readonly moved: number
  readonly segments: number
}

/**
 * One round. A file that cannot be reached is passed over: it must not keep all others for ever.
 * @throws CatalogError, StoreError at the end: what was done stays done, the next round goes on
 */
export async function sweep(engine: Engine, readers: Readers, signal?: AbortSignal): Promise<Swept> {
  const faults: StoreError[] = []
  const pass = (fault: unknown): void => {
    if (!(fault instanceof StoreError)) throw fault
    faults.push(fault)
  }
  const swept = {
    finished: (await finishStranded(engine)) + (await engine.finisher.finishLeft()),
    expired: await expire(engine, pass, signal),
    forgotten: await forget(engine, signal),
    moved: await compactOne(engine, signal).catch((fault: unknown) => {
      pass(fault)
      return 0
    }),
    segments: await removeReleased(engine, readers, pass, signal),
  }
  await engine.blobs.tidy?.().catch(pass)
  const [fault] = faults
  if (fault !== undefined) throw fault
  return swept
}

/** Uploads whose bytes are all there, and whose node has gone: their clients may never ask again. */
async function finishStranded({ stranded, finisher, now }: Engine): Promise<number> {
  const found = (await stranded?.stranded(now() - STRANDED_MS, BATCH)) ?? []
  let count = 0
  for (const upload of found) {
    if (!endsAtLength(upload) && upload.state.kind === 'open') continue
    // An outcome that is an error is one as well; a fault is tried again by the next sweep of any node.
    const done = await finisher.finish(upload, upload.length ?? 0).catch(() => undefined)
    if (done !== undefined) count += 1
  }
  return count
}

async function expire(engine: Engine, pass: (fault: unknown) => void, signal?: AbortSignal): Promise<number> {
  const { catalog, now } = engine
  let count = 0
  for (;;) {
    const due = await catalog.expired(now(), BATCH)
    let settled = 0
    for (const upload of due) {
      if (signal?.aborted) return count
      const outcome = await expireOne(engine, upload).catch((fault: unknown) => {
        pass(fault)
        return 'left'
      })
      if (outcome !== 'left') settled += 1
      if (outcome === 'expired') count += 1
    }
    // What was left this time would only be found again: the next round looks at it.
    if (due.length < BATCH || settled === 0) return count
  }
}

async function expireOne(engine: Engine, upload: UploadRecord): Promise<'expired' | 'slid' | 'left'> {
  const { catalog, blobs, leases, durability, digests, finisher, limits, now } = engine
  const segment = await blobs.inspect(upload.segment, upload.stored)
  const expiresAt = expiryOf(upload, segment?.modifiedAt ?? 0, limits.ttl)
  if (expiresAt > now()) {
    await catalog.advance(upload.id, { expiresAt })
    return 'slid'
  }
  // A running transfer is never cut: it holds the lease.
  if (isHeld(engine, upload)) return 'left'
  const whole =
    durability.counted(upload.id, acceptedLength(upload, segment?.length ?? 0)) === upload.length &&
    endsAtLength(upload)
  if (upload.state.kind === 'open' && whole && upload.length !== undefined) {
    // All bytes are there: what is late is the publishing, and that is ours to do.
    const done = await finisher.finish(upload, upload.length).catch(() => undefined)
    return done === undefined ? 'left' : 'slid'
  }
  const lease = await leases.acquire(upload.id, 'patient').catch(() => undefined)
  if (lease === undefined) return 'left'
  try {
    // Another node may have taken bytes since the row was read: the next round looks at it anew.
    const { found } = lease
    if (found !== undefined && found.stored?.modifiedAt !== upload.stored?.modifiedAt) return 'left'
    const expired = await catalog.endUpload(upload.id, ['open', 'sealed'], { kind: 'expired' }, now())
    await durability.end(upload.id)
    digests.forget(upload.id)
    return expired ? 'expired' : 'slid'
  } finally {
    lease.release()
  }
}

async function forget({ catalog, limits, now }: Engine, signal?: AbortSignal): Promise<number> {
  let count = 0
  for (;;) {
    const some = await catalog.forgetEnded(now() - limits.ttl, BATCH)
    count += some
    if (some < BATCH || signal?.aborted) return count
  }
}

async function removeReleased(
  { catalog, blobs, now }: Engine,
  readers: Readers,
  pass: (fault: unknown) => void,
  signal?: AbortSignal,
): Promise<number> {
  let count = 0
  for (;;) {
    const released = await catalog.releasedSegments(now() - RELEASE_GRACE_MS, BATCH)
    const removed: SegmentId[] = []
    for (const segment of released) {
      if (signal?.aborted) return count
      if (readers.isOpen(segment)) continue
      await blobs.remove(segment).then(() => removed.push(segment), pass)
    }
    // The row goes last: a crash in between leaves a row whose file is gone, which the next sweep finds again.
    await catalog.forgetSegments(removed)
    count += removed.length
    if (released.length < BATCH || removed.length === 0) return count
  }
}

/** Sweeps now and then until stopped. */
export function sweepRegularly(
  engine: Engine,
  readers: Readers,
  report: (swept: Swept) => void,
  onError: (error: unknown) => void,
): { stop(): Promise<void> } {
  const stopping = new AbortController()
  let running = Promise.resolve()
  const timer = setInterval(
    () => {
      running = running.then(async () => {
        if (stopping.signal.aborted) return
        try {
          report(await sweep(engine, readers, stopping.signal))
        } catch (error) {
          onError(error)
        }
      })
    },
    Math.min(EVERY_MS, Math.max(1000, engine.limits.ttl / 10)),
  )
  timer.unref()
  return {
    async stop() {
      stopping.abort()
      clearInterval(timer)
      await running
    },
  }
}
