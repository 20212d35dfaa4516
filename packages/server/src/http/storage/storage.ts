/**
 * The face at `/storage/v1`: clients of Supabase Storage work on it unchanged. Bytes are taken and given here,
 * on the raw request; the JSON routes are registered with the framework (json-routes.ts).
 */
import { TUS_VERSION } from '@pawl/protocol'
import type { Exchange } from '../exchange.ts'
import { queryOf } from '../query.ts'
import { serveTus } from '../tus/tus.ts'
import { download } from './download.ts'
import { earlyProblem, internalProblem, StorageError, storageProblem } from './errors.ts'
import { credentialsOf, type StorageFace } from './face.ts'
import { placeFrom } from './names.ts'
import { resumable } from './resumable.ts'
import { sendProblem } from './send-problem.ts'
import { store } from './store.ts'

/** JSON routes take no more. */
const MAX_JSON_BYTES = 1024 * 1024

export function isUnder(prefix: string, path: string): boolean {
  return path === prefix || path.startsWith(`${prefix}/`)
}

/** From here on every answer is one that clients of this face can read, on a page of another origin too. */
export function speakStorage(face: StorageFace, exchange: Exchange): void {
  face.cors.apply(exchange.req, exchange.res)
  exchange.wording = (status, message) => ({
    type: 'application/json; charset=utf-8',
    body: JSON.stringify(earlyProblem(status, message)),
  })
}

/** False for a request that one of the JSON routes is to answer. `speakStorage` was called before. */
export async function serveStorage(face: StorageFace, exchange: Exchange): Promise<boolean> {
  const { req } = exchange
  if (face.cors.isPreflight(req)) {
    exchange.answer(204, {})
    return true
  }
  const path = exchange.path.slice(face.prefix.length)
  const wait = face.pace(req)
  if (wait > 0) {
    refuseTooMany(face, exchange, path, wait)
    return true
  }
  if (isUnder('/upload/resumable', path)) {
    await serveTus(resumable(face), exchange)
    return true
  }
  try {
    return await serveBytes(face, exchange, path)
  } catch (error) {
    sendProblem(face, exchange, error)
    return true
  }
}

/** On resumable routes never 429: their clients give up for good after it, and start over after most on HEAD. */
function refuseTooMany(face: StorageFace, exchange: Exchange, path: string, wait: number): void {
  const tooMany = new StorageError('TooManyRequests', 'too many requests: wait a moment')
  const headers = { 'Retry-After': String(wait) }
  if (!isUnder('/upload/resumable', path)) return sendProblem(face, exchange, tooMany, headers)
  const status = exchange.method === 'HEAD' ? 423 : 503
  const { body } = storageProblem(tooMany) ?? internalProblem()
  const all = { 'Content-Type': 'application/json; charset=utf-8', 'Tus-Resumable': TUS_VERSION, ...headers }
  exchange.answer(status, all, JSON.stringify({ ...body, statusCode: String(status) }))
}

async function serveBytes(face: StorageFace, exchange: Exchange, path: string): Promise<boolean> {
  const { method } = exchange
  const rest = path.startsWith('/object/') ? path.slice('/object/'.length) : undefined
  if (rest?.includes('/') && (method === 'GET' || method === 'HEAD') && !rest.startsWith('info/')) {
    await download(face, exchange, rest)
    return true
  }
  if (rest !== undefined && method === 'PUT' && rest.startsWith('upload/sign/')) {
    await storeSigned(face, exchange, rest.slice('upload/sign/'.length))
    return true
  }
  if (rest !== undefined && (method === 'POST' || method === 'PUT') && isPlace(rest)) {
    const caller = await face.identify(credentialsOf(exchange))
    const upsert = method === 'PUT' || exchange.header('x-upsert') === 'true'
    await store(face, exchange, { caller, place: placeFrom(rest), upsert })
    return true
  }
  // The framework would answer this in a shape of its own.
  if (!isDecodable(path)) throw new StorageError('InvalidRequest', 'the URL is not UTF-8 in percent encoding')
  if ((exchange.declaredBytes ?? 0) > MAX_JSON_BYTES) {
    throw new StorageError('EntityTooLarge', `a body may have ${MAX_JSON_BYTES} bytes here`)
  }
  return false
}

function isDecodable(path: string): boolean {
  try {
    decodeURIComponent(path)
    return true
  } catch {
    return false
  }
}

/** Whether what follows `/object/` names an object to be written, and not one of the JSON routes. */
function isPlace(rest: string): boolean {
  return rest.includes('/') && !/^(sign\/|upload\/sign\/|info\/|list(-v2)?\/[^/]*$)/.test(rest)
}

async function storeSigned(face: StorageFace, exchange: Exchange, path: string): Promise<void> {
  const place = placeFrom(path)
  const { bucket, key, owner, upsert } = await face.signed.verifyUpload(queryOf(exchange).get('token') ?? '')
  if (bucket !== place.bucket || key !== place.key) {
    throw new StorageError('InvalidSignature', 'the signature is for another object')
  }
  await store(face, exchange, { caller: owner, place, upsert })
}
