/** The bytes of a file and its thumbnail: to everyone, or to whoever has a signed URL. */
import { MEDIA_BUCKET, type MediaFile, thumbnailKey } from '../../media/media-file.ts'
import type { ObjectRecord } from '../../objects/object.ts'
import type { Exchange } from '../exchange.ts'
import { sendObject } from '../object-response.ts'
import { queryOf } from '../query.ts'
import { MediaError } from './errors.ts'
import { type MediaFace, sendProblem } from './face.ts'

export const ASSETS = ['src', 'thumbnail'] as const
export type Asset = (typeof ASSETS)[number]

export async function download(face: MediaFace, exchange: Exchange, id: string, asset: Asset): Promise<void> {
  const token = queryOf(exchange).get('token')
  // The token first: whoever comes late is sent on whatever became of the file.
  const verdict = token === null ? undefined : await face.signed.verifyMedia(token, id, asset)
  if (verdict?.kind === 'late') {
    if (verdict.redirect !== undefined) return exchange.answer(302, { Location: verdict.redirect })
    throw new MediaError('PERMISSION_DENIED', 'the download URL has expired: ask for another one')
  }
  const file = await face.media.find(id)
  if (file?.status !== 'READY' || file.deleted) throw new MediaError('NOT_FOUND', 'there is no such file')
  if (file.private && verdict === undefined) {
    throw new MediaError('PERMISSION_DENIED', 'the file is private: ask for a download URL')
  }
  const object = await objectOf(face, file, asset)
  if (object === undefined) throw new MediaError('NOT_FOUND', 'there is no such file')
  await sendObject(exchange, {
    object,
    read: (start, end) => face.objects.read(object, start, end),
    redirect: (headers) => face.objects.redirect(object, headers),
    saveAs: verdict?.grant.saveAs,
    refuse: (status, message, headers) => {
      const code = status === 416 ? 'RANGE_NOT_SATISFIABLE' : 'PRECONDITION_FAILED'
      sendProblem(face, exchange, new MediaError(code, message), headers)
    },
  })
}

/** As what its bytes were found to be, whatever was declared; private ones are kept by no cache. */
async function objectOf(
  { objects }: MediaFace,
  file: MediaFile,
  asset: Asset,
): Promise<ObjectRecord | undefined> {
  const object = await objects.find(MEDIA_BUCKET, asset === 'src' ? file.id : thumbnailKey(file.id))
  if (object === undefined) return undefined
  const own =
    asset === 'src' ? { contentType: file.type ?? object.headers.contentType, fileName: file.name } : {}
  const cacheControl = file.private ? 'private, no-store' : 'public, max-age=3600'
  return { ...object, headers: { ...object.headers, ...own, cacheControl } }
}
