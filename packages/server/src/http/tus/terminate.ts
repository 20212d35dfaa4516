/** DELETE: gives an upload up. */
import type { UploadId } from '../../uploads/upload.ts'
import type { Exchange } from '../exchange.ts'
import type { Admission, TusFace } from './face.ts'

export async function terminate(
  face: TusFace,
  exchange: Exchange,
  id: UploadId,
  { permit }: Admission,
): Promise<void> {
  await face.uploads.cancel(id, permit, exchange.gone)
  exchange.answer(204, {})
}
