/** HEAD: where the upload stands. For one that exists: 200, or 423 to wait, and nothing else. */

import type { OutgoingHttpHeaders } from 'node:http'
import type { UploadId, UploadRecord } from '../../uploads/upload.ts'
import type { Exchange } from '../exchange.ts'
import type { Admission, TusFace } from './face.ts'
import { expiresHeader, outcomeHeaders } from './render.ts'

export async function head(
  face: TusFace,
  exchange: Exchange,
  id: UploadId,
  { permit }: Admission,
): Promise<void> {
  const found = await face.uploads.inspect(id, permit, exchange.gone)
  const { upload, offset } = found
  exchange.answer(200, {
    'Cache-Control': 'no-store',
    'Upload-Offset': String(offset),
    ...(upload.length === undefined && found.kind === 'open'
      ? { 'Upload-Defer-Length': '1' }
      : { 'Upload-Length': String(upload.length) }),
    ...(upload.metadata === '' ? {} : { 'Upload-Metadata': upload.metadata }),
    ...concatHeader(upload),
    ...(found.kind === 'open'
      ? expiresHeader(found.expiresAt)
      : await outcomeHeaders(face, upload, found.finished)),
  })
}

function concatHeader({ concat }: UploadRecord): OutgoingHttpHeaders {
  switch (concat.kind) {
    case 'whole':
      return {}
    case 'partial':
      return { 'Upload-Concat': 'partial' }
    case 'final':
      return { 'Upload-Concat': concat.list }
  }
}
