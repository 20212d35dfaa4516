/** Where an upload stands, as HEAD shows it. */
import { type Engine, expiryOf, findPermitted, type Permit, reach } from './engine.ts'
import { UploadError } from './errors.ts'
import type { Answer, UploadId, UploadRecord } from './upload.ts'

/** How long a look at an upload that is being finished waits for the outcome. */
const FINISH_WAIT_MS = 10_000

export type Inspection =
  | { readonly kind: 'open'; readonly upload: UploadRecord; readonly offset: number; readonly expiresAt: number }
  | { readonly kind: 'complete'; readonly upload: UploadRecord; readonly offset: number; readonly answer: Answer }

/**
 * Ends a silent writer, so that what it shows is what the next append must name. Never shows all bytes of an
 * upload that is not published.
 * @throws UploadError `not-found`, `gone`, `finishing`, `unavailable`
 */
export async function inspectUpload(
  engine: Engine,
  id: UploadId,
  permit: Permit,
  signal?: AbortSignal,
): Promise<Inspection> {
  const upload = await findPermitted(engine, id, permit)
  switch (upload.state.kind) {
    case 'complete':
      return { kind: 'complete', upload, offset: upload.length ?? 0, answer: upload.state.answer }
    case 'failed':
      throw new UploadError('gone', `the upload failed: ${upload.state.failure.message}`)
    case 'expired':
      throw new UploadError('gone', 'the upload expired')
    case 'cancelled':
      throw new UploadError('not-found', 'there is no such upload')
    case 'finishing':
      return finishing(engine, upload, upload.length ?? 0)
    case 'open':
      return open(engine, upload, signal)
  }
}

async function open(engine: Engine, upload: UploadRecord, signal: AbortSignal | undefined): Promise<Inspection> {
  const { leases, blobs, limits } = engine
  const holder = await leases.settle(upload.id, signal)
  const segment = await reach(() => blobs.inspect(upload.segment))
  // The writer's own count is what it has written in order; the file may be a write ahead of it.
  const offset = holder?.offset ?? segment?.length ?? 0
  if (offset === upload.length) return finishing(engine, upload, offset)
  const expiresAt = expiryOf(upload, segment?.modifiedAt ?? 0, limits.ttl)
  if (holder === undefined && expiresAt <= engine.now()) throw new UploadError('gone', 'the upload expired')
  return { kind: 'open', upload, offset, expiresAt }
}

async function finishing(engine: Engine, upload: UploadRecord, length: number): Promise<Inspection> {
  const timeout = Promise.withResolvers<never>()
  const timer = setTimeout(() => {
    timeout.reject(new UploadError('finishing', 'the upload is being finished: try again in a moment'))
  }, FINISH_WAIT_MS)
  try {
    const answer = await Promise.race([settled(engine, upload, length), timeout.promise])
    return { kind: 'complete', upload, offset: length, answer }
  } finally {
    clearTimeout(timer)
  }
}

async function settled(engine: Engine, upload: UploadRecord, length: number): Promise<Answer> {
  try {
    return await reach(() => engine.finisher.finish(upload, length))
  } catch (error) {
    if (error instanceof UploadError && (error.code === 'conflict' || error.code === 'bytes-lost')) {
      throw new UploadError('gone', `the upload failed: ${error.message}`)
    }
    throw error
  }
}
