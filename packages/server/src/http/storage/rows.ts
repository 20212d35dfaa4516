/** Records as the clients of this face know them. */
import type { Principal } from '../../access/principal.ts'
import type { BucketRecord } from '../../objects/bucket.ts'
import type { ObjectRecord } from '../../objects/object.ts'
import { baseName } from './names.ts'

export function bucketRow(bucket: BucketRecord) {
  return {
    id: bucket.id,
    name: bucket.id,
    owner: ownerOf(bucket.owner),
    public: bucket.public,
    type: 'STANDARD',
    file_size_limit: bucket.fileSizeLimit ?? null,
    allowed_mime_types: bucket.allowedMimeTypes ?? null,
    created_at: timestamp(bucket.createdAt),
    updated_at: timestamp(bucket.updatedAt),
  }
}

/** @param name - how the object is called where it is shown */
export function objectRow(object: ObjectRecord, name = object.key) {
  const updated = timestamp(object.createdAt)
  return {
    name,
    id: object.id,
    bucket_id: object.bucket,
    owner: ownerOf(object.owner),
    owner_id: ownerOf(object.owner),
    version: object.version,
    created_at: timestamp(object.since),
    updated_at: updated,
    last_accessed_at: updated,
    metadata: {
      eTag: `"${object.version}"`,
      size: object.size,
      mimetype: object.headers.contentType,
      cacheControl: cacheControl(object),
      lastModified: updated,
      contentLength: object.size,
      httpStatusCode: 200,
    },
    user_metadata: object.userMetadata ?? null,
  }
}

export function folderRow(name: string) {
  return {
    name,
    id: null,
    updated_at: null,
    created_at: null,
    last_accessed_at: null,
    metadata: null,
  }
}

export function infoRow(object: ObjectRecord) {
  return {
    id: object.id,
    name: object.key,
    version: object.version,
    bucket_id: object.bucket,
    size: object.size,
    content_type: object.headers.contentType,
    content_encoding: object.headers.contentEncoding ?? null,
    cache_control: cacheControl(object),
    etag: `"${object.version}"`,
    digests: object.digests,
    metadata: object.userMetadata ?? {},
    last_modified: timestamp(object.createdAt),
    created_at: timestamp(object.since),
    updated_at: timestamp(object.createdAt),
  }
}

/** The entry of list-v2: both names, the last part and the whole. */
export function entryRow(object: ObjectRecord, folders: boolean) {
  return { ...objectRow(object, folders ? baseName(object.key) : object.key), key: object.key }
}

function timestamp(at: number): string {
  return new Date(at).toISOString()
}

function cacheControl({ headers }: ObjectRecord): string {
  return headers.cacheControl ?? 'no-cache'
}

function ownerOf(owner: Principal): string {
  return owner.role === 'authenticated' ? owner.sub : ''
}
