/** POST: a new upload, with its first bytes if the request brings some. */
import {
  type DeclaredLength,
  parseDeclaredLength,
  parseReprDigest,
  parseUploadConcat,
  parseUploadMetadata,
  parseWantReprDigest,
} from '@pawl/protocol'
import type { CreateRequest } from '../../uploads/create.ts'
import type { Permit } from '../../uploads/engine.ts'
import { UploadError, type UploadErrorCode } from '../../uploads/errors.ts'
import { MAX_METADATA } from '../../uploads/metadata.ts'
import type { DigestWishes, UploadRecord } from '../../uploads/upload.ts'
import type { Exchange } from '../exchange.ts'
import { checksumOf } from './checksum.ts'
import { createFinal } from './create-final.ts'
import { TusRequestError } from './errors.ts'
import type { Admission, Target, TusFace } from './face.ts'
import { requireChunk } from './patch.ts'
import { expiresHeader, outcomeHeaders } from './render.ts'

/** Refusals of the first bytes after which the upload goes too. */
const UNTOLD: ReadonlySet<UploadErrorCode> = new Set(['past-end', 'too-large', 'over-quota', 'overloaded'])

/** How long a body without bytes may take to end. */
const EMPTY_BODY_MS = 5000

/** What every creation says, whatever its bytes. */
export type Creation = Target & {
  readonly metadata: string
  readonly digests: DigestWishes
}

export async function create(
  face: TusFace,
  exchange: Exchange,
  admission: Admission,
  mount: string,
): Promise<void> {
  const concat = parseUploadConcat(exchange.header('upload-concat'))
  if (face.whole && concat !== undefined) throw new TusRequestError(400, 'an upload is of one piece here')
  const { metadata, pairs, digests } = readCreation(exchange)
  if (concat?.kind === 'final') {
    const target = await admission.target({ concat: 'final', length: undefined, metadata: pairs })
    const creation = creationOf(target, metadata, digests)
    return createFinal(face, exchange, admission, creation, { mount, urls: concat.uploads })
  }
  const declared = parseDeclaredLength({
    uploadLength: exchange.header('upload-length'),
    uploadDeferLength: exchange.header('upload-defer-length'),
  })
  const withBody = exchange.declaredBytes !== 0
  if (withBody) refuseBody(exchange, declared)
  // Complete at creation: there is no append that would notice a byte too many.
  const empty = declared.kind === 'known' && declared.length === 0
  if (withBody && empty) await refuseBytes(exchange)
  // Before there is an upload that nobody would go on with.
  else if (withBody) face.uploads.refuseWhenFull()
  const checksum = withBody ? checksumOf(exchange) : undefined

  const kind = concat?.kind ?? 'whole'
  const length = declared.kind === 'known' ? declared.length : undefined
  const target = await admission.target({ concat: kind, length, metadata: pairs })
  const creation = creationOf(target, metadata, digests)
  if (withBody && !empty) {
    return createWithBody(
      face,
      exchange,
      admission.permit,
      mount,
      { ...creation, concat: kind, length },
      checksum,
    )
  }
  const upload = await face.uploads.create({ ...creation, concat: kind, length })
  const location = { Location: urlOf(face, mount, upload) }
  if (upload.state.kind === 'complete' || upload.state.kind === 'sealed') {
    const finished =
      upload.state.kind === 'complete'
        ? ({ kind: 'published', answer: upload.state.answer } as const)
        : ({ kind: 'sealed' } as const)
    const outcome = await outcomeHeaders(face, upload, finished)
    return exchange.answer(201, { ...location, 'Upload-Offset': '0', ...outcome })
  }
  const offset = { 'Upload-Offset': '0' }
  return exchange.answer(201, { ...location, ...offset, ...expiresHeader(upload.expiresAt) })
}

async function createWithBody(
  face: TusFace,
  exchange: Exchange,
  permit: Permit,
  mount: string,
  request: CreateRequest,
  checksum: ReturnType<typeof checksumOf>,
): Promise<void> {
  const outcome = await takeFirstBytes(face, exchange, permit, mount, request, checksum)
  switch (outcome.kind) {
    case 'cut':
      return exchange.cut()
    case 'appended':
      return exchange.answer(201, {
        'Upload-Offset': String(outcome.offset),
        ...expiresHeader(outcome.expiresAt),
      })
    case 'finished':
      return exchange.answer(201, {
        'Upload-Offset': String(outcome.offset),
        ...(await outcomeHeaders(face, outcome.upload, outcome.finished)),
      })
  }
}

function creationOf(target: Target, metadata: string, digests: DigestWishes): Creation {
  const wanted = [...digests.wanted, ...(target.wanted ?? [])]
  return { metadata, ...target, digests: { ...digests, wanted } }
}

export function urlOf({ urlPrefix }: TusFace, mount: string, upload: UploadRecord): string {
  return `${urlPrefix}${mount}/${upload.id}`
}

function readCreation(exchange: Exchange): {
  metadata: string
  pairs: ReadonlyMap<string, string>
  digests: DigestWishes
} {
  const metadata = exchange.header('upload-metadata')?.trim() ?? ''
  if (metadata.length > MAX_METADATA) {
    throw new TusRequestError(400, `Upload-Metadata may have ${MAX_METADATA} bytes`)
  }
  const digests = exchange.header('repr-digest')
  const demanded = digests === undefined ? [] : parseReprDigest('Repr-Digest', digests)
  return {
    metadata,
    pairs: parseUploadMetadata(metadata),
    digests: {
      wanted: parseWantReprDigest(exchange.header('want-repr-digest') ?? ''),
      demanded: Object.fromEntries(
        [...demanded].map(([name, digest]) => [name, Buffer.from(digest).toString('hex')]),
      ),
    },
  }
}

async function takeFirstBytes(
  face: TusFace,
  exchange: Exchange,
  permit: Permit,
  mount: string,
  request: CreateRequest,
  checksum: ReturnType<typeof checksumOf>,
) {
  let upload: UploadRecord | undefined
  const body = {
    offset: 0,
    declared: exchange.declaredBytes,
    length: undefined,
    ends: 'at-length',
    checksum,
    open: () => exchange.openBody(),
    signal: exchange.gone,
  } as const
  try {
    return await face.uploads.createWithBody(request, permit, body, (made) => {
      // Whatever becomes of the body, the client is told where to go on.
      upload = made
      exchange.res.setHeader('Location', urlOf(face, mount, made))
    })
  } catch (error) {
    // A refused body leaves no upload behind that the client might not know of.
    if (upload !== undefined && error instanceof UploadError && UNTOLD.has(error.code)) {
      exchange.res.removeHeader('Location')
      await face.uploads.cancel(upload.id, permit).catch(() => {})
    }
    throw error
  }
}

function refuseBody(exchange: Exchange, declared: DeclaredLength): void {
  requireChunk(exchange)
  const { declaredBytes } = exchange
  if (declared.kind === 'known' && declaredBytes !== undefined && declaredBytes > declared.length) {
    throw new TusRequestError(
      413,
      `the body has ${declaredBytes} bytes and the upload only ${declared.length}`,
    )
  }
}

/** A chunked body may turn out to have no bytes. */
async function refuseBytes(exchange: Exchange): Promise<void> {
  const timer = setTimeout(() => exchange.cut(), EMPTY_BODY_MS)
  try {
    const chunks: AsyncIterable<Uint8Array> = exchange.openBody().iterator({ destroyOnReturn: false })
    for await (const { byteLength } of chunks) {
      if (byteLength > 0) throw new TusRequestError(413, 'an upload of no bytes takes no body')
    }
  } finally {
    clearTimeout(timer)
  }
}
