/** Takes the body of one request: the lease, the offset, the bytes, and the end when they are all there. */
import type { Readable } from 'node:stream'
import type { SegmentWriter } from '../blobs/blob-store.ts'
import { CatalogError } from '../catalog/catalog.ts'
import type { Hold } from '../catalog/segment-parts.ts'
import { brings } from './brings.ts'
import {
  asUploadError,
  beforeTelling,
  type Engine,
  findPermitted,
  type Permit,
  permitted,
  reach,
} from './engine.ts'
import { UploadError } from './errors.ts'
import { refuseExpired, slide, standingExpiry } from './expiry.ts'
import { type Finished, finishedOf } from './finish.ts'
import { refuseDenied } from './judge.ts'
import type { Lease, Manner } from './lease.ts'
import { past, refuseConflict, refusePastEnd, shorter, withLength } from './length.ts'
import { limited } from './limited.ts'
import { overQuota } from './quota.ts'
import { takeSmall } from './small-bodies.ts'
import { type Checksum, takeBack, takeChecksummed, takeGathered, takePlain } from './take-body.ts'
import type { TransferEnd } from './transfer.ts'
import { acceptedLength, isDeactivated, type UploadId, type UploadRecord } from './upload.ts'

/**
 * The protocol's word on the end of the upload: when the offset reaches the length; where this body ends; or later
 * than this body. A body that broke off ends nothing, and what was not made to end by word ends at its length.
 */
export type Ends = 'at-length' | 'here' | 'not-here'

export interface AppendRequest {
  /** Where the client believes the upload stands. */
  readonly offset: number
  /** Bytes the body will have, as declared; undefined when it does not say. */
  readonly declared: number | undefined
  /** The upload's length, where this request is the one to tell it. */
  readonly length: number | undefined
  readonly ends: Ends
  /** How it gets past another request that is writing; `patient` unless it says otherwise. */
  readonly manner?: Manner
  /** Present when the request names a checksum; it may come after the body, so it is asked for at the end. */
  readonly checksum: (() => Checksum) | undefined
  /** Told the upload's offset as it grows, as far as it can be relied on. */
  readonly onAccepted?: ((offset: number) => void) | undefined
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
  const lease = await acquire(engine, id, permit, request).catch((error: unknown) => {
    waited(false)
    throw error
  })
  waited(true)
  try {
    let found =
      lease.found === undefined ? await findPermitted(engine, id, permit) : permitted(lease.found, permit)
    if (found.length === undefined && engine.finisher.isRunning(id)) {
      await engine.finisher.begun(id)
      found = await findPermitted(engine, id, permit)
    }
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
async function acquire(
  engine: Engine,
  id: UploadId,
  permit: Permit,
  { manner = 'patient', signal }: AppendRequest,
): Promise<Lease> {
  try {
    // Only who may touch the upload may displace a holder, on another node neither.
    return await engine.leases.acquire(id, manner, signal, (found) => void permitted(found, permit))
  } catch (error) {
    if (!(error instanceof UploadError && error.code === 'busy')) throw error
    const upload = await findPermitted(engine, id, permit)
    const offset = engine.durability.counted(id, error.offset ?? (await offsetOf(engine, upload)))
    await beforeTelling(engine, upload, offset)
    throw new UploadError('busy', error.message, { offset })
  }
}

async function offsetOf({ blobs }: Engine, upload: UploadRecord): Promise<number> {
  const segment = await reach(() => blobs.inspect(upload.segment, upload.stored))
  return acceptedLength(upload, segment?.length ?? 0)
}

async function appendHolding(
  engine: Engine,
  found: UploadRecord,
  permit: Permit,
  request: AppendRequest,
  lease: Lease,
): Promise<AppendOutcome> {
  const { small } = engine
  const body = small?.admit(engine, found, request)
  if (small === undefined || body === undefined) {
    return writing(engine, found, lease, async (writer) => {
      const { upload, end } = await take(engine, found, request, lease, writer)
      return conclude(engine, upload, permit, request, lease, writer, end)
    })
  }
  try {
    const taken = await takeSmall(engine, found, request, lease, body, small.packer)
    switch (taken.kind) {
      case 'dropped':
        return { kind: 'cut' }
      case 'finished':
        small.touched(found.id)
        engine.progress.forget(found.id)
        return { kind: 'finished', upload: found, offset: body.size, finished: taken.finished }
      case 'unpacked':
        return await unpack(engine, found, permit, request, lease, body.bytes, taken.end)
    }
  } finally {
    small.giveBack(engine, body)
  }
}

/** A small body that did not get into a pack goes on as if it had come into the upload's own segment. */
export function unpack(
  engine: Engine,
  upload: UploadRecord,
  permit: Permit,
  request: AppendRequest,
  lease: Lease,
  bytes: Uint8Array,
  end: TransferEnd,
): Promise<AppendOutcome> {
  return writing(engine, upload, lease, async (writer) => {
    const taken = await takeGathered(engine, upload, lease, writer, bytes, end)
    return conclude(engine, upload, permit, request, lease, writer, taken)
  })
}

async function writing<T>(
  { blobs, small }: Engine,
  { id, segment }: UploadRecord,
  { hold }: Lease,
  work: (writer: SegmentWriter) => Promise<T>,
): Promise<T> {
  small?.touched(id)
  const writer = await reach(() => blobs.openWriter(segment, hold))
  try {
    return await work(writer)
  } finally {
    // Not before the end of an upload that is whole: it is made durable through this writer.
    await reach(() => writer.close())
  }
}

async function take(
  engine: Engine,
  record: UploadRecord,
  request: AppendRequest,
  lease: Lease,
  writer: SegmentWriter,
): Promise<{ upload: UploadRecord; end: TransferEnd }> {
  // What an earlier checksummed request left and could not take back, and what a failed sync left in doubt.
  const back = record.rollback ?? engine.durability.cutTo(record.id)
  if (back !== undefined) await takeBack(engine, record, writer, back, lease.hold)
  const begin = writer.length
  // Bytes that were taken back may have been durable; those that come in their place are not.
  const found = { ...record, durable: Math.min(record.durable, begin) }
  lease.offset = begin
  if (request.offset !== begin) {
    await beforeTelling(engine, found, begin)
    throw mismatch(request.offset, begin)
  }
  refuseConflict(found, request, begin)
  refusePastEnd(found, request)
  engine.transfers.refuseWhenFull()
  const lengthy = await withLength(engine, found, request, begin, lease.hold)
  const upload = await withEnding(engine, lengthy, request, lease.hold)
  const end = await limited(engine, upload, request.declared, lease, writer, (growth) =>
    request.checksum === undefined
      ? takePlain(engine, upload, request, lease, writer, growth)
      : takeChecksummed(engine, upload, request, lease, writer, growth, request.checksum),
  )
  return { upload, end }
}

/** What the bytes that are there now lead to. */
async function conclude(
  engine: Engine,
  taken: UploadRecord,
  permit: Permit,
  request: AppendRequest,
  lease: Lease,
  writer: SegmentWriter,
  end: TransferEnd,
): Promise<AppendOutcome> {
  let upload = taken
  const offset = writer.length
  const endsHere = request.ends === 'here' && processed(request, end, offset)
  if (endsHere && upload.length === undefined) {
    // Read again: what a form says behind its file came while the bytes did.
    upload = { ...(await findPermitted(engine, upload.id, permit)), length: offset }
  }
  const endsNow = endsHere || request.ends === 'at-length' || upload.ending === undefined
  if (endsNow && offset === upload.length) {
    engine.progress.forget(upload.id)
    // From here the connection no longer matters. The lease goes first: whoever waits for it finds the outcome.
    const finishing = reach(() => engine.finisher.finish(upload, offset))
    lease.release()
    return { kind: 'finished', upload, offset, finished: await finishing }
  }
  // It lost its lease while it slept: whoever has it now has the answer.
  if (end.kind === 'failed' && isFenced(end.error)) return { kind: 'cut' }
  if (end.kind === 'failed') throw asUploadError(end.error)
  if (end.kind === 'stopped' && end.why === 'over-quota') {
    await beforeTelling(engine, upload, offset)
    throw overQuota(offset)
  }
  if (end.kind !== 'ended') return { kind: 'cut' }
  await beforeTelling(engine, upload, offset)
  if (endsHere) throw shorter(upload, offset)
  // Only bytes buy time: empty requests would keep an upload for ever.
  const expiresAt =
    offset > request.offset ? await slide(engine, upload) : await standingExpiry(engine, upload)
  return { kind: 'appended', upload, offset, expiresAt }
}

/**
 * The upload with what this request says of its end, written down before its first byte: when the process dies
 * behind the last one, the next knows.
 */
async function withEnding(
  engine: Engine,
  upload: UploadRecord,
  { ends }: AppendRequest,
  hold: Hold | undefined,
): Promise<UploadRecord> {
  if (upload.ending === undefined || ends === 'at-length' || upload.length === undefined) return upload
  const ending = ends === 'here' ? 'said' : 'word'
  if (ending !== upload.ending) await reach(() => engine.catalog.setEnding(upload.id, ending, hold))
  return { ...upload, ending }
}

/** Whether the whole content of a request is part of the upload, also if its last turn was cut short. */
function processed({ offset, declared }: AppendRequest, end: TransferEnd, reached: number): boolean {
  return end.kind === 'ended' || (declared !== undefined && offset + declared === reached)
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
  const repeats = request.offset === length
  if (state.kind === 'failed' && (!repeats || isDeactivated(upload))) {
    throw new UploadError('gone', `the upload failed: ${state.failure.message}`)
  }
  if (!repeats) throw mismatch(request.offset, length)
  if (await brings(request)) throw past(upload, length)
  if (request.ends === 'not-here') throw new UploadError('complete', 'the upload is complete')
  const finished =
    state.kind === 'finishing'
      ? await reach(() => engine.finisher.finish(upload, length))
      : finishedOf(upload)
  return { kind: 'finished', upload, offset: length, finished }
}

function isFenced(error: unknown): boolean {
  return error instanceof CatalogError && error.code === 'fenced'
}

function mismatch(offset: number, actual: number): UploadError {
  return new UploadError('offset-mismatch', `the upload stands at ${actual}, not at ${offset}`, {
    offset: actual,
  })
}
