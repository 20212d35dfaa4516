/** HEAD: where the upload stands. For one that exists: 200, or 423 to wait, and nothing else. */
import type { Granted } from '../../access/files-access.ts'
import type { UploadId } from '../../uploads/upload.ts'
import type { Exchange } from '../exchange.ts'
import { expiresHeader, objectHeaders } from './render.ts'
import type { TusFace } from './tus.ts'

export async function head(
  face: TusFace,
  exchange: Exchange,
  id: UploadId,
  { permit }: Granted,
): Promise<void> {
  const found = await face.uploads.inspect(id, permit, exchange.gone)
  const { upload, offset } = found
  exchange.answer(200, {
    'Cache-Control': 'no-store',
    'Upload-Offset': String(offset),
    ...(upload.length === undefined
      ? { 'Upload-Defer-Length': '1' }
      : { 'Upload-Length': String(upload.length) }),
    ...(upload.metadata === '' ? {} : { 'Upload-Metadata': upload.metadata }),
    ...(found.kind === 'open' ? expiresHeader(found.expiresAt) : objectHeaders(upload, found.answer)),
  })
}
