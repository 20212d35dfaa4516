/**
 * The tus 1.0 door: parses a request into a call, calls the engine, renders the result. The
 * specification's rules that leave room are decided in its tests, by name.
 */
import { TUS_VERSION } from '@pawl/protocol'
import { UploadError } from '../../uploads/errors.ts'
import { parseUploadId } from '../../uploads/upload.ts'
import type { Exchange } from '../exchange.ts'
import { create } from './create.ts'
import { TusRequestError } from './errors.ts'
import { locate, type TusFace } from './face.ts'
import { head } from './head.ts'
import { options } from './options.ts'
import { patch } from './patch.ts'
import { terminate } from './terminate.ts'

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
  const { mount, rest } = locate(face, exchange.path) ?? { mount: '', rest: '-' }
  if (rest === '') {
    if (method !== 'POST') throw notAllowed(method, 'POST, OPTIONS')
    return create(face, exchange, await face.admit(exchange, 'create'), mount)
  }
  const id = parseUploadId(rest)
  if (id === undefined) throw new TusRequestError(404, 'there is no such upload')
  switch (method) {
    case 'HEAD':
      return head(face, exchange, id, await face.admit(exchange, 'look'))
    case 'PATCH':
      return patch(face, exchange, id, await face.admit(exchange, 'change'))
    case 'DELETE':
      return terminate(face, exchange, id, await face.admit(exchange, 'change'))
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

function notAllowed(method: string, allowed: string): TusRequestError {
  return new TusRequestError(405, `${method} is not possible here`, { Allow: allowed })
}

function refuse(face: TusFace, exchange: Exchange, method: string, error: unknown): void {
  if (exchange.gone.aborted) return exchange.cut()
  // The body turned out to be no HTTP meanwhile, and that was answered.
  if (exchange.res.headersSent) return
  if (error instanceof UploadError && error.cause !== undefined) face.onError(error, exchange)
  const known = face.refusal(error, method)
  if (known === undefined) face.onError(error, exchange)
  const refusal = known ?? face.refusal(ours(method), method)
  if (refusal === undefined) return exchange.cut()
  exchange.answer(refusal.status, refusal.headers, refusal.body)
}

/** An error of ours: on HEAD a 500 would make clients start from zero. */
function ours(method: string): TusRequestError {
  if (method === 'HEAD')
    return new TusRequestError(423, 'the server has a problem: try again', { 'Retry-After': '5' })
  return new TusRequestError(500, 'the server has a problem: nothing that was accepted is lost, try again')
}
