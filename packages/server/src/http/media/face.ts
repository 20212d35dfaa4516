/** What the routes of the media face share. */
import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http'
import type { TLSSocket } from 'node:tls'
import type { Principal } from '../../access/principal.ts'
import type { SignedUrls } from '../../access/signed-urls.ts'
import type { Tokens } from '../../access/tokens.ts'
import { type Descriptor, descriptorOf } from '../../media/descriptor.ts'
import type { Media } from '../../media/media.ts'
import type { MediaFile } from '../../media/media-file.ts'
import type { Objects } from '../../objects/objects.ts'
import { UploadError } from '../../uploads/errors.ts'
import type { Uploads } from '../../uploads/uploads.ts'
import type { Cors } from '../cors.ts'
import type { Exchange } from '../exchange.ts'
import { against, internalProblem, MediaError, mediaProblem } from './errors.ts'

export interface MediaFace {
  /** The public URL; empty where a request's own host counts. */
  readonly urlPrefix: string
  /** What stands between that host and every path. */
  readonly mountPath: string
  readonly media: Media
  readonly uploads: Uploads
  readonly objects: Objects
  readonly signed: Pick<SignedUrls, 'signMedia' | 'verifyMedia'>
  readonly tokens: Tokens
  readonly cors: Cors
  /** Seconds a request has to wait because its client makes too many; 0 to go on. */
  readonly pace: (req: IncomingMessage) => number
  readonly onError: (error: unknown, exchange?: Exchange) => void
}

/**
 * Whoever manages the files: the service role. Its token comes behind `Bearer` or, as the vendor's clients send
 * theirs, alone.
 * @throws MediaError `UNAUTHENTICATED`, `PERMISSION_DENIED`; UploadError `unavailable`
 */
export async function manager({ tokens }: MediaFace, authorization: string | undefined): Promise<Principal> {
  const token = /^(?:Bearer +)?([^\s]+)$/i.exec(authorization ?? '')?.[1]
  if (token === undefined)
    throw new MediaError('UNAUTHENTICATED', 'this needs a key: Authorization: Bearer …')
  const verdict = await tokens.verify(token)
  switch (verdict.kind) {
    case 'valid':
      if (verdict.principal.role === 'service_role') return verdict.principal
      throw new MediaError('PERMISSION_DENIED', 'only the service key may manage media files')
    case 'expired':
      throw new MediaError('UNAUTHENTICATED', 'the token has expired: get a new one')
    case 'invalid':
      throw new MediaError('UNAUTHENTICATED', `the token is not valid: ${verdict.reason}`)
    case 'undecided':
      throw new UploadError(
        'unavailable',
        'the keys that tokens are checked with are out of reach: try again',
      )
  }
}

/** What stands before the path of every URL that this request is told. */
export function baseOf({ urlPrefix, mountPath }: MediaFace, req: IncomingMessage): string {
  if (urlPrefix !== '') return urlPrefix
  const scheme = (req.socket as Partial<TLSSocket>).encrypted === true ? 'https' : 'http'
  return `${scheme}://${req.headers.host ?? 'localhost'}${mountPath}`
}

export function describe(face: MediaFace, req: IncomingMessage, file: MediaFile): Descriptor {
  return descriptorOf(file, baseOf(face, req), face.media.progressOf(file.id))
}

/** An id, or the vendor's own kind of URL with the id in it. */
export function idFrom(text: string): string {
  return /^wix:[a-z0-9]+:\/\/v1\/([^/#]+)/.exec(text)?.[1] ?? text
}

/** @throws MediaError `RESOURCE_NOT_FOUND` */
export async function fileFor({ media }: MediaFace, id: string, field = 'fileId'): Promise<MediaFile> {
  const file = await media.find(idFrom(id))
  if (file !== undefined) return file
  throw against('RESOURCE_NOT_FOUND', field, 'there is no such file', { fileId: id })
}

export function sendJson(
  exchange: Exchange,
  status: number,
  headers: OutgoingHttpHeaders,
  body: object,
): void {
  exchange.answer(
    status,
    { 'Content-Type': 'application/json; charset=utf-8', ...headers },
    JSON.stringify(body),
  )
}

export function sendProblem(
  face: MediaFace,
  exchange: Exchange,
  error: unknown,
  more: OutgoingHttpHeaders = {},
): void {
  if (exchange.gone.aborted || exchange.res.headersSent) return exchange.cut()
  const known = mediaProblem(error)
  if (known === undefined || (error instanceof UploadError && error.cause !== undefined)) {
    face.onError(error, exchange)
  }
  const { status, headers, body } = known ?? internalProblem()
  sendJson(exchange, status, { ...headers, ...more }, body)
}
