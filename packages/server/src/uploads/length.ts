/** An upload's length: told once, never passed. */
import type { Hold } from '../catalog/segment-parts.ts'
import type { AppendRequest } from './append.ts'
import { maxSizeOf, refuseTooLarge } from './create.ts'
import { type Engine, reach } from './engine.ts'
import { UploadError } from './errors.ts'
import type { UploadRecord } from './upload.ts'

/** Before anything else: which of two lengths is right is the client's to say. @throws UploadError */
export function refuseConflict(upload: UploadRecord, { length }: AppendRequest, begin: number): void {
  if (length === undefined) return
  if (upload.length !== undefined && upload.length !== length) {
    throw new UploadError(
      'length-conflict',
      `the upload has ${upload.length} bytes, which cannot become ${length}`,
    )
  }
  if (length < begin) {
    throw new UploadError(
      'length-conflict',
      `${begin} bytes are there already: the upload cannot have ${length}`,
    )
  }
}

/** Before the length is set or a byte is read: a body that says it is too long leaves nothing behind. */
export function refusePastEnd(upload: UploadRecord, { offset, declared, length }: AppendRequest): void {
  const end = upload.length ?? length
  if (end === undefined || declared === undefined || declared === 0) return
  if (offset + declared > end) throw past({ ...upload, length: end }, end)
}

/** The upload with the length that this request tells, if it does. @throws UploadError */
export async function withLength(
  engine: Engine,
  upload: UploadRecord,
  request: AppendRequest,
  begin: number,
  hold: Hold | undefined,
): Promise<UploadRecord> {
  const { length } = request
  if (length === undefined) {
    if (request.declared !== undefined)
      refuseTooLarge(begin + request.declared, maxSizeOf(upload, engine.limits))
    return upload
  }
  refuseTooLarge(length, maxSizeOf(upload, engine.limits))
  if (upload.length === undefined) {
    await engine.quota.declare(upload, length)
    await reach(() => engine.catalog.setLength(upload.id, length, hold))
  }
  return { ...upload, length }
}

export function past(upload: UploadRecord, end: number): UploadError {
  return upload.length === undefined
    ? new UploadError('too-large', `an upload may have ${end} bytes here`, { limit: end })
    : new UploadError('past-end', `the body would go past the end of the upload at ${upload.length} bytes`)
}

/** A request that is to end the upload, and does so before its length. Its bytes are part of the upload. */
export function shorter({ length }: UploadRecord, offset: number): UploadError {
  return new UploadError('length-conflict', `the upload has ${length} bytes and cannot end at ${offset}`, {
    offset,
  })
}
