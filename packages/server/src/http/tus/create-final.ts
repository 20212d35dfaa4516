/** POST with `Upload-Concat: final`: joins partial uploads into an object, without copying a byte. */
import { parseUploadId, type UploadId } from '../../uploads/upload.ts'
import type { Exchange } from '../exchange.ts'
import { type Creation, urlOf } from './create.ts'
import { TusRequestError } from './errors.ts'
import type { Admission, TusFace } from './face.ts'
import { outcomeHeaders } from './render.ts'

export async function createFinal(
  face: TusFace,
  exchange: Exchange,
  { permit }: Admission,
  creation: Creation,
  { mount, urls }: { readonly mount: string; readonly urls: readonly string[] },
): Promise<void> {
  for (const name of ['Upload-Length', 'Upload-Defer-Length']) {
    if (exchange.header(name) === undefined) continue
    throw new TusRequestError(400, `a final upload has the length of its parts: leave ${name} out`)
  }
  if (exchange.declaredBytes !== 0) {
    throw new TusRequestError(400, 'a final upload is made of others: it takes no body')
  }
  const upload = await face.uploads.concatenate(
    {
      ...creation,
      partials: urls.map((url) => idOf(face, url)),
      list: exchange.header('upload-concat') ?? '',
    },
    permit,
  )
  if (upload.state.kind !== 'complete') throw new Error('a final upload was not published')
  exchange.answer(201, {
    Location: urlOf(face, mount, upload),
    'Upload-Offset': String(upload.length),
    'Upload-Length': String(upload.length),
    ...(await outcomeHeaders(face, upload, { kind: 'published', answer: upload.state.answer })),
  })
}

/** Clients name uploads by the URL they know, absolute or not; what counts is its last part. */
function idOf({ mounts }: TusFace, url: string): UploadId {
  const path = url.replace(/^https?:\/\/[^/]+/i, '')
  const slash = path.lastIndexOf('/')
  const mounted = mounts.some((mount) => path.slice(0, slash).endsWith(mount))
  const id = mounted ? parseUploadId(path.slice(slash + 1)) : undefined
  if (id === undefined)
    throw new TusRequestError(400, 'Upload-Concat names something that is no upload of this server')
  return id
}
