/** Where an upload stands, as HEAD shows it. */
import { beforeTelling, type Engine, findPermitted, isHeld, type Permit, reach } from './engine.ts'
import { UploadError } from './errors.ts'
import { expiryOf, refuseExpired } from './expiry.ts'
import { type Finished, finishedOf } from './finish.ts'
import type { Holder, Manner } from './lease.ts'
import { acceptedLength, isDeactivated, type UploadId, type UploadRecord } from './upload.ts'

/** How long a look at an upload that is being finished waits for the outcome. */
const FINISH_WAIT_MS = 10_000

export type Inspection =
  | {
      readonly kind: 'open'
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

/** All bytes came, and the outcome is an error that a repeat of the last request gets again. */
export interface FailedInspection {
  readonly kind: 'failed'
  readonly upload: UploadRecord
  readonly offset: number
}

/**
 * Ends a silent writer, so that what it shows is what the next append must name. Never shows all bytes of an
 * upload that has not come to its end.
 * @throws UploadError `not-found`, `gone`, `finishing`, `unavailable`
 */
export async function inspectUpload(
  engine: Engine,
  id: UploadId,
  permit: Permit,
  signal?: AbortSignal,
): Promise<Inspection> {
  const found = await look(engine, id, permit, 'patient', signal)
  if (found.kind === 'failed') throw failed(found.upload)
  return found
}

/**
 * For protocols in which the end is a matter of a word: ends any writer at once, and shows all bytes of an upload
 * that was not told to end as what they are.
 * @throws UploadError `not-found`, `gone`, `finishing`, `unavailable`
 */
export function inspectByWord(
  engine: Engine,
  id: UploadId,
  permit: Permit,
  signal?: AbortSignal,
): Promise<Inspection | FailedInspection> {
  return look(engine, id, permit, 'at-once', signal)
}

/**
 * What is recorded, for those who only read: unlike a look it ends no writer and no upload.
 * @throws UploadError `not-found`, `gone`, `unavailable`
 */
export async function readUpload(engine: Engine, id: UploadId, permit: Permit): Promise<UploadRecord> {
  const upload = await findPermitted(engine, id, permit)
  if (upload.state.kind === 'failed') throw failed(upload)
  if (upload.state.kind === 'expired') throw new UploadError('gone', 'the upload expired')
  if (upload.state.kind === 'open') await refuseExpired(engine, upload)
  return upload
}

async function look(
  engine: Engine,
  id: UploadId,
  permit: Permit,
  manner: Manner,
  signal: AbortSignal | undefined,
): Promise<Inspection | FailedInspection> {
  let upload = await findBegun(engine, id, permit)
  let holder: Holder | undefined
  if (upload.state.kind === 'open') {
    const { length } = upload
    if (length !== undefined && engine.finisher.isRunning(id)) return finishing(engine, upload, length)
    const held = isHeld(engine, upload)
    holder = await engine.leases.settle(id, signal, manner, upload)
    // While we waited the holder may have accepted more, told the length, or ended the upload: an old record
    // beside a new file would show an offset that never was.
    if (held) upload = await findBegun(engine, id, permit)
  }
  switch (upload.state.kind) {
    case 'complete':
    case 'sealed':
    case 'cancelled':
    case 'expired':
      return { kind: 'finished', upload, offset: upload.length ?? 0, finished: finishedOf(upload) }
    case 'failed':
      if (isDeactivated(upload)) throw failed(upload)
      return { kind: 'failed', upload, offset: upload.length ?? 0 }
    case 'finishing':
      return finishing(engine, upload, upload.length ?? 0)
    case 'open':
      return open(engine, upload, holder, manner === 'at-once')
  }
}

/** The record, which says where the upload ends if that is known. */
async function findBegun(engine: Engine, id: UploadId, permit: Permit): Promise<UploadRecord> {
  const upload = await findPermitted(engine, id, permit)
  if (upload.length !== undefined || !engine.finisher.isRunning(id)) return upload
  await soon(engine.finisher.begun(id))
  return findPermitted(engine, id, permit)
}

async function open(
  engine: Engine,
  upload: UploadRecord,
  holder: Holder | undefined,
  byWord: boolean,
): Promise<Inspection | FailedInspection> {
  const { blobs, limits } = engine
  const segment = await reach(() => blobs.inspect(upload.segment, upload.stored))
  // The writer's own count is what it has accepted; the file may be a write ahead of it.
  const offset = engine.durability.counted(
    upload.id,
    holder?.offset ?? acceptedLength(upload, segment?.length ?? 0),
  )
  if (offset === upload.length && !(byWord && upload.ending === 'word'))
    return finishing(engine, upload, offset)
  const expiresAt = expiryOf(upload, segment?.modifiedAt ?? 0, limits.ttl)
  if (holder === undefined && expiresAt <= engine.now()) return expired(engine, upload)
  await beforeTelling(engine, upload, offset)
  return { kind: 'open', upload, offset, expiresAt }
}

/**
 * Past its time by what was read. A small body leaves no file to see: one that was published since, by a request that
 * began in time, is not gone.
 */
async function expired(engine: Engine, upload: UploadRecord): Promise<Inspection> {
  const now = await reach(() => engine.catalog.findUpload(upload.id))
  if (now === undefined || now.state.kind === 'open') throw new UploadError('gone', 'the upload expired')
  if (now.state.kind === 'finishing')
    throw new UploadError('finishing', 'the upload is being finished: try again')
  return { kind: 'finished', upload: now, offset: now.length ?? 0, finished: finishedOf(now) }
}

async function finishing(
  engine: Engine,
  upload: UploadRecord,
  length: number,
): Promise<Inspection | FailedInspection> {
  try {
    const finished = await soon(reach(() => engine.finisher.finish(upload, length)))
    return { kind: 'finished', upload, offset: length, finished }
  } catch (error) {
    if (!(error instanceof UploadError && isFinal(error))) throw error
    const ended = await reach(() => engine.catalog.findUpload(upload.id))
    if (ended === undefined || isDeactivated(ended)) throw failed(ended ?? upload)
    return { kind: 'failed', upload: ended, offset: length }
  }
}

/** @throws UploadError `finishing` when it takes longer than a look may wait */
async function soon<T>(work: Promise<T>): Promise<T> {
  const timeout = Promise.withResolvers<never>()
  const timer = setTimeout(() => {
    timeout.reject(new UploadError('finishing', 'the upload is being finished: try again in a moment'))
  }, FINISH_WAIT_MS)
  try {
    return await Promise.race([work, timeout.promise])
  } finally {
    clearTimeout(timer)
  }
}

function isFinal({ code }: UploadError): boolean {
  const ends: readonly UploadError['code'][] = [
    'conflict',
    'bytes-lost',
    'digest-mismatch',
    'not-permitted',
    'rejected',
  ]
  return ends.includes(code)
}

function failed({ state }: UploadRecord): UploadError {
  const why = state.kind === 'failed' ? `: ${state.failure.message}` : ''
  return new UploadError('gone', `the upload failed${why}`)
}
