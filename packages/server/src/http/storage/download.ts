/** Objects to whoever may read them: with a key, without one from a public bucket, or by a signed URL. */
import type { ObjectRecord } from '../../objects/object.ts'
import type { Exchange } from '../exchange.ts'
import { sendObject } from '../object-response.ts'
import { queryOf } from '../query.ts'
import { StorageError } from './errors.ts'
import { credentialsOf, noSuchKey, objectFor, type StorageFace } from './face.ts'
import { baseName, type Place, placeFrom } from './names.ts'
import { sendProblem } from './send-problem.ts'

/** @param rest - the path behind `/object/`, still encoded */
export async function download(face: StorageFace, exchange: Exchange, rest: string): Promise<void> {
  const query = queryOf(exchange)
  if (query.has('versionId')) throw new StorageError('NotImplemented', 'objects have no older versions here')
  const object = await find(face, exchange, rest, query)
  const name = query.get('download')
  await sendObject(exchange, {
    object,
    read: (start, end) => face.objects.read(object, start, end),
    redirect: (headers) => face.objects.redirect(object, headers),
    saveAs: name === null ? undefined : name || baseName(object.key),
    refuse: (status, message, headers) => {
      const error = new StorageError(status === 416 ? 'InvalidRange' : 'PreconditionFailed', message)
      sendProblem(face, exchange, error, headers)
    },
  })
}

async function find(
  face: StorageFace,
  exchange: Exchange,
  rest: string,
  query: URLSearchParams,
): Promise<ObjectRecord> {
  const [, word, path] = /^(public|authenticated|sign)\/([^/]+\/.+)$/s.exec(rest) ?? []
  if (word === 'public') return findPublic(face, placeFrom(path ?? ''))
  if (word === 'sign') {
    const place = placeFrom(path ?? '')
    await face.signed.verifyDownload(query.get('token') ?? '', place)
    return existing(await face.objects.find(place.bucket, place.key))
  }
  const caller = await face.identify(credentialsOf(exchange))
  return (await objectFor(face, caller, placeFrom(path ?? rest))).object
}

/** A private bucket is, to those without a key, none. */
export async function findPublic(face: StorageFace, { bucket: id, key }: Place): Promise<ObjectRecord> {
  const bucket = await face.buckets.find(id)
  if (bucket?.public !== true) throw new StorageError('NoSuchBucket', 'Bucket not found')
  return existing(await face.objects.find(id, key))
}

function existing(object: ObjectRecord | undefined): ObjectRecord {
  if (object === undefined) throw noSuchKey()
  return object
}
