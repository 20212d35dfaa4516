/**
 * The tus 1.0 door on `/files/`: parses a request into a call, calls the engine, renders the result. The
 * specification's rules that leave room are decided in its tests, by name.
 */
import { MalformedHeader, TUS_VERSION } from '@pawl/protocol'
import type { FilesAccess, FilesAction } from '../../access/files-access.ts'
import type { Objects } from '../../objects/objects.ts'
import { UploadError } from '../../uploads/errors.ts'
import { parseUploadId } from '../../uploads/upload.ts'
import type { Uploads } from '../../uploads/uploads.ts'
import type { Exchange } from '../exchange.ts'
import { create } from './create.ts'
import { TusRequestError, tusRefusal } from './errors.ts'
import { head } from './head.ts'
import { options } from './options.ts'
import { patch } from './patch.ts'
import { terminate } from './terminate.ts'

export interface TusFace {
  readonly uploads: Uploads
  readonly objects: Objects
  readonly access: FilesAccess
  /** What stands before `/files/…` in an upload's URL: empty, or the public URL. */
  readonly urlPrefix: string
  /** Something went wrong that is not the client's doing. */
  readonly onError: (error: unknown, exchange: Exchange) => void
}

export async function serveTus(face: TusFace, exchange: Exchange): Promise<void> {
  exchange.res.setHeader('Tus-Resumable', TUS_VERSION)
  const method = effectiveMethod(exchange)
  try {
    if (method === 'OPTIONS') return options(face, exchange)
    requireVersion(exchange)
    await route(face, exchange, method)
  } catch (error) {
    refuse(face, exchange, method, error)
  }
}

async function route(face: TusFace, exchange: Exchange, method: string): Promise<void> {
  if (/^\/files\/?$/.test(exchange.path)) {
    if (method !== 'POST') throw notAllowed(method, 'POST, OPTIONS')
    return create(face, exchange, await admit(face, exchange, 'create'))
  }
  const id = parseUploadId(exchange.path.slice('/files/'.length))
  if (id === undefined) throw new TusRequestError(404, 'there is no such upload')
  switch (method) {
    case 'HEAD':
      return head(face, exchange, id, await admit(face, exchange, 'look'))
    case 'PATCH':
      return patch(face, exchange, id, await admit(face, exchange, 'change'))
    case 'DELETE':
      return terminate(face, exchange, id, await admit(face, exchange, 'change'))
    default:
      throw notAllowed(method, 'GET, HEAD, PATCH, DELETE, OPTIONS')
  }
}

/** Some proxies let only GET and POST through: then POST carries the real method. */
function effectiveMethod(exchange: Exchange): string {
  const override = exchange.header('x-http-method-override')?.toUpperCase()
  return exchange.method === 'POST' && override !== undefined ? override : exchange.method
}

function requireVersion(exchange: Exchange): void {
  const version = exchange.header('tus-resumable')
  if (version === TUS_VERSION) return
  throw new TusRequestError(
    412,
    version === undefined
      ? `the header Tus-Resumable: ${TUS_VERSION} is missing`
      : `this server speaks tus ${TUS_VERSION} only`,
    { 'Tus-Version': TUS_VERSION },
  )
}

async function admit(face: TusFace, exchange: Exchange, action: FilesAction) {
  const access = await face.access.judge(exchange.header('authorization'), action)
  if (access.kind === 'granted') return access
  const headers = access.status === 401 ? { 'WWW-Authenticate': 'Bearer' } : {}
  throw new TusRequestError(access.status, access.message, headers)
}

function notAllowed(method: string, allowed: string): TusRequestError {
  return new TusRequestError(405, `${method} is not possible here`, { Allow: allowed })
}

function refuse(face: TusFace, exchange: Exchange, method: string, error: unknown): void {
  if (exchange.gone.aborted) return exchange.cut()
  // The body turned out to be no HTTP meanwhile, and that was answered.
  if (exchange.res.headersSent) return
  if (error instanceof TusRequestError) return exchange.refuse(error.status, error.message, error.headers)
  if (error instanceof MalformedHeader) return exchange.refuse(400, error.message)
  if (error instanceof UploadError) {
    if (error.cause !== undefined) face.onError(error, exchange)
    const refusal = tusRefusal(error, method)
    return exchange.refuse(refusal.status, refusal.message, refusal.headers)
  }
  face.onError(error, exchange)
  // An error of ours: on HEAD a 500 would make clients start from zero.
  if (method === 'HEAD') exchange.refuse(423, 'the server has a problem: try again', { 'Retry-After': '5' })
  else exchange.refuse(500, 'the server has a problem: nothing that was accepted is lost, try again')
}
