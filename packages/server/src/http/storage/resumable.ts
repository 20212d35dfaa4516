/** The tus door of the storage face: where an upload goes is in its metadata, who may send it in its token. */
import type { Principal } from '../../access/principal.ts'
import { isOwnerOrService } from '../../access/principal.ts'
import { fingerprintOf, SignatureError, type UploadGrant } from '../../access/signed-urls.ts'
import type { UploadRecord } from '../../uploads/upload.ts'
import type { Exchange } from '../exchange.ts'
import { queryOf } from '../query.ts'
import type { TargetFace } from '../resumable-http/face.ts'
import type { Admission, CreationWish, Target, TusAction, TusFace } from '../tus/face.ts'
import { cacheControlFrom, contentTypeFrom, userMetadataFrom } from './details.ts'
import { resumableRefusal, StorageError, storageRefusal } from './errors.ts'
import { bucketFor, credentialsOf, judgeContent, judgePlace, type StorageFace } from './face.ts'
import { checkKey, type Place } from './names.ts'
import { storedAnswer } from './store.ts'

export function resumable(face: StorageFace): TusFace {
  const { uploads, objects, urlPrefix, prefix, onError } = face
  return {
    uploads,
    objects,
    urlPrefix,
    mounts: [`${prefix}/upload/resumable/sign`, `${prefix}/upload/resumable`],
    admit: (exchange, action) => admit(face, exchange, action),
    objectId: (upload, answer) => answer.object ?? upload.key,
    refusal: resumableRefusal,
    onError,
  }
}

/** The face as the target of resumable requests: whose uploads they are, and what they are answered with. */
export function storageTarget(face: StorageFace): TargetFace {
  return {
    permit: async (exchange, action) => {
      const token = queryOf(exchange).get('token') ?? exchange.header('x-signature')
      return (await admit(face, exchange, action, token)).permit
    },
    answer: storedAnswer,
    refusal: storageRefusal,
  }
}

async function admit(
  face: StorageFace,
  exchange: Exchange,
  action: TusAction,
  signature = exchange.header('x-signature'),
): Promise<Admission> {
  if (signature === undefined) {
    const caller = await face.identify(credentialsOf(exchange), action === 'look')
    const upsert = exchange.header('x-upsert') === 'true'
    return {
      permit: (upload) => mayTouch(caller, upload),
      target: (wish) => target(face, caller, wish, { upsert, capability: undefined, bound: undefined }),
    }
  }
  // Its own expiry counts when an upload is created; from then on the upload's does.
  const grant = action === 'create' ? await face.signed.verifyUpload(signature) : undefined
  const capability = fingerprintOf(signature)
  return {
    permit: (upload) => upload.face === 'storage' && upload.capability === capability,
    async target(wish) {
      if (grant === undefined) throw new SignatureError('the signature is not valid for this')
      const upsert = grant.upsert && exchange.header('x-upsert') !== 'false'
      return target(face, grant.owner, wish, { upsert, capability, bound: grant })
    },
  }
}

/** What was begun with a signed token goes on with that token. */
function mayTouch(caller: Principal, upload: UploadRecord): boolean {
  if (upload.face !== 'storage') return false
  if (upload.capability !== undefined) return caller.role === 'service_role'
  return isOwnerOrService(caller, upload.owner)
}

interface Terms {
  readonly upsert: boolean
  readonly capability: string | undefined
  /** The only place that a signed token allows. */
  readonly bound: UploadGrant | undefined
}

async function target(
  face: StorageFace,
  owner: Principal,
  { concat, length, metadata }: CreationWish,
  { upsert, capability, bound }: Terms,
): Promise<Target> {
  const common = { face: 'storage', owner, capability } as const
  if (concat === 'partial') {
    // It goes nowhere by itself, and is judged when it is joined.
    const headers = { contentType: 'application/octet-stream', fileName: undefined }
    return { ...common, bucket: '', key: (id) => id, precondition: 'absent', headers }
  }
  const place = placeOf(metadata)
  if (bound !== undefined && (bound.bucket !== place.bucket || bound.key !== place.key)) {
    throw new SignatureError('the signature is for another object')
  }
  const headers = {
    contentType: contentTypeFrom(metadata.get('contentType')),
    fileName: undefined,
    cacheControl: cacheControlFrom(metadata.get('cacheControl')),
  }
  const userMetadata = userMetadataFrom(metadata.get('metadata'))
  const bucket = await bucketFor(face, owner, place.bucket)
  const type = headers.contentType
  const subject = { ...place, size: length, type, metadata: userMetadata, public: bucket.public }
  // A final upload is published at once, and one whose answer was lost gets it again.
  await judgePlace(face, owner, subject, upsert, concat === 'final' ? 'later' : 'refused')
  judgeContent(bucket, type, length)
  return {
    ...common,
    bucket: place.bucket,
    key: () => place.key,
    precondition: upsert ? 'none' : 'absent',
    headers,
    userMetadata,
    maxSize: bucket.fileSizeLimit,
  }
}

function placeOf(metadata: ReadonlyMap<string, string>): Place {
  if (metadata.size === 0) throw new StorageError('InvalidRequest', 'Metadata header is required')
  const bucket = metadata.get('bucketName')
  if (!bucket) throw new StorageError('InvalidBucketName', 'Bucket name invalid')
  return { bucket, key: checkKey(metadata.get('objectName') ?? '') }
}
