/** POST: a new upload, with its first bytes if the request brings some. */
import { type DeclaredLength, parseDeclaredLength, parseUploadMetadata } from '@pawl/protocol'
import { parse as parseMediaType } from 'content-type'
import type { Granted } from '../../access/files-access.ts'
import type { ObjectHeaders } from '../../objects/object.ts'
import { UploadError } from '../../uploads/errors.ts'
import type { UploadRecord } from '../../uploads/upload.ts'
import type { Exchange } from '../exchange.ts'
import { TusRequestError } from './errors.ts'
import { CHUNK_TYPE, refuseUnsupported } from './patch.ts'
import { expiresHeader, objectHeaders } from './render.ts'
import type { TusFace } from './tus.ts'

/** HTTP allows more, but nobody needs it, and the catalog keeps every byte. */
const MAX_METADATA = 16 * 1024

export async function create(
  face: TusFace,
  exchange: Exchange,
  { principal, permit }: Granted,
): Promise<void> {
  refuseUnsupported(exchange)
  const declared = parseDeclaredLength({
    uploadLength: exchange.header('upload-length'),
    uploadDeferLength: exchange.header('upload-defer-length'),
  })
  const metadata = exchange.header('upload-metadata')?.trim() ?? ''
  if (metadata.length > MAX_METADATA) {
    throw new TusRequestError(400, `Upload-Metadata may have ${MAX_METADATA} bytes`)
  }
  const headers = objectHeadersFrom(parseUploadMetadata(metadata))
  const withBody = exchange.declaredBytes !== 0
  if (withBody) refuseBody(exchange, declared)

  const upload = await face.uploads.create({
    face: 'files',
    owner: principal,
    bucket: 'files',
    key: (id) => id,
    precondition: 'absent',
    length: declared.kind === 'known' ? declared.length : undefined,
    metadata,
    headers,
  })
  const location = { Location: `${face.urlPrefix}/files/${upload.id}` }
  if (upload.state.kind === 'complete') {
    const done = objectHeaders(upload, upload.state.answer)
    return exchange.answer(201, { ...location, 'Upload-Offset': '0', 'Tus-Complete': '1', ...done })
  }
  if (!withBody) {
    const offset = { 'Upload-Offset': '0' }
    return exchange.answer(201, { ...location, ...offset, ...expiresHeader(upload.expiresAt) })
  }
  // The upload exists: whatever becomes of the body, the client is told where to go on.
  exchange.res.setHeader('Location', location.Location)
  const outcome = await takeFirstBytes(face, exchange, upload, permit)
  switch (outcome.kind) {
    case 'cut':
      return exchange.cut()
    case 'appended':
      return exchange.answer(201, {
        'Upload-Offset': String(outcome.offset),
        ...expiresHeader(outcome.expiresAt),
      })
    case 'complete': {
      const done = objectHeaders(upload, outcome.answer)
      return exchange.answer(201, { 'Upload-Offset': String(outcome.offset), 'Tus-Complete': '1', ...done })
    }
  }
}

async function takeFirstBytes(
  face: TusFace,
  exchange: Exchange,
  upload: UploadRecord,
  permit: Granted['permit'],
) {
  try {
    return await face.uploads.append(upload.id, permit, {
      offset: 0,
      declared: exchange.declaredBytes,
      length: undefined,
      open: () => exchange.openBody(),
      signal: exchange.gone,
    })
  } catch (error) {
    // A refused body leaves no upload behind that the client might not know of.
    if (error instanceof UploadError && (error.code === 'past-end' || error.code === 'too-large')) {
      exchange.res.removeHeader('Location')
      await face.uploads.cancel(upload.id, permit).catch(() => {})
    }
    throw error
  }
}

function refuseBody(exchange: Exchange, declared: DeclaredLength): void {
  if (exchange.header('content-type') !== CHUNK_TYPE) {
    throw new TusRequestError(415, `a body must have the content type ${CHUNK_TYPE}`)
  }
  const { declaredBytes } = exchange
  if (declared.kind === 'known' && declaredBytes !== undefined && declaredBytes > declared.length) {
    throw new TusRequestError(
      413,
      `the body has ${declaredBytes} bytes and the upload only ${declared.length}`,
    )
  }
}

/** The names under which clients send a file's name and type. */
function objectHeadersFrom(metadata: ReadonlyMap<string, string>): ObjectHeaders {
  const type = metadata.get('filetype') || metadata.get('contentType') || metadata.get('type')
  return {
    contentType: mediaType(type || 'application/octet-stream'),
    fileName: metadata.get('filename') || metadata.get('name') || undefined,
  }
}

function mediaType(text: string): string {
  try {
    parseMediaType(text)
    // Printable ASCII only: it becomes a header of every answer.
    if (/^[\x20-\x7e]{1,255}$/.test(text)) return text
  } catch {}
  throw new TusRequestError(400, 'the metadata names a content type that is none')
}
