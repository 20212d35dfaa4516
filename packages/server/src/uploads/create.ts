/** A new upload: one row. Its segment is made by the first bytes. */
import type { Principal } from '../access/principal.ts'
import { newSegmentId } from '../blobs/blob-store.ts'
import type { ObjectHeaders, UserMetadata } from '../objects/object.ts'
import { type Engine, reach, tellsDurable, type UploadLimits } from './engine.ts'
import { UploadError } from './errors.ts'
import type { HookSubject } from './hooks.ts'
import { refusalOf } from './quota.ts'
import {
  type DigestWishes,
  type Ending,
  type FaceName,
  newUploadId,
  type Precondition,
  type UploadId,
  type UploadRecord,
  type UploadState,
} from './upload.ts'

export interface CreateRequest {
  readonly face: FaceName
  readonly owner: Principal
  readonly bucket: string
  /** The object's key; made from the upload's id where objects have no other name. */
  readonly key: (id: UploadId) => string
  readonly precondition: Precondition
  /** Bytes; undefined when it will be told later. */
  readonly length: number | undefined
  /** Shown again byte for byte. */
  readonly metadata: string
  readonly headers: ObjectHeaders
  /** It ends by word, not when its offset reaches its length. */
  readonly ending?: Ending | undefined
  /** A partial upload becomes no object by itself. */
  readonly concat: 'whole' | 'partial'
  readonly digests: DigestWishes
  readonly userMetadata?: UserMetadata | undefined
  /** Bytes it may have, where that is less than the server allows. */
  readonly maxSize?: number | undefined
  /** The sha-256 of the signed token that allows it. */
  readonly capability?: string | undefined
}

/**
 * An upload of no bytes is complete, and its object published, when this resolves; unless it ends by word.
 * @throws UploadError `too-large`, `over-quota`, `too-many-open`, `no-space`, `unavailable`, `conflict`,
 *   `rejected`
 */
export async function createUpload(engine: Engine, request: CreateRequest): Promise<UploadRecord> {
  const upload = await newUpload(engine, request)
  await insertUpload(engine, upload)
  if (upload.length !== 0 || upload.ending !== undefined) return upload
  const finished = await reach(() => engine.finisher.finish(upload, 0))
  const state: UploadState =
    finished.kind === 'published' ? { kind: 'complete', answer: finished.answer } : { kind: 'sealed' }
  return { ...upload, state }
}

/**
 * The record of an upload that may be made; it is not there yet.
 * @throws UploadError `too-large`, `no-space`, `unavailable`, `rejected`
 */
export async function newUpload(engine: Engine, request: CreateRequest): Promise<UploadRecord> {
  const { blobs, limits, now } = engine
  if (request.length !== undefined) {
    refuseTooLarge(request.length, maxSizeOf(request, limits))
    const free = await reach(() => blobs.freeBytes())
    if (free !== undefined && request.length > free) {
      throw new UploadError('no-space', `the server has no space for ${request.length} bytes`)
    }
  }
  const id = newUploadId()
  const { bucket, owner } = request
  const key = request.key(id)
  const action = request.concat === 'partial' ? 'create-partial' : 'create'
  const described = await askBeforeCreate(engine, { ...request, action, key, size: request.length })
  const createdAt = now()
  return {
    id,
    face: request.face,
    owner,
    bucket,
    key,
    precondition: request.precondition,
    length: request.length,
    metadata: described.metadata,
    headers: described.headers,
    userMetadata: request.userMetadata,
    ending: request.ending,
    maxSize: request.maxSize,
    capability: request.capability,
    segment: newSegmentId(),
    concat: { kind: request.concat },
    digests: request.digests,
    rollback: undefined,
    durable: 0,
    createdAt,
    expiresAt: createdAt + limits.ttl,
    state: { kind: 'open' },
  }
}

/** @throws UploadError `over-quota`, `too-many-open`, `unavailable` */
export function insertUpload(engine: Engine, upload: UploadRecord): Promise<void> {
  const { catalog, quota, small } = engine
  return reach(async () => {
    const exceeded = await catalog.insertUpload(upload, quota.allowance, isMadeDurably(engine, upload))
    if (exceeded !== undefined) throw refusalOf(exceeded)
    small?.made(upload)
  })
}

/**
 * Whether a power cut must not take an upload to which no byte has come. A small one is mostly published by its next
 * request, with a sync of its own; and one that is gone begins anew, with nothing lost. But nobody may have been told
 * of it in an event, and larger ones have files, which have rows for as long as they are there.
 */
function isMadeDurably(engine: Engine, upload: UploadRecord): boolean {
  return !engine.small?.expects(upload) || engine.catalog.keepsEvents || tellsDurable(engine, upload)
}

/** Bytes an upload may have: its own limit where there is a smaller one. */
export function maxSizeOf({ maxSize }: { maxSize?: number | undefined }, limits: UploadLimits): number {
  return Math.min(maxSize ?? limits.maxSize, limits.maxSize)
}

/** The metadata and headers the upload is to have. @throws UploadError `rejected`, `unavailable` */
export async function askBeforeCreate(
  { hooks }: Engine,
  subject: HookSubject,
): Promise<Pick<UploadRecord, 'metadata' | 'headers'>> {
  const verdict = await hooks.run('beforeCreate', subject)
  if (verdict.kind === 'go-on') return verdict
  throw new UploadError('rejected', verdict.message, { status: verdict.status })
}

/** @throws UploadError `too-large` */
export function refuseTooLarge(length: number, maxSize: number): void {
  if (length > maxSize) {
    throw new UploadError('too-large', `an upload may have ${maxSize} bytes here, not ${length}`, {
      limit: maxSize,
    })
  }
}
