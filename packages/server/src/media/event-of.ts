/** The event that tells what became of a media file. */
import { type MediaTold, mediaFailed, mediaReady } from '../events/event.ts'
import { descriptorOf, externalInfoOf } from './descriptor.ts'
import { MEDIA_BUCKET, type MediaFile } from './media-file.ts'

/** @param file - as it is now: READY or FAILED */
export function mediaEvent(file: MediaFile, base: string, at: number): MediaTold {
  const data = {
    bucket: MEDIA_BUCKET,
    key: file.id,
    type: file.type ?? file.declaredType,
    owner: file.owner,
    size: file.size ?? null,
    file: descriptorOf(file, base),
    externalInfo: externalInfoOf(file.external),
  }
  return file.failure === undefined ? mediaReady(data, at) : mediaFailed(data, file.failure, at)
}
