/** Takes the body of one request: the lease, the offset, the bytes, and the end when they are all there. */
import type { Readable } from 'node:stream'
import type { SegmentWriter } from '../blobs/blob-store.ts'
import type { DigestAlgorithm } from '../blobs/digests.ts'
import { maxSizeOf, refuseTooLarge } from './create.ts'
import {
  asUploadError,
  beforeTelling,
  type Engine,
  expiryOf,
  findPermitted,
  type Permit,
  reach,
} from './engine.ts'
import { UploadError } from './errors.ts'
import { type Finished, finishedOf } from './finish.ts'
import { refuseDenied } from './judge.ts'
import type { Lease } from './lease.ts'
import { limited } from './limited.ts'
import { type Growth, overQuota } from './quota.ts'
import { type TransferEnd, transfer } from './transfer.ts'
import { acceptedLength, type UploadId, type UploadRecord } from './upload.ts'

/** What the bytes of one request must hash to. */
export interface Checksum {
  readonly algorithm: DigestAlgorithm
  /** Lower-case hex. */
  readonly digest: string
}

export interface AppendRequest {
  /** Where the client believes the upload stands. */
  readonly offset: number
  /** Bytes the body will have, as declared; undefined when it does not say. */
  readonly declared: number | undefined
  /** The upload's length, where this request is the one to tell it. */
  readonly length: number | undefined
  /**
   * The protocol's word that the end of this body is the end of the upload; without it the end is where the
   * offset reaches the length. A body that broke off ends nothing.
   */
  readonly ends: boolean
  /** Present when the request names a checksum; it may come after the body, so it is asked for at the end. */
  readonly checksum: (() => Checksum) | undefined
  /** Begins reading: called once, after everything that can be refused was. */
  readonly open: () => Readable
  /** The client has gone. */
  readonly signal: AbortSignal
}

export type AppendOutcome =
  | {
      readonly kind: 'appended'
      readonly upload: UploadRecord
      readonly offset: number
      readonly expiresAt: number
    }
  | {
      readonly kind: 'finished'
      readonly upload: UploadRecord
      readonly offset: number
      readonly finished: Finished
    }
  /** The transfer was cut; its bytes are kept, and there is nobody to answer or nothing true to say. */
  | { readonly kind: 'cut' }

/**
 * @throws UploadError `not-found`, `gone`, `final`, `offset-mismatch`, `busy`, `past-end`, `too-large`,
 *   `length-conflict`, `checksum-mismatch`, `finishing`, `conflict`, `not-permitted`, `bytes-lost`,
 *   `digest-mismatch`, `over-quota`, `overloaded`, `rejected`, `no-space`, `unavailable`; and what `checksum` throws
 */
export async function append(
  engine: Engine,
  id: UploadId,
  permit: Permit,
  request: AppendRequest,
): Promise<AppendOutcome> {
  // Only who may touch the upload may displace its holder.
  const met = engine.leases.holder(id)
  if (met !== undefined) await findPermitted(engine, id, permit)
  const since = performance.now()
  const waited = (tookOver: boolean): void => {
    if (met !== undefined) engine.observer.waitedForLease((performance.now() - since) / 1000, tookOver)
  }
  const lease = await acquire(engine, id, permit, request.signal).catch((error: unknown) => {
    waited(false)
    throw error
  })
  waited(true)
  try {
    const found = await findPermitted(engine, id, permit)
    if (found.concat.kind === 'final') {
      throw new UploadError('final', 'a final upload is made of others and takes no bytes itself')
    }
    if (found.state.kind !== 'open') {
      lease.release()
      return await atTheEnd(engine, found, request)
    }
    await refuseExpired(engine, found)
    await reach(() => refuseDenied(engine.judge, found))
    return await appendHolding(engine, found, permit, request, lease)
  } finally {
    lease.release()
  }
}

/** A holder that has not looked yet cannot tell its offset: then the segment does. */
async function acquire(engine: Engine, id: UploadId, permit: Permit, signal: AbortSignal): Promise<Lease> {
  try {
    return await engine.leases.acquire(id, 'patient', signal)
  } catch (error) {
    if (!(error instanceof UploadError && error.code === 'busy')) throw error
    if (error.offset !== undefined && !engine.limits.everyAck) throw error
    const upload = await findPermitted(engine, id, permit)
    const segment = await reach(() => engine.blobs.inspect(upload.segment))
    const offset = error.offset ?? acceptedLength(upload, segment?.length ?? 0)
    await beforeTelling(engine, upload, offset)
    throw new UploadError('busy', error.message, { offset })
  }
}

async function appendHolding(
  engine: Engine,
  found: UploadRecord,
  permit: Permit,
  request: AppendRequest,
  lease: Lease,
): Promise<AppendOutcome> {
  const { blobs } = engine
  const writer = await reach(() => blobs.openWriter(found.segment))
  let upload: UploadRecord
  let end: TransferEnd
  try {
    // What an earlier checksummed request left and could not take back.
    if (found.rollback !== undefined) await takeBack(engine, found, writer, found.rollback)
    const begin = writer.length
    lease.offset = begin
    if (request.offset !== begin) {
      await beforeTelling(engine, found, begin)
      throw mismatch(request.offset, begin)
    }
    refusePastEnd(found, request)
    engine.transfers.refuseWhenFull()
    upload = await withLength(engine, found, request, begin)
    end = await limited(engine, upload, request.declared, lease, writer, (growth) =>
      request.checksum === undefined
        ? plain(engine, upload, request, lease, writer, growth)
        : checksummed(engine, upload, request, lease, writer, growth, request.checksum),
    )
  } finally {
    await reach(() => writer.close())
  }
  const offset = writer.length
  if (request.ends && end.kind === 'ended' && upload.length === undefined) {
    // Read again: what a form says behind its file came while the bytes did.
    upload = { ...(await findPermitted(engine, upload.id, permit)), length: offset }
  }
  if (offset === upload.length) {
    engine.progress.forget(upload.id)
    // From here the connection no longer matters. The lease goes first: whoever waits for it finds the outcome.
    const finishing = reach(() => engine.finisher.finish(upload, offset))
    lease.release()
    return { kind: 'finished', upload, offset, finished: await finishing }
  }
  if (end.kind === 'failed') throw asUploadError(end.error)
  if (end.kind === 'stopped' && end.why === 'over-quota') throw overQuota(offset)
  if (end.kind !== 'ended') return { kind: 'cut' }
  await beforeTelling(engine, upload, offset)
  return { kind: 'appended', upload, offset, expiresAt: await slide(engine, upload) }
}

/** Every byte that arrives counts, at once. */
async function plain(
  engine: Engine,
  upload: UploadRecord,
  request: AppendRequest,
  lease: Lease,
  writer: SegmentWriter,
  growth: Growth,
): Promise<TransferEnd> {
  const begin = writer.length
  const end = await transfer({
    source: request.open(),
    writer,
    lease,
    budget: engine.budget,
    limit: (upload.length ?? maxSizeOf(upload, engine.limits)) - begin,
    holdLast: request.declared === undefined,
    onWritten: (length) => {
      lease.offset = length
      growth.note(length)
      engine.durability.note(upload, length)
      engine.digests.note(upload, length)
      engine.progress.note(upload, length)
    },
  })
  if (end.kind === 'overflow') {
    await takeBack(engine, upload, writer, begin)
    throw past(upload, maxSizeOf(upload, engine.limits))
  }
  return end
}

/** The bytes count all together once they have the checksum, or not at all. */
async function checksummed(
  engine: Engine,
  upload: UploadRecord,
  request: AppendRequest,
  lease: Lease,
  writer: SegmentWriter,
  growth: Growth,
  checksum: () => Checksum,
): Promise<TransferEnd> {
  const begin = writer.length
  await reach(() => engine.catalog.setRollback(upload.id, begin))
  let kept = false
  try {
    const end = await transfer({
      source: request.open(),
      writer,
      lease,
      budget: engine.budget,
      limit: (upload.length ?? maxSizeOf(upload, engine.limits)) - begin,
      holdLast: false,
      onWritten: (length) => growth.note(length),
    })
    if (end.kind === 'overflow') throw past(upload, maxSizeOf(upload, engine.limits))
    if (end.kind !== 'ended') return end
    const { algorithm, digest } = checksum()
    const following = engine.blobs.follow(upload.segment, begin, [algorithm])
    const actual = (await reach(() => following.finish(writer.length)))[algorithm]
    if (actual !== digest) {
      throw new UploadError(
        'checksum-mismatch',
        `the body does not have the ${algorithm} that it names: send it again`,
      )
    }
    await reach(() => engine.catalog.setRollback(upload.id, undefined))
    kept = true
    lease.offset = writer.length
    engine.durability.note(upload, writer.length)
    engine.digests.note(upload, writer.length)
    engine.progress.note(upload, writer.length)
    return end
  } finally {
    if (!kept) await takeBack(engine, upload, writer, begin)
  }
}

/** Undoes what a request wrote: nothing of it may be durable or hashed any more. */
async function takeBack(
  engine: Engine,
  upload: UploadRecord,
  writer: SegmentWriter,
  begin: number,
): Promise<void> {
  await reach(async () => {
    engine.digests.forget(upload.id)
    await engine.durability.forget(upload.id)
    await engine.catalog.resetDurable(upload.id, Math.min(upload.durable, begin))
    await writer.truncate(begin)
    await engine.catalog.setRollback(upload.id, undefined)
  })
}

/** What a request meets at an upload that takes no more bytes: the outcome, if it repeats the last one. */
async function atTheEnd(
  engine: Engine,
  upload: UploadRecord,
  request: AppendRequest,
): Promise<AppendOutcome> {
  const length = upload.length ?? 0
  const { state } = upload
  if (state.kind === 'expired') throw new UploadError('gone', 'the upload expired')
  if (request.offset !== length) {
    if (state.kind === 'failed') throw new UploadError('gone', `the upload failed: ${state.failure.message}`)
    throw mismatch(request.offset, length)
  }
  if ((request.declared ?? 0) > 0) throw past(upload, length)
  const finished =
    state.kind === 'finishing'
      ? await reach(() => engine.finisher.finish(upload, length))
      : finishedOf(upload)
  return { kind: 'finished', upload, offset: length, finished }
}

/** The sweep may not have come by yet; the upload is gone all the same, at the time that was promised. */
async function refuseExpired({ blobs, limits, now }: Engine, upload: UploadRecord): Promise<void> {
  if (upload.expiresAt > now()) return
  const segment = await reach(() => blobs.inspect(upload.segment))
  if (expiryOf(upload, segment?.modifiedAt ?? 0, limits.ttl) <= now()) {
    throw new UploadError('gone', 'the upload expired')
  }
}

/** Before the length is set or a byte is read: a body that says it is too long leaves nothing behind. */
function refusePastEnd(upload: UploadRecord, { offset, declared, length }: AppendRequest): void {
  const end = upload.length ?? length
  if (end === undefined || declared === undefined || declared === 0) return
  if (offset + declared > end) throw past({ ...upload, length: end }, end)
}

async function withLength(
  engine: Engine,
  upload: UploadRecord,
  request: AppendRequest,
  begin: number,
): Promise<UploadRecord> {
  const { length } = request
  if (length === undefined) {
    if (request.declared !== undefined)
      refuseTooLarge(begin + request.declared, maxSizeOf(upload, engine.limits))
    return upload
  }
  if (upload.length !== undefined && upload.length !== length) {
    throw new UploadError(
      'length-conflict',
      `the upload has ${upload.length} bytes, which cannot become ${length}`,
    )
  }
  if (length < begin) {
    throw new UploadError(
      'length-conflict',
      `${begin} bytes are there already: the upload cannot have ${length}`,
    )
  }
  refuseTooLarge(length, maxSizeOf(upload, engine.limits))
  if (upload.length === undefined) {
    await engine.quota.declare(upload, length)
    await reach(() => engine.catalog.setLength(upload.id, length))
  }
  return { ...upload, length }
}

async function slide(engine: Engine, upload: UploadRecord): Promise<number> {
  const expiresAt = engine.now() + engine.limits.ttl
  // The file's own time of change carries the expiry through a restart; the catalog follows in larger steps.
  if (expiresAt - upload.expiresAt > engine.limits.ttl / 20) {
    await reach(() => engine.catalog.advance(upload.id, { expiresAt }))
  }
  return expiresAt
}

function mismatch(offset: number, actual: number): UploadError {
  return new UploadError('offset-mismatch', `the upload stands at ${actual}, not at ${offset}`, {
    offset: actual,
  })
}

function past(upload: UploadRecord, end: number): UploadError {
  return upload.length === undefined
    ? new UploadError('too-large', `an upload may have ${end} bytes here`, { limit: end })
    : new UploadError('past-end', `the body would go past the end of the upload at ${upload.length} bytes`)
}
