/** What the routes of the storage face share. */
import type { IncomingMessage } from 'node:http'
import type { Allows, PolicyAction, PolicySubject } from '../../access/policies.ts'
import type { Principal } from '../../access/principal.ts'
import type { SignedUrls } from '../../access/signed-urls.ts'
import type { Credentials } from '../../access/storage-access.ts'
import { allowsType, type BucketRecord } from '../../objects/bucket.ts'
import type { Buckets } from '../../objects/buckets.ts'
import type { ObjectRecord } from '../../objects/object.ts'
import type { Objects } from '../../objects/objects.ts'
import type { Uploads } from '../../uploads/uploads.ts'
import type { Cors } from '../cors.ts'
import type { Exchange } from '../exchange.ts'
import type { ResumableDoor } from '../resumable-http/face.ts'
import { DENIED, StorageError } from './errors.ts'
import type { Place } from './names.ts'

export interface StorageFace {
  /** Where it is mounted, without a slash at the end. */
  readonly prefix: string
  /** What stands before the prefix in an upload's URL: empty, or the public URL. */
  readonly urlPrefix: string
  readonly uploads: Uploads
  /** Makes uploads of whole objects resumable. */
  readonly resumable: ResumableDoor
  readonly objects: Objects
  readonly buckets: Buckets
  readonly signed: SignedUrls
  readonly allows: Allows
  readonly cors: Cors
  /** @throws CredentialError, UploadError `unavailable` */
  identify(credentials: Credentials, late?: boolean): Promise<Principal>
  /** Seconds a request has to wait because its client makes too many; 0 to go on. */
  readonly pace: (req: IncomingMessage) => number
  readonly onError: (error: unknown, exchange?: Exchange) => void
}

export function credentialsOf(exchange: Exchange): Credentials {
  return { authorization: exchange.header('authorization'), apikey: exchange.header('apikey') }
}

/**
 * The bucket that a caller names. Only the service role learns that there is none: to others a bucket that is
 * not there is like one they may not use.
 * @throws StorageError `NoSuchBucket`, `AccessDenied`
 */
export async function bucketFor(face: StorageFace, caller: Principal, id: string): Promise<BucketRecord> {
  const bucket = await face.buckets.find(id)
  if (bucket !== undefined) return bucket
  if (caller.role === 'service_role') throw new StorageError('NoSuchBucket', 'Bucket not found')
  throw new StorageError('AccessDenied', DENIED)
}

export function allowsObject(
  face: StorageFace,
  caller: Principal,
  action: PolicyAction,
  bucket: BucketRecord,
  object: ObjectRecord,
): Promise<boolean> {
  const { key, size, headers, userMetadata } = object
  const type = headers.contentType
  return face.allows(caller, {
    action,
    bucket: bucket.id,
    key,
    size,
    type,
    metadata: userMetadata,
    public: bucket.public,
  })
}

/**
 * Whether something new may be put at a place now, over what is there if `upsert` says so.
 * @param taken - `later`: what stands there is left to the publishing, because it may be what a repeated request made
 * @throws StorageError `AccessDenied`, `KeyAlreadyExists`
 */
export async function judgePlace(
  face: StorageFace,
  caller: Principal,
  subject: Omit<PolicySubject, 'action'>,
  upsert: boolean,
  taken: 'refused' | 'later' = 'refused',
): Promise<void> {
  const standing = await face.objects.find(subject.bucket, subject.key)
  const action = standing !== undefined && upsert ? 'update' : 'insert'
  // Before whether it is taken: who may not put anything there does not learn what is there.
  if (!(await face.allows(caller, { ...subject, action }))) throw new StorageError('AccessDenied', DENIED)
  if (standing !== undefined && !upsert && taken === 'refused') {
    throw new StorageError('KeyAlreadyExists', 'The resource already exists')
  }
}

/** @throws StorageError `InvalidMimeType`, `EntityTooLarge` */
export function judgeContent(bucket: BucketRecord, contentType: string, size: number | undefined): void {
  if (!allowsType(bucket, contentType)) {
    throw new StorageError('InvalidMimeType', `mime type ${contentType} is not supported`)
  }
  if (size !== undefined && bucket.fileSizeLimit !== undefined && size > bucket.fileSizeLimit) {
    throw new StorageError('EntityTooLarge', 'The object exceeded the maximum allowed size')
  }
}

/** @throws StorageError `NoSuchKey` for an object that is not there, or that the caller may not see */
export async function objectFor(
  face: StorageFace,
  caller: Principal,
  { bucket: id, key }: Place,
): Promise<{ bucket: BucketRecord; object: ObjectRecord }> {
  const bucket = await face.buckets.find(id)
  if (bucket === undefined && caller.role === 'service_role') {
    throw new StorageError('NoSuchBucket', 'Bucket not found')
  }
  const object = bucket && (await face.objects.find(id, key))
  if (bucket === undefined || object === undefined) throw noSuchKey()
  // Whoever has a key may read what everyone may read.
  if (!bucket.public && !(await allowsObject(face, caller, 'select', bucket, object))) throw noSuchKey()
  return { bucket, object }
}

export function noSuchKey(): StorageError {
  return new StorageError('NoSuchKey', 'Object not found')
}
