/** How this door answers: for the target with its words, or for itself. */
import type { OutgoingHttpHeaders } from 'node:http'
import { type Dialect, formatUploadComplete } from '@pawl/protocol'
import { UploadError } from '../../uploads/errors.ts'
import type { Finished } from '../../uploads/finish.ts'
import type { UploadRecord } from '../../uploads/upload.ts'
import type { Exchange } from '../exchange.ts'
import { reprDigest } from '../repr-digest.ts'
import type { ResumableDoor, TargetFace } from './face.ts'
import { problemOf, renderProblem } from './problems.ts'

/** `Upload-Limit` of an upload; without one, of every upload that is to be created. */
export function limitOf(
  { uploads, now }: ResumableDoor,
  dialect: Dialect,
  { maxSize, expiresAt }: { maxSize?: number | undefined; expiresAt?: number } = {},
): string | undefined {
  const { limits } = uploads
  const left = expiresAt === undefined ? limits.ttl : Math.max(0, expiresAt - now())
  return dialect.limit({
    maxSize: Math.min(maxSize ?? limits.maxSize, limits.maxSize),
    maxAge: Math.floor(left / 1000),
  })
}

export function limitHeader(limit: string | undefined): OutgoingHttpHeaders {
  return limit === undefined ? {} : { 'Upload-Limit': limit }
}

/** Where the upload resource is and how far it has got, for versions that want it in the final answer too. */
interface Standing {
  readonly location?: string | undefined
  readonly offset: number
}

/** The target's own answer, after which nothing is left to be done. */
export async function answerFinal(
  door: ResumableDoor,
  exchange: Exchange,
  dialect: Dialect,
  upload: UploadRecord,
  finished: Finished,
  { location, offset }: Standing,
): Promise<void> {
  const face = door.faces.get(upload.face)
  // Partial uploads are not to be had here.
  if (face === undefined || finished.kind !== 'published') return exchange.cut()
  const { status, headers, body } = face.answer(upload, finished.answer)
  const object = await door.objects.find(upload.bucket, upload.key)
  const digests = object?.version === finished.answer.version ? object.digests : {}
  exchange.res.removeHeader('Location')
  exchange.answer(
    status,
    {
      ...headers,
      ...reprDigest(digests),
      'Upload-Complete': formatUploadComplete(true),
      ...(dialect.uploadFieldsAtEnd
        ? { 'Upload-Offset': String(offset), ...(location === undefined ? {} : { Location: location }) }
        : {}),
    },
    body,
  )
}

interface Refused {
  readonly dialect: Dialect
  /** The target, if it is the one that refuses. */
  readonly target?: TargetFace | undefined
  /** `Upload-Offset` of the request. */
  readonly provided?: number | undefined
}

export function refuse(
  door: ResumableDoor,
  exchange: Exchange,
  error: unknown,
  { dialect, target, provided }: Refused,
): void {
  if (exchange.gone.aborted) return exchange.cut()
  // The body turned out to be no HTTP meanwhile, and that was answered.
  if (exchange.res.headersSent) return
  if (error instanceof UploadError && error.cause !== undefined) door.onError(error, exchange)
  const own = target?.refusal(error)
  if (own !== undefined) {
    exchange.res.removeHeader('Location')
    return exchange.answer(
      own.status,
      { ...own.headers, 'Upload-Complete': formatUploadComplete(true) },
      own.body,
    )
  }
  const problem = problemOf(error, dialect, { method: exchange.method, provided })
  if (problem === undefined) door.onError(error, exchange)
  const { status, headers, body } = renderProblem(
    problem ?? {
      status: 500,
      title: 'the server has a problem: nothing that was accepted is lost, try again',
    },
  )
  exchange.answer(status, headers, body)
}
