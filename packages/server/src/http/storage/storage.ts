/**
 * The face at `/storage/v1`: clients of Supabase Storage work on it unchanged. Bytes are taken and given here,
 * on the raw request; the JSON routes are registered with the framework (json-routes.ts).
 */
import type { OutgoingHttpHeaders } from 'node:http'
import { formatUploadComplete, TUS_VERSION } from '@pawl/protocol'
import { isPercentEncoded } from '../../percent.ts'
import type { Exchange } from '../exchange.ts'
import { queryOf } from '../query.ts'
import { refuse } from '../resumable-http/answers.ts'
import { offerResumable } from '../resumable-http/offer.ts'
import { ResumableRequestError } from '../resumable-http/problems.ts'
import { dialectFor } from '../resumable-http/wish.ts'
import { serveTus } from '../tus/tus.ts'
import { download } from './download.ts'
import { earlyProblem, internalProblem, StorageError, storageProblem } from './errors.ts'
import { credentialsOf, type StorageFace } from './face.ts'
import { placeFrom } from './names.ts'
import { offerStore } from './offer-store.ts'
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
  const path = exchange.path.slice(face.prefix.length)
  if (face.cors.isPreflight(req)) {
    if (takesObjects(path)) offerResumable(face.resumable, exchange)
    exchange.answer(204, {})
    return true
  }
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
    if (error instanceof ResumableRequestError) {
      refuse(face.resumable, exchange, error, { dialect: dialectFor(exchange) })
      return true
    }
    sendProblem(face, exchange, error, finality(exchange, error))
    return true
  }
}

/** What this face says of a request that was to become resumable is final, but for faults that pass. */
function finality(exchange: Exchange, error: unknown): OutgoingHttpHeaders {
  if (exchange.header('upload-complete') === undefined) return {}
  const passing = (storageProblem(error)?.status ?? 500) >= 500
  return { 'Upload-Complete': formatUploadComplete(!passing) }
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
  if (rest !== undefined && method === 'OPTIONS' && takesObjects(path)) {
    await offerStore(face, exchange, rest)
    return true
  }
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
  if (!isPercentEncoded(path))
    throw new StorageError('InvalidRequest', 'the URL is not UTF-8 in percent encoding')
  if ((exchange.declaredBytes ?? 0) > MAX_JSON_BYTES) {
    throw new StorageError('EntityTooLarge', `a body may have ${MAX_JSON_BYTES} bytes here`)
  }
  return false
}

/** Whether whole objects can be stored at a path. */
function takesObjects(path: string): boolean {
  const rest = path.startsWith('/object/') ? path.slice('/object/'.length) : ''
  return isPlace(rest) || rest.startsWith('upload/sign/')
}

/** Whether what follows `/object/` names an object to be written, and not one of the JSON routes. */
function isPlace(rest: string): boolean {
  return rest.includes('/') && !/^(sign\/|upload\/sign\/|info\/|list(-v2)?\/[^/]*$)/.test(rest)
}

async function storeSigned(face: StorageFace, exchange: Exchange, path: string): Promise<void> {
  const place = placeFrom(path)
  const token = queryOf(exchange).get('token') ?? ''
  const { bucket, key, owner, upsert } = await face.signed.verifyUpload(token)
  if (bucket !== place.bucket || key !== place.key) {
    throw new StorageError('InvalidSignature', 'the signature is for another object')
  }
  await store(face, exchange, { caller: owner, place, upsert, token })
}
