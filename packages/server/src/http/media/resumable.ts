/** The tus door of the media face: the token among the metadata is all that an upload needs. */
import { formatUploadMetadata } from '@pawl/protocol'
import { MEDIA_PREFIX } from '../../media/descriptor.ts'
import { plainType } from '../../media/inspect/types.ts'
import { type GrantRecord, MEDIA_BUCKET } from '../../media/media-file.ts'
import { isToken } from '../../media/token.ts'
import { isMediaType } from '../../objects/media-type.ts'
import type { CreationWish, Target, TusFace } from '../tus/face.ts'
import { against, invalid, MediaError, resumableRefusal } from './errors.ts'
import type { MediaFace } from './face.ts'

export const UPLOADS_PATH = `${MEDIA_PREFIX}/uploads`

const UNTOLD = 'application/octet-stream'

export function resumable(face: MediaFace): TusFace {
  const { uploads, objects, urlPrefix, onError } = face
  return {
    uploads,
    objects,
    urlPrefix,
    mounts: [UPLOADS_PATH],
    // A token is for one file: parts could be any number.
    whole: true,
    admit: async () => ({
      // The URL is the capability; what the server uploads by itself has none.
      permit: (upload) => upload.face === 'media' && upload.capability !== undefined,
      target: (wish) => target(face, wish),
    }),
    objectId: (upload) => upload.key,
    refusal: resumableRefusal,
    onError,
  }
}

/** @throws MediaError */
async function target(face: MediaFace, { length, metadata }: CreationWish): Promise<Target> {
  const grant = await grantFor(face, metadata.get('token') ?? '', 'resumable')
  const common = {
    face: 'media',
    owner: grant.owner,
    capability: grant.fingerprint,
    maxSize: grant.size,
    // Whoever has the token could use it: it is kept nowhere.
    metadata: formatUploadMetadata([...metadata].filter(([name]) => name !== 'token')),
  } as const
  const headers = {
    contentType: declaredTypeOf(grant, metadata.get('contentType')),
    fileName: metadata.get('filename') || undefined,
  }
  judgeSize(grant, length)
  await face.media.replaceUploads(grant)
  return {
    ...common,
    bucket: MEDIA_BUCKET,
    key: () => grant.file,
    precondition: 'none',
    headers,
    wanted: ['md5'],
  }
}

/** @throws MediaError for a token that is unknown, late, for something else, or used up */
export async function grantFor(
  { media }: MediaFace,
  token: string,
  kind: GrantRecord['kind'],
): Promise<GrantRecord> {
  const grant = isToken(token) ? await media.grantOf(token) : undefined
  if (grant?.kind !== kind) throw unknownToken()
  if (grant.used) throw new MediaError('TOKEN_USED', 'this token was used: ask for another one')
  return grant
}

export function unknownToken(): MediaError {
  return new MediaError('NOT_FOUND', 'there is no such upload token, or it has expired')
}

/** @throws MediaError */
export function judgeSize({ size: declared }: GrantRecord, size: number | undefined): void {
  if (size === 0) throw against('ZERO_FILE_SIZE', 'sizeInBytes', 'a file has at least one byte')
  if (size === undefined || declared === undefined || size === declared) return
  const rule = size > declared ? 'FILE_SIZE_OVER_LIMIT' : 'MISMATCH_FILE_SIZE'
  throw against(rule, 'sizeInBytes', `the file was to have ${declared} bytes, not ${size}`, {
    declared,
    size,
  })
}

/** What the uploader says must be what was agreed; who leaves it open is taken at the word of the other. */
export function declaredTypeOf({ declaredType }: GrantRecord, given: string | undefined): string {
  if (given === undefined || given === '') return declaredType
  if (!isMediaType(given)) throw invalid('contentType', 'is not a media type')
  const [said, agreed] = [plainType(given), plainType(declaredType)]
  if (said === agreed || said === UNTOLD || agreed === UNTOLD) return agreed === UNTOLD ? given : declaredType
  throw against('MISMATCH_MIME_TYPE', 'contentType', `the file was to be ${declaredType}, not ${given}`)
}
