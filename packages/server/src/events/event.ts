/**
 * What the server tells about uploads and objects. Made from records inside the catalog's transactions, so
 * that an event exists exactly when what it tells has happened. See docs/design/events.md.
 */
import { randomBytes } from 'node:crypto'
import type { Principal } from '../access/principal.ts'
import type { UploadEnd } from '../catalog/catalog.ts'
import type { ObjectRecord } from '../objects/object.ts'
import type { UploadFailure } from '../uploads/errors.ts'
import { type Metadata, readMetadata } from '../uploads/metadata.ts'
import type { UploadId, UploadRecord } from '../uploads/upload.ts'

/** What both an upload and an object have. */
interface Subject {
  readonly bucket: string
  readonly key: string
  /** The content type, as the client named it. */
  readonly type: string
  readonly owner: Principal
}

interface UploadData extends Subject {
  /** The upload's id. Its URL is a capability: not for logs. */
  readonly upload: UploadId
  /** Bytes in all; null while the client has not said. */
  readonly size: number | null
  readonly metadata: Metadata
}

interface ObjectData extends Subject {
  /** Bytes. */
  readonly size: number
  /** The object's version, its `ETag`. */
  readonly version: string
}

interface MediaData extends Subject {
  /** Bytes; null when none came. */
  readonly size: number | null
  /** The descriptor, as the media face shows it. */
  readonly file: Readonly<Record<string, unknown>>
  /** As it was given with the wish for the upload or the import. */
  readonly externalInfo?: Readonly<Record<string, unknown>> | undefined
}

/** What became of a media file once its bytes were looked at. */
export type MediaTold =
  | Told<'media.ready', MediaData>
  | Told<
      'media.failed',
      MediaData & { readonly error: { readonly code: string; readonly description: string } }
    >

/** Events that are kept until they are delivered. */
export type StoredEvent =
  | Told<'upload.created', UploadData>
  | Told<'upload.completed', UploadData & ObjectData>
  | Told<'upload.cancelled', UploadData>
  | Told<'upload.expired', UploadData>
  | Told<'upload.failed', UploadData & { readonly failure: UploadFailure }>
  /** By an upload, or as a copy or under a new name of another object: then nothing of an upload is told. */
  | Told<'object.created', ObjectData & Partial<UploadData>>
  /** Deleted, or replaced by a newer version. */
  | Told<'object.removed', ObjectData>
  | MediaTold

/** Every event, those included that only listeners in the same process hear. */
export type PawlEvent =
  | StoredEvent
  /** Bytes were accepted up to `offset`; at most 4 per second and upload. */
  | Told<'upload.progressed', UploadData & { readonly offset: number }>

export type EventType = PawlEvent['type']
export type EventOf<T extends EventType> = Extract<PawlEvent, { readonly type: T }>

interface Told<T extends string, D> {
  /** `evt_` and 128 random bits in hex: the same at every delivery of this event. */
  readonly id: string
  readonly type: T
  /** When it happened, ISO 8601 in UTC. */
  readonly timestamp: string
  readonly data: D
}

function told<T extends EventType, D>(type: T, at: number, data: D): Told<T, D> {
  const id = `evt_${randomBytes(16).toString('hex')}`
  return { id, type, timestamp: new Date(at).toISOString(), data }
}

export function uploadCreated(upload: UploadRecord): StoredEvent[] {
  return silent(upload) ? [] : [told('upload.created', upload.createdAt, uploadData(upload))]
}

/** An upload became `object`, which took the place of `replaced`. */
export function uploadPublished(
  upload: UploadRecord,
  object: ObjectRecord,
  replaced: ObjectRecord | undefined,
): StoredEvent[] {
  const data = { ...uploadData(upload), ...objectData(object) }
  return [
    told('upload.completed', object.createdAt, data),
    ...(replaced === undefined ? [] : [objectRemoved(replaced, object.createdAt)]),
    told('object.created', object.createdAt, data),
  ]
}

export function uploadEnded(upload: UploadRecord, end: UploadEnd, at: number): StoredEvent[] {
  if (silent(upload)) return []
  const data = uploadData(upload)
  switch (end.kind) {
    case 'cancelled':
      return [told('upload.cancelled', at, data)]
    case 'expired':
      return [told('upload.expired', at, data)]
    case 'failed':
      return [told('upload.failed', at, { ...data, failure: end.failure })]
  }
}

export function uploadProgressed(upload: UploadRecord, offset: number, at: number): PawlEvent[] {
  return silent(upload) ? [] : [told('upload.progressed', at, { ...uploadData(upload), offset })]
}

/** An object came without an upload, and took the place of `replaced`. */
export function objectCopied(
  object: ObjectRecord,
  replaced: ObjectRecord | undefined,
  at: number,
): StoredEvent[] {
  return [
    ...(replaced === undefined ? [] : [objectRemoved(replaced, at)]),
    told('object.created', at, objectData(object)),
  ]
}

export function objectRemoved(object: ObjectRecord, at: number): StoredEvent {
  return told('object.removed', at, objectData(object))
}

export function mediaReady(data: MediaData, at: number): MediaTold {
  return told('media.ready', at, data)
}

export function mediaFailed(
  data: MediaData,
  error: { readonly code: string; readonly description: string },
  at: number,
): MediaTold {
  return told('media.failed', at, { ...data, error })
}

/** A partial upload is a piece of a final one, which tells for all of them; it expires after it was joined, too. */
function silent(upload: UploadRecord): boolean {
  return upload.concat.kind === 'partial'
}

function uploadData(upload: UploadRecord): UploadData {
  return {
    upload: upload.id,
    bucket: upload.bucket,
    key: upload.key,
    size: upload.length ?? null,
    type: upload.headers.contentType,
    metadata: metadataOf(upload),
    owner: upload.owner,
  }
}

/** An upload whose metadata an older version took and this one cannot read must still come to its end. */
function metadataOf(upload: UploadRecord): Metadata {
  try {
    return readMetadata(upload.metadata)
  } catch {
    return {}
  }
}

function objectData(object: ObjectRecord): ObjectData {
  return {
    bucket: object.bucket,
    key: object.key,
    size: object.size,
    type: object.headers.contentType,
    owner: object.owner,
    version: object.version,
  }
}
