/**
 * What the one who made an upload may do with its key: asked at each append and before publishing, since
 * permission can be taken back while bytes arrive.
 */
import { UploadError } from './errors.ts'
import type { UploadRecord } from './upload.ts'

export interface Verdict {
  /** Make an object where there is none. */
  readonly insert: boolean
  /** Take the place of the object that is there. */
  readonly replace: boolean
}

/**
 * @param size - bytes, where they are known
 * @throws UploadError `unavailable` when it cannot be told now
 */
export type Judge = (upload: UploadRecord, size: number | undefined) => Promise<Verdict>

export const PERMIT_ALL: Judge = async () => ({ insert: true, replace: true })

/** A partial upload becomes no object: it is judged when it is joined. @throws UploadError `not-permitted` */
export async function refuseDenied(judge: Judge, upload: UploadRecord): Promise<void> {
  if (upload.concat.kind === 'partial') return
  const { insert, replace } = await judge(upload, upload.length)
  if (!(insert || (replace && upload.precondition === 'none'))) throw notPermitted()
}

function notPermitted(): UploadError {
  return new UploadError('not-permitted', 'whoever made this upload may not do so any more')
}
