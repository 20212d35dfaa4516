/** Puts the small picture of a file beside it, as an object like any other. */
import { Readable } from 'node:stream'
import { UploadError } from '../uploads/errors.ts'
import type { Uploads } from '../uploads/uploads.ts'
import { MEDIA_BUCKET, type MediaFile, thumbnailKey } from './media-file.ts'

/**
 * In place of one that an earlier try left. False where there may be none: over a quota, or a hook says no.
 * @throws UploadError `unavailable`
 */
export async function storeThumbnail(
  uploads: Uploads,
  file: MediaFile,
  picture: Uint8Array,
): Promise<boolean> {
  try {
    return await store(uploads, file, picture)
  } catch (error) {
    if (error instanceof UploadError && error.code !== 'unavailable') return false
    throw error
  }
}

async function store(uploads: Uploads, file: MediaFile, picture: Uint8Array): Promise<boolean> {
  const upload = await uploads.create({
    face: 'media',
    owner: file.owner,
    bucket: MEDIA_BUCKET,
    key: () => thumbnailKey(file.id),
    precondition: 'none',
    length: picture.byteLength,
    metadata: '',
    headers: { contentType: 'image/webp', fileName: undefined },
    concat: 'whole',
    digests: { wanted: [], demanded: {} },
  })
  const permit = ({ id }: { id: string }): boolean => id === upload.id
  const outcome = await uploads.append(upload.id, permit, {
    offset: 0,
    declared: picture.byteLength,
    length: undefined,
    ends: 'here',
    checksum: undefined,
    open: () => Readable.from([picture], { objectMode: false }),
    signal: new AbortController().signal,
  })
  return outcome.kind === 'finished'
}
