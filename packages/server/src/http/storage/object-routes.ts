/** Objects without their bytes: told about, removed, moved, copied. */
import { z } from 'zod'
import type { MoveResult } from '../../catalog/object-changes.ts'
import type { ObjectHeaders, ObjectRecord } from '../../objects/object.ts'
import { refusalOf } from '../../uploads/quota.ts'
import { cacheControlFrom, cacheControlHeaderFrom, contentTypeFrom, userMetadataFrom } from './details.ts'
import { findPublic } from './download.ts'
import { DENIED, StorageError } from './errors.ts'
import { allowsObject, bucketFor, judgeContent, noSuchKey, objectFor, type StorageFace } from './face.ts'
import { type Call, route } from './json-route.ts'
import { checkKey, type Place } from './names.ts'
import { infoRow, objectRow } from './rows.ts'
import { Info, Message, ObjectRow } from './schemas.ts'

/** Keys that one request may remove. */
const MAX_KEYS = 1000

const Journey = z.object({
  bucketId: z.string(),
  sourceKey: z.string(),
  destinationKey: z.string(),
  destinationBucket: z.string().nullish(),
  sourceVersionId: z.undefined('objects have no older versions here').optional(),
})
type Journey = z.infer<typeof Journey>

async function info({ face, caller, place }: Call<undefined, undefined>) {
  const who = await caller()
  return infoRow((await objectFor(face, who, place())).object)
}

export const OBJECT_ROUTES = [
  route({
    method: 'GET',
    url: '/object/info/public/:bucket/*',
    summary: 'What is known of an object of a public bucket',
    reply: Info,
    run: async ({ face, place }) => infoRow(await findPublic(face, place())),
  }),
  route({
    method: 'GET',
    url: '/object/info/authenticated/:bucket/*',
    summary: 'What is known of an object',
    reply: Info,
    run: info,
  }),
  route({
    method: 'GET',
    url: '/object/info/:bucket/*',
    summary: 'What is known of an object',
    reply: Info,
    run: info,
  }),

  route({
    method: 'DELETE',
    url: '/object/:bucket',
    summary: 'Remove objects; the answer names those that were removed',
    body: z.object({ prefixes: z.array(z.string()).min(1).max(MAX_KEYS) }),
    reply: z.array(ObjectRow),
    async run({ face, params, body, caller }) {
      const who = await caller()
      const bucket = await bucketFor(face, who, params.bucket ?? '')
      const found: ObjectRecord[] = []
      for (const key of new Set(body.prefixes)) {
        const object = await face.objects.find(bucket.id, key)
        if (object !== undefined && (await allowsObject(face, who, 'delete', bucket, object))) {
          found.push(object)
        }
      }
      return (await face.objects.remove(found)).map((object) => objectRow(object))
    },
  }),

  route({
    method: 'DELETE',
    url: '/object/:bucket/*',
    summary: 'Remove one object',
    reply: Message,
    async run({ face, caller, place }) {
      const who = await caller()
      const { bucket: id, key } = place()
      const bucket = await bucketFor(face, who, id)
      const object = await face.objects.find(id, key)
      const may = object !== undefined && (await allowsObject(face, who, 'delete', bucket, object))
      if (!may || (await face.objects.remove([object])).length === 0) throw noSuchKey()
      return { message: 'Successfully deleted' }
    },
  }),

  route({
    method: 'POST',
    url: '/object/move',
    summary: 'Give an object another name; needs `update` of both',
    body: Journey,
    reply: Message.extend({ Id: z.string(), Key: z.string() }),
    async run({ face, body, caller }) {
      const who = await caller()
      const { source, to } = await journey(face, who, body)
      for (const place of [source, to]) {
        const bucket = await bucketFor(face, who, place.bucket)
        const object = { ...source, ...place }
        if (!(await allowsObject(face, who, 'update', bucket, object))) throw denied()
        // What a bucket holds already keeps its place there, whatever its rules have become.
        if (place.bucket !== source.bucket) judgeContent(bucket, source.headers.contentType, source.size)
      }
      refuseUnchanged(await face.objects.move(source, to))
      return { message: 'Successfully moved', Id: source.id, Key: `${to.bucket}/${to.key}` }
    },
  }),

  route({
    method: 'POST',
    url: '/object/copy',
    summary: 'Make another object of the same bytes, none of which is copied',
    body: Journey.extend({
      copyMetadata: z.boolean().nullish(),
      metadata: z.object({ cacheControl: z.string().nullish(), mimetype: z.string().nullish() }).nullish(),
    }),
    reply: ObjectRow.extend({ Id: z.string(), Key: z.string() }),
    async run({ face, body, caller, header }) {
      const who = await caller()
      const { source, to } = await journey(face, who, body)
      const bucket = await bucketFor(face, who, to.bucket)
      const upsert = header('x-upsert') === 'true'
      const details =
        body.copyMetadata === false
          ? {
              headers: headersOf(source, body.metadata),
              userMetadata: userMetadataFrom(decoded(header('x-metadata'))),
            }
          : { headers: source.headers, userMetadata: source.userMetadata }
      const copy = { ...source, ...to, ...details, owner: who }
      const insert = await allowsObject(face, who, 'insert', bucket, copy)
      const replace = upsert && (await allowsObject(face, who, 'update', bucket, copy))
      if (!insert && !replace) throw denied()
      judgeContent(bucket, copy.headers.contentType, copy.size)
      const result = await face.objects.copy(source, { ...to, ...details, owner: who }, { insert, replace })
      if (result.kind === 'conflict' && upsert) throw denied()
      if (result.kind !== 'copied') return refuseUnchanged(result)
      const { object } = result
      return { Id: object.id, Key: `${to.bucket}/${to.key}`, ...objectRow(object) }
    },
  }),
]

async function journey(
  face: StorageFace,
  caller: Parameters<typeof bucketFor>[1],
  { bucketId, sourceKey, destinationKey, destinationBucket }: Journey,
): Promise<{ source: ObjectRecord; to: Place }> {
  const { object } = await objectFor(face, caller, { bucket: bucketId, key: checkKey(sourceKey) })
  return { source: object, to: { bucket: destinationBucket ?? bucketId, key: checkKey(destinationKey) } }
}

/** @throws StorageError unless something was changed */
function refuseUnchanged(result: MoveResult): void {
  switch (result.kind) {
    case 'moved':
      return
    case 'conflict':
      throw new StorageError('KeyAlreadyExists', 'The resource already exists')
    case 'gone':
      throw noSuchKey()
    case 'no-bucket':
      throw new StorageError('NoSuchBucket', 'Bucket not found')
    case 'exceeded':
      throw refusalOf(result.exceeded)
  }
}

function headersOf(
  { headers }: ObjectRecord,
  given:
    | { cacheControl?: string | null | undefined; mimetype?: string | null | undefined }
    | null
    | undefined,
): ObjectHeaders {
  const { cacheControl, mimetype } = given ?? {}
  return {
    contentType: mimetype ? contentTypeFrom(mimetype) : headers.contentType,
    fileName: undefined,
    // Given as a whole header or as its number of seconds.
    cacheControl: cacheControl?.includes('=')
      ? cacheControlHeaderFrom(cacheControl)
      : cacheControlFrom(cacheControl ?? undefined),
    contentEncoding: headers.contentEncoding,
  }
}

function decoded(base64: string | undefined): string | undefined {
  return base64 === undefined ? undefined : Buffer.from(base64, 'base64').toString()
}

function denied(): StorageError {
  return new StorageError('AccessDenied', DENIED)
}
