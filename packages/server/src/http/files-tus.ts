/** The tus door at `/files/`: every upload becomes an object of its own, under its id. */
import type { FilesAccess } from '../access/files-access.ts'
import { FILES_BUCKET } from '../objects/bucket.ts'
import type { ObjectHeaders } from '../objects/object.ts'
import { isMediaType } from './media-type.ts'
import { filesRefusal, TusRequestError } from './tus/errors.ts'
import type { TusFace } from './tus/face.ts'

export interface FilesTusOptions extends Pick<TusFace, 'uploads' | 'objects' | 'urlPrefix' | 'onError'> {
  readonly access: FilesAccess
}

export function filesTus({ access, ...rest }: FilesTusOptions): TusFace {
  return {
    ...rest,
    mounts: ['/files'],
    async admit(exchange, action) {
      const judged = await access.judge(exchange.header('authorization'), action)
      if (judged.kind === 'refused') {
        const headers = judged.status === 401 ? { 'WWW-Authenticate': 'Bearer' } : {}
        throw new TusRequestError(judged.status, judged.message, headers)
      }
      const { principal, permit } = judged
      return {
        // What another face made has that face's rules.
        permit: (upload) => upload.face === 'files' && permit(upload),
        target: async ({ metadata }) => ({
          face: 'files',
          owner: principal,
          bucket: FILES_BUCKET,
          key: (id) => id,
          precondition: 'absent',
          headers: objectHeadersFrom(metadata),
        }),
      }
    },
    objectId: (upload) => upload.key,
    refusal: filesRefusal,
  }
}

/** The names under which clients send a file's name and type. */
function objectHeadersFrom(metadata: ReadonlyMap<string, string>): ObjectHeaders {
  const type = metadata.get('filetype') || metadata.get('contentType') || metadata.get('type')
  const contentType = type || 'application/octet-stream'
  if (!isMediaType(contentType)) {
    throw new TusRequestError(400, 'the metadata names a content type that is none')
  }
  return { contentType, fileName: metadata.get('filename') || metadata.get('name') || undefined }
}
