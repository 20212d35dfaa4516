/** The plain endpoint `/files/`: which protocol a request speaks, and objects to whoever may read them. */
import type { IncomingMessage } from 'node:http'
import { TUS_VERSION } from '@pawl/protocol'
import type { FilesAccess } from '../access/files-access.ts'
import type { Objects } from '../objects/objects.ts'
import { UploadError } from '../uploads/errors.ts'
import { parseUploadId } from '../uploads/upload.ts'
import type { Cors } from './cors.ts'
import type { Exchange } from './exchange.ts'
import { createAtFiles } from './files-resumable.ts'
import { sendObject } from './object-response.ts'
import type { ResumableDoor } from './resumable-http/face.ts'
import { offerResumable } from './resumable-http/offer.ts'
import { serveUploadResource } from './resumable-http/upload-resource.ts'
import { speaksResumable } from './resumable-http/wish.ts'
import type { TusFace } from './tus/face.ts'
import { serveTus } from './tus/tus.ts'

export interface FilesFace {
  readonly tus: TusFace
  readonly resumable: ResumableDoor
  readonly cors: Cors
  readonly objects: Objects
  readonly access: FilesAccess
  /** Seconds a request has to wait because its client makes too many; 0 to go on. */
  readonly pace: (req: IncomingMessage) => number
}

export async function serveFiles(face: FilesFace, exchange: Exchange): Promise<void> {
  const { req, res, method } = exchange
  face.cors.apply(req, res)
  if (method === 'OPTIONS') offerResumable(face.resumable, exchange)
  if (face.cors.isPreflight(req)) return exchange.answer(204, { 'Tus-Resumable': TUS_VERSION })
  const wait = face.pace(req)
  if (wait > 0) return refuseTooMany(exchange, wait)
  if (speaksResumable(exchange) && method !== 'OPTIONS') return serveResumable(face, exchange)
  const speaksTus = exchange.header('tus-resumable') !== undefined
  if (method === 'GET' || (method === 'HEAD' && !speaksTus)) return download(face, exchange)
  return serveTus(face.tus, exchange)
}

function serveResumable({ resumable, access }: FilesFace, exchange: Exchange): Promise<void> {
  const name = exchange.path.slice('/files/'.length)
  if (name === '' && exchange.method === 'POST') return createAtFiles(resumable, access, exchange)
  return serveUploadResource(resumable, exchange, name, ['files'])
}

/** Clients of this protocol give up for good after 429, and start from zero after anything but 423 on HEAD. */
function refuseTooMany(exchange: Exchange, wait: number): void {
  exchange.refuse(exchange.method === 'HEAD' ? 423 : 503, 'too many requests: wait a moment', {
    'Tus-Resumable': TUS_VERSION,
    'Retry-After': String(wait),
  })
}

async function download(face: FilesFace, exchange: Exchange): Promise<void> {
  try {
    const access = await face.access.judge(exchange.header('authorization'), 'read')
    if (access.kind === 'refused') {
      const headers = access.status === 401 ? { 'WWW-Authenticate': 'Bearer' } : {}
      return exchange.refuse(access.status, access.message, headers)
    }
    const id = parseUploadId(exchange.path.slice('/files/'.length))
    const object = id === undefined ? undefined : await face.objects.find('files', id)
    if (object !== undefined && access.mayRead(object.owner)) {
      return await sendObject(exchange, {
        object,
        read: (start, end) => face.objects.read(object, start, end),
        redirect: (headers) => face.objects.redirect(object, headers),
      })
    }
    if (id === undefined) return exchange.refuse(404, 'there is no such object')
    // Tells an upload under way apart from nothing, to those who may know.
    const { state } = await face.tus.uploads.read(id, access.permit)
    if (object === undefined && state.kind === 'complete') {
      // It was published since we looked, or removed.
      if ((await face.objects.find('files', id)) !== undefined) return await download(face, exchange)
      return exchange.refuse(404, 'the object was removed')
    }
    exchange.refuse(412, 'the upload is not complete: to go on with it send Tus-Resumable', {
      'Tus-Resumable': TUS_VERSION,
      'Tus-Version': TUS_VERSION,
    })
  } catch (error) {
    if (exchange.gone.aborted || exchange.res.headersSent) return exchange.cut()
    if (error instanceof UploadError && (error.code === 'not-found' || error.code === 'gone')) {
      return exchange.refuse(error.code === 'gone' ? 410 : 404, error.message)
    }
    if (!(error instanceof UploadError)) face.tus.onError(error, exchange)
    exchange.refuse(503, 'the server cannot reach its storage: try again soon', { 'Retry-After': '1' })
  }
}
