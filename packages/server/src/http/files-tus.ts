/** The tus door at `/files/`: every upload becomes an object of its own, under its id. */
import type { FilesAccess } from '../access/files-access.ts'
import { FILES_BUCKET } from '../objects/bucket.ts'
import type { ObjectHeaders } from '../objects/object.ts'
import { objectHeadersFrom } from '../uploads/metadata.ts'
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
          headers: headersFrom(metadata),
        }),
      }
    },
    objectId: (upload) => upload.key,
    refusal: filesRefusal,
  }
}

/** @throws TusRequestError */
function headersFrom(metadata: ReadonlyMap<string, string>): ObjectHeaders {
  try {
    return objectHeadersFrom(metadata)
  } catch (error) {
    throw error instanceof RangeError ? new TusRequestError(400, error.message) : error
  }
}
