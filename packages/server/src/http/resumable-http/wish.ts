/** Whether a request wants to be resumable, and what it says of its content. */
import {
  type Dialect,
  dialectOf,
  INTEROP_HEADER,
  MalformedHeader,
  PROBLEM_TYPES,
  parseByteField,
  parseReprDigest,
  parseUploadComplete,
  parseWantReprDigest,
} from '@pawl/protocol'
import { parse as parseDisposition } from 'content-disposition'
import type { Checksum } from '../../uploads/take-body.ts'
import type { DigestWishes } from '../../uploads/upload.ts'
import type { Exchange } from '../exchange.ts'
import type { Wish } from './face.ts'
import { ResumableRequestError } from './problems.ts'

export function dialectFor(exchange: Exchange): Dialect {
  return dialectOf(exchange.header(INTEROP_HEADER))
}

/** Whether a request on a path that several protocols share is meant for this one. */
export function speaksResumable(exchange: Exchange): boolean {
  if (exchange.header(INTEROP_HEADER) !== undefined) return true
  return exchange.header('upload-complete') !== undefined && exchange.header('tus-resumable') === undefined
}

/** Undefined for an ordinary request, as which one with an invalid `Upload-Complete` counts. @throws ResumableRequestError */
export function readWish(exchange: Exchange): Wish | undefined {
  const complete = parseUploadComplete(exchange.header('upload-complete'))
  if (complete === undefined) return undefined
  return { dialect: dialectFor(exchange), complete, length: lengthOf(exchange, complete, 0) }
}

/**
 * The length that a request tells, as `Upload-Length` or by its content being the rest. Section "Length".
 * @param begin - where its content begins
 * @throws ResumableRequestError when it tells two
 */
export function lengthOf(exchange: Exchange, complete: boolean, begin: number): number | undefined {
  const given = parseByteField(exchange.header('upload-length'))
  const { declaredBytes } = exchange
  const end = declaredBytes === undefined ? undefined : begin + declaredBytes
  if (given !== undefined && end !== undefined && (complete ? end !== given : end > given)) {
    throw new ResumableRequestError({
      status: 400,
      type: PROBLEM_TYPES.inconsistentLength,
      title: `the request says that the upload has ${given} bytes, and its content ends at ${end}`,
    })
  }
  return given ?? (complete ? end : undefined)
}

/** `Repr-Digest` and `Want-Repr-Digest` (RFC 9530). @throws MalformedHeader */
export function digestsOf(exchange: Exchange): DigestWishes {
  const given = exchange.header('repr-digest')
  const demanded = given === undefined ? [] : parseReprDigest('Repr-Digest', given)
  const wanted = parseWantReprDigest(exchange.header('want-repr-digest') ?? '')
  return {
    wanted,
    awaited: wanted.length > 0,
    demanded: Object.fromEntries(
      [...demanded].map(([name, digest]) => [name, Buffer.from(digest).toString('hex')]),
    ),
  }
}

/**
 * What the request's content must hash to, by `Content-Digest` in front of it or behind it. Undefined when it names no
 * digest of a kind that counts. @throws MalformedHeader
 */
export function contentDigestOf(exchange: Exchange): (() => Checksum) | undefined {
  const header = exchange.header('content-digest')
  if (header !== undefined) {
    const checksum = strongest(header)
    return checksum && (() => checksum)
  }
  const announced = exchange.header('trailer')?.toLowerCase().split(/ *, */) ?? []
  if (!announced.includes('content-digest')) return undefined
  return () => {
    const trailer = exchange.req.trailersDistinct['content-digest']?.join(', ')
    const checksum = trailer === undefined ? undefined : strongest(trailer)
    if (checksum !== undefined) return checksum
    throw new MalformedHeader(
      'Content-Digest',
      'was announced as a trailer and did not come with a known digest',
    )
  }
}

function strongest(value: string): Checksum | undefined {
  const digests = parseReprDigest('Content-Digest', value)
  for (const algorithm of ['sha-512', 'sha-256'] as const) {
    const digest = digests.get(algorithm)
    if (digest !== undefined) return { algorithm, digest: Buffer.from(digest).toString('hex') }
  }
  return undefined
}

/** The file's name in `Content-Disposition`; what makes no sense there is passed over. Section "Upload Creation". */
export function fileNameOf(exchange: Exchange): string | undefined {
  const header = exchange.header('content-disposition')
  if (header === undefined) return undefined
  try {
    return parseDisposition(header).parameters.filename || undefined
  } catch {
    return undefined
  }
}
