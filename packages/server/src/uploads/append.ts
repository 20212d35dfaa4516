/** Takes the body of one request: the lease, the offset, the bytes, and the end when they are all there. */
import type { Readable } from 'node:stream'
import { refuseTooLarge } from './create.ts'
import { asUploadError, type Engine, expiryOf, findPermitted, type Permit, reach } from './engine.ts'
import { UploadError } from './errors.ts'
import { answerOf } from './finish.ts'
import type { Lease } from './lease.ts'
import { type TransferEnd, transfer } from './transfer.ts'
import type { Answer, UploadId, UploadRecord } from './upload.ts'

export interface AppendRequest {
  /** Where the client believes the upload stands. */
  readonly offset: number
  /** Bytes the body will have, as declared; undefined when it does not say. */
  readonly declared: number | undefined
  /** The upload's length, where this request is the one to tell it. */
  readonly length: number | undefined
  /** Begins reading: called once, after everything that can be refused was. */
  readonly open: () => Readable
  /** The client has gone. */
  readonly signal: AbortSignal
}

export type AppendOutcome =
  | { readonly kind: 'appended'; readonly upload: UploadRecord; readonly offset: number; readonly expiresAt: number }
  | { readonly kind: 'complete'; readonly upload: UploadRecord; readonly offset: number; readonly answer: Answer }
  /** The transfer was cut; its bytes are kept, and there is nobody to answer or nothing true to say. */
  | { readonly kind: 'cut' }

/**
 * @throws UploadError `not-found`, `gone`, `offset-mismatch`, `busy`, `past-end`, `too-large`,
 *   `length-conflict`, `finishing`, `conflict`, `bytes-lost`, `no-space`, `unavailable`
 */
export async function append(
  engine: Engine,
  id: UploadId,
  permit: Permit,
  request: AppendRequest,
): Promise<AppendOutcome> {
  const early = await findPermitted(engine, id, permit)
  if (early.state.kind !== 'open') return atTheEnd(engine, early, request)
  const lease = await engine.leases.acquire(id, 'patient', request.signal)
  try {
    // Whoever held the lease before may have ended the upload.
    const found = await findPermitted(engine, id, permit)
    if (found.state.kind !== 'open') {
      lease.release()
      return await atTheEnd(engine, found, request)
    }
    await refuseExpired(engine, found)
    return await appendHolding(engine, found, request, lease)
  } finally {
    lease.release()
  }
}

async function appendHolding(
  engine: Engine,
  found: UploadRecord,
  request: AppendRequest,
  lease: Lease,
): Promise<AppendOutcome> {
  const { blobs, limits, durability } = engine
  const writer = await reach(() => blobs.openWriter(found.segment))
  let end: TransferEnd
  let upload: UploadRecord
  try {
    const begin = writer.length
    lease.offset = begin
    if (request.offset !== begin) throw mismatch(request.offset, begin)
    refusePastEnd(found, request)
    upload = await withLength(engine, found, request, begin)
    const limit = (upload.length ?? limits.maxSize) - begin
    end = await transfer({
      source: request.open(),
      writer,
      lease,
      budget: engine.budget,
      limit,
      holdLast: request.declared === undefined,
      onWritten: (length) => durability.note(upload, length),
    })
    if (end.kind === 'overflow') {
      await reach(() => takeBack(engine, upload, () => writer.truncate(begin), begin))
      lease.offset = begin
      throw past(upload, limits.maxSize)
    }
  } finally {
    await reach(() => writer.close())
  }
  const offset = writer.length
  if (offset === upload.length) {
    // From here the connection no longer matters. The lease goes first: whoever waits for it finds the outcome.
    const finishing = reach(() => engine.finisher.finish(upload, offset))
    lease.release()
    const answer = await finishing
    return { kind: 'complete', upload, offset, answer }
  }
  if (end.kind === 'failed') throw asUploadError(end.error)
  if (end.kind !== 'ended') return { kind: 'cut' }
  if (limits.everyAck) await reach(() => durability.settle(upload))
  return { kind: 'appended', upload, offset, expiresAt: await slide(engine, upload) }
}

/** What a request meets at an upload that takes no more bytes: the outcome, if it repeats the last one. */
async function atTheEnd(engine: Engine, upload: UploadRecord, request: AppendRequest): Promise<AppendOutcome> {
  const length = upload.length ?? 0
  if (upload.state.kind === 'expired') throw new UploadError('gone', 'the upload expired')
  if (request.offset !== length) {
    if (upload.state.kind === 'failed') throw new UploadError('gone', `the upload failed: ${upload.state.failure.message}`)
    throw mismatch(request.offset, length)
  }
  if ((request.declared ?? 0) > 0) throw past(upload, length)
  const answer =
    upload.state.kind === 'finishing'
      ? await reach(() => engine.finisher.finish(upload, length))
      : answerOf(upload)
  return { kind: 'complete', upload, offset: length, answer }
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
  if (end !== undefined && declared !== undefined && offset + declared > end) throw past(upload, end)
}

async function withLength(
  engine: Engine,
  upload: UploadRecord,
  request: AppendRequest,
  begin: number,
): Promise<UploadRecord> {
  const { length } = request
  if (length === undefined) {
    if (request.declared !== undefined) refuseTooLarge(begin + request.declared, engine.limits.maxSize)
    return upload
  }
  if (upload.length !== undefined && upload.length !== length) {
    throw new UploadError('length-conflict', `the upload has ${upload.length} bytes, which cannot become ${length}`)
  }
  if (length < begin) {
    throw new UploadError('length-conflict', `${begin} bytes are there already: the upload cannot have ${length}`)
  }
  refuseTooLarge(length, engine.limits.maxSize)
  if (upload.length === undefined) await reach(() => engine.catalog.setLength(upload.id, length))
  return { ...upload, length }
}

/** Undoes what a request wrote; what was durable of it is no longer. */
async function takeBack(
  engine: Engine,
  upload: UploadRecord,
  truncate: () => Promise<void>,
  begin: number,
): Promise<void> {
  await engine.durability.forget(upload.id)
  await engine.catalog.resetDurable(upload.id, Math.min(upload.durable, begin))
  await truncate()
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
  return new UploadError('offset-mismatch', `the upload stands at ${actual}, not at ${offset}`, { offset: actual })
}

function past(upload: UploadRecord, end: number): UploadError {
  return upload.length === undefined
    ? new UploadError('too-large', `an upload may have ${end} bytes here`, { limit: end })
    : new UploadError('past-end', `the body would go past the end of the upload at ${upload.length} bytes`)
}
