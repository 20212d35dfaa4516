/**
 * The face at `/site-media/v1`: clients of Wix Media work on it unchanged. Bytes are taken and given here, on
 * the raw request; the JSON routes are registered with the framework (json-routes.ts).
 */
import { TUS_VERSION } from '@pawl/protocol'
import { MEDIA_PREFIX } from '../../media/descriptor.ts'
import type { Exchange } from '../exchange.ts'
import { serveTus } from '../tus/tus.ts'
import { ASSETS, type Asset, download } from './download.ts'
import { MediaError } from './errors.ts'
import { type MediaFace, sendProblem } from './face.ts'
import { finalize, storePlain } from './finalize.ts'
import { resumable, UPLOADS_PATH } from './resumable.ts'

export const PLAIN_PATH = `${MEDIA_PREFIX}/plain-uploads`

/** False for a request that one of the JSON routes is to answer; its CORS headers are set then. */
export async function serveMedia(face: MediaFace, exchange: Exchange): Promise<boolean> {
  const { req, res, method, path } = exchange
  face.cors.apply(req, res)
  if (face.cors.isPreflight(req)) {
    exchange.answer(204, {})
    return true
  }
  const tus = (path === UPLOADS_PATH || path.startsWith(`${UPLOADS_PATH}/`)) && method !== 'PUT'
  const wait = face.pace(req)
  if (wait > 0) {
    refuseTooMany(face, exchange, tus, wait)
    return true
  }
  if (tus) {
    await serveTus(resumable(face), exchange)
    return true
  }
  try {
    return await serveBytes(face, exchange)
  } catch (error) {
    sendProblem(face, exchange, error)
    return true
  }
}

async function serveBytes(face: MediaFace, exchange: Exchange): Promise<boolean> {
  const { method, path } = exchange
  const [place = '', one = '', two, ...more] = path.slice(MEDIA_PREFIX.length + 1).split('/')
  if (more.length > 0) return false
  if (method === 'PUT' && two === undefined && place === 'uploads') {
    await finalize(face, exchange, one)
    return true
  }
  if (method === 'PUT' && two === undefined && place === 'plain-uploads') {
    await storePlain(face, exchange, one)
    return true
  }
  const asset = ASSETS.find((name): name is Asset => name === (two ?? 'src'))
  if (place === 'media' && (method === 'GET' || method === 'HEAD') && asset !== undefined) {
    await download(face, exchange, one, asset)
    return true
  }
  return false
}

/** On resumable routes never 429: their clients give up for good after it, and start over after most on HEAD. */
function refuseTooMany(face: MediaFace, exchange: Exchange, tus: boolean, wait: number): void {
  const headers = { 'Retry-After': String(wait) }
  const message = 'too many requests: wait a moment'
  if (!tus) return sendProblem(face, exchange, new MediaError('TOO_MANY_REQUESTS', message), headers)
  const status = exchange.method === 'HEAD' ? 423 : 503
  exchange.refuse(status, message, { 'Tus-Resumable': TUS_VERSION, ...headers })
}
