/** DELETE: gives an upload up. */
import type { Granted } from '../../access/files-access.ts'
import type { UploadId } from '../../uploads/upload.ts'
import type { Exchange } from '../exchange.ts'
import type { TusFace } from './tus.ts'

export async function terminate(
  face: TusFace,
  exchange: Exchange,
  id: UploadId,
  { permit }: Granted,
): Promise<void> {
  await face.uploads.cancel(id, permit, exchange.gone)
  exchange.answer(204, {})
}
