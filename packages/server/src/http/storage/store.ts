/** A whole object in one request: the same upload, and the same finish, as if it had come in pieces. */
import type { Readable } from 'node:stream'
import { formatUploadMetadata } from '@pawl/protocol'
import type { Principal } from '../../access/principal.ts'
import { fingerprintOf } from '../../access/signed-urls.ts'
import type { BucketRecord } from '../../objects/bucket.ts'
import type { AppendOutcome } from '../../uploads/append.ts'
import type { Answer, UploadRecord } from '../../uploads/upload.ts'
import type { Exchange } from '../exchange.ts'
import { createResumable } from '../resumable-http/create.ts'
import type { FinalAnswer } from '../resumable-http/face.ts'
import { offerResumable } from '../resumable-http/offer.ts'
import { readWish } from '../resumable-http/wish.ts'
import { detailsFromFields, detailsFromHeaders, type ObjectDetails } from './details.ts'
import { StorageError } from './errors.ts'
import { bucketFor, judgeContent, judgePlace, type StorageFace } from './face.ts'
import { isForm, readForm } from './form.ts'
import type { Place } from './names.ts'

export interface StoreWish {
  readonly caller: Principal
  readonly place: Place
  readonly upsert: boolean
  /** The signed token that allows it. */
  readonly token?: string
}

/** What a form adds to its file's bytes. */
const FORM_OVERHEAD = 1024 * 1024

export async function store(face: StorageFace, exchange: Exchange, wish: StoreWish): Promise<void> {
  const { caller, place, upsert } = wish
  const bucket = await bucketFor(face, caller, place.bucket)
  const { declaredBytes } = exchange
  if (!isForm(exchange)) {
    const details = detailsFromHeaders(exchange)
    const resumable = readWish(exchange)
    const size = resumable === undefined ? declaredBytes : resumable.length
    await judge(face, wish, bucket, details, size, () => {
      if (resumable !== undefined) offerResumable(face.resumable, exchange, bucket.fileSizeLimit)
    })
    if (resumable !== undefined) {
      return createResumable(face.resumable, exchange, resumable, {
        ...creationFor(wish, bucket, details),
        ...bearing(wish.token),
      })
    }
    return takeBytes(face, exchange, wish, bucket, details, declaredBytes, () => exchange.openBody())
  }
  if (declaredBytes !== undefined && declaredBytes > limitOf(face, bucket) + FORM_OVERHEAD) {
    throw new StorageError('EntityTooLarge', 'The object exceeded the maximum allowed size')
  }
  // What the place alone decides, before a byte of the form is read.
  await judgePlace(face, caller, { ...place, ...NOTHING_KNOWN, public: bucket.public }, upsert)
  const form = await readForm(exchange)
  const details = detailsFromFields(form.fields, form.type)
  await judge(face, wish, bucket, details, undefined)
  await takeBytes(face, exchange, wish, bucket, details, undefined, (upload) =>
    form.open(async (fields) => {
      const late = detailsFromFields(fields, form.type)
      judgeContent(bucket, late.headers.contentType, undefined)
      await face.uploads.describe(upload.id, late)
    }),
  )
  if (exchange.res.headersSent) return
  if (form.fault !== undefined) throw form.fault
  exchange.cut()
}

const NOTHING_KNOWN = { size: undefined, type: undefined, metadata: undefined }

function limitOf(face: StorageFace, bucket: BucketRecord): number {
  return Math.min(bucket.fileSizeLimit ?? face.uploads.limits.maxSize, face.uploads.limits.maxSize)
}

async function judge(
  face: StorageFace,
  { caller, place, upsert }: StoreWish,
  bucket: BucketRecord,
  { headers, userMetadata }: ObjectDetails,
  size: number | undefined,
  /** The caller may put something there. */
  onAllowed: () => void = () => {},
): Promise<void> {
  const type = headers.contentType
  const subject = { ...place, size, type, metadata: userMetadata, public: bucket.public }
  await judgePlace(face, caller, subject, upsert)
  onAllowed()
  judgeContent(bucket, type, size)
}

/** Where it goes, and what is said of it there. */
function creationFor({ caller, place, upsert }: StoreWish, bucket: BucketRecord, details: ObjectDetails) {
  return {
    ...details,
    face: 'storage',
    owner: caller,
    bucket: place.bucket,
    key: () => place.key,
    precondition: upsert ? 'none' : 'absent',
    // As a resumable upload would have sent it: hooks and events know only one shape.
    metadata: metadataOf(place, details),
    maxSize: bucket.fileSizeLimit,
  } as const
}

/** Who began with a signed token goes on with it, and has nothing else to show: the upload's URL carries it. */
function bearing(token: string | undefined): { capability?: string; query?: string } {
  if (token === undefined) return {}
  return { capability: fingerprintOf(token), query: new URLSearchParams({ token }).toString() }
}

async function takeBytes(
  face: StorageFace,
  exchange: Exchange,
  wish: StoreWish,
  bucket: BucketRecord,
  details: ObjectDetails,
  length: number | undefined,
  open: (upload: UploadRecord) => Readable,
): Promise<void> {
  // Before there is an upload that would have to go again.
  if (length !== 0) face.uploads.refuseWhenFull()
  const upload = await face.uploads.create({
    ...creationFor(wish, bucket, details),
    concat: 'whole',
    digests: { wanted: [], demanded: {} },
    length,
  })
  if (upload.state.kind === 'complete') return answer(exchange, wish.place, upload.state.answer)
  const permit = ({ id }: UploadRecord): boolean => id === upload.id
  let outcome: AppendOutcome = { kind: 'cut' }
  try {
    outcome = await face.uploads.append(upload.id, permit, {
      offset: 0,
      declared: length,
      length: undefined,
      ends: 'here',
      checksum: undefined,
      open: () => open(upload),
      signal: exchange.gone,
    })
  } finally {
    // Nobody knows its id, so nobody could go on with it.
    if (outcome.kind !== 'finished') await face.uploads.cancel(upload.id, permit).catch(() => {})
  }
  if (outcome.kind === 'finished' && outcome.finished.kind === 'published') {
    return answer(exchange, wish.place, outcome.finished.answer)
  }
  // A form that is wrong gets an answer.
  if (!isForm(exchange)) exchange.cut()
}

function metadataOf({ bucket, key }: Place, { headers, userMetadata }: ObjectDetails): string {
  const pairs: [string, string][] = [
    ['bucketName', bucket],
    ['objectName', key],
    ['contentType', headers.contentType],
  ]
  if (headers.cacheControl !== undefined) pairs.push(['cacheControl', headers.cacheControl])
  if (userMetadata !== undefined) pairs.push(['metadata', JSON.stringify(userMetadata)])
  return formatUploadMetadata(pairs)
}

function answer(exchange: Exchange, place: Place, stored: Answer): void {
  const { status, headers, body } = storedAnswer(place, stored)
  exchange.answer(status, headers, body)
}

/** What a request that stored an object is answered with. */
export function storedAnswer({ bucket, key }: Place, { version, object }: Answer): FinalAnswer {
  return {
    status: 200,
    headers: {
      'Content-Type': 'application/json; charset=utf-8',
      ETag: `"${version}"`,
      'Pawl-Object-Id': object,
      'Pawl-Object-Version': version,
    },
    body: JSON.stringify({ Id: object, Key: `${bucket}/${key}` }),
  }
}
