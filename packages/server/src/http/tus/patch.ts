/** PATCH: more bytes, at the offset where the upload stands. */
import { parseByteCount, parseUploadOffset } from '@pawl/protocol'
import type { UploadId } from '../../uploads/upload.ts'
import type { Exchange } from '../exchange.ts'
import { checksumOf } from './checksum.ts'
import { TusRequestError } from './errors.ts'
import type { Admission, TusFace } from './face.ts'
import { expiresHeader, outcomeHeaders } from './render.ts'

const CHUNK_TYPE = 'application/offset+octet-stream'

export async function patch(
  face: TusFace,
  exchange: Exchange,
  id: UploadId,
  { permit }: Admission,
): Promise<void> {
  requireChunk(exchange)
  const offset = parseUploadOffset(exchange.header('upload-offset'))
  const length = exchange.header('upload-length')
  const outcome = await face.uploads.append(id, permit, {
    offset,
    declared: exchange.declaredBytes,
    length: length === undefined ? undefined : parseByteCount('Upload-Length', length),
    ends: 'at-length',
    checksum: checksumOf(exchange),
    open: () => exchange.openBody(),
    signal: exchange.gone,
  })
  switch (outcome.kind) {
    case 'cut':
      return exchange.cut()
    case 'appended':
      return exchange.answer(204, {
        'Upload-Offset': String(outcome.offset),
        ...expiresHeader(outcome.expiresAt),
      })
    case 'finished':
      return exchange.answer(204, {
        'Upload-Offset': String(outcome.offset),
        ...(await outcomeHeaders(face, outcome.upload, outcome.finished)),
      })
  }
}

/** @throws TusRequestError 415: what is not plain bytes of the upload must not become part of it */
export function requireChunk(exchange: Exchange): void {
  if (exchange.header('content-type') !== CHUNK_TYPE) {
    throw new TusRequestError(415, `a body must have the content type ${CHUNK_TYPE}`)
  }
  // Offsets count the bytes of the upload; those of a coding are others.
  if (exchange.header('content-encoding') !== undefined) {
    throw new TusRequestError(415, 'a body must not have a content coding')
  }
}
