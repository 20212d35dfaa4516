/** Content that goes past the end makes its upload unusable. Section "Upload Append". */
import type { Permit } from '../../uploads/engine.ts'
import { UploadError } from '../../uploads/errors.ts'
import type { UploadId } from '../../uploads/upload.ts'
import type { Exchange } from '../exchange.ts'
import type { ResumableDoor } from './face.ts'

export async function deactivateIfPast(
  { uploads, onError }: ResumableDoor,
  exchange: Exchange,
  id: UploadId,
  permit: Permit,
  error: unknown,
): Promise<void> {
  if (!(error instanceof UploadError)) return
  // A declared size that is too large was refused before a byte was read.
  const read = error.code === 'too-large' && exchange.declaredBytes === undefined
  if (error.code !== 'past-end' && !read) return
  await uploads.deactivate(id, permit, error.message).catch((fault: unknown) => onError(fault, exchange))
}
