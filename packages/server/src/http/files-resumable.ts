/** `/files/` as the target of resumable requests: every upload becomes an object of its own, under its id. */
import { formatUploadMetadata, PROBLEM_TYPES, parseUploadMetadata } from '@pawl/protocol'
import type { FilesAccess } from '../access/files-access.ts'
import { FILES_BUCKET } from '../objects/bucket.ts'
import { isMediaType } from '../objects/media-type.ts'
import type { ObjectHeaders } from '../objects/object.ts'
import { UploadError } from '../uploads/errors.ts'
import { MAX_METADATA, objectHeadersFrom } from '../uploads/metadata.ts'
import type { Exchange } from './exchange.ts'
import { refuse } from './resumable-http/answers.ts'
import { createResumable } from './resumable-http/create.ts'
import type { FinalAnswer, ResumableDoor, TargetFace } from './resumable-http/face.ts'
import { ResumableRequestError } from './resumable-http/problems.ts'
import { dialectFor, fileNameOf, readWish } from './resumable-http/wish.ts'

export function filesTarget(access: FilesAccess, urlPrefix: string): TargetFace {
  return {
    async permit(exchange, action) {
      const judged = await access.judge(exchange.header('authorization'), action)
      if (judged.kind === 'refused') throw new FilesRefusal(judged.status, judged.message)
      return (upload) => upload.face === 'files' && judged.permit(upload)
    },
    answer: ({ key }, { version }) => ({
      status: 201,
      headers: {
        Location: `${urlPrefix}/files/${key}`,
        ETag: `"${version}"`,
        'Pawl-Object-Id': key,
        'Pawl-Object-Version': version,
      },
      body: '',
    }),
    refusal,
  }
}

/** Creates an upload at `/files/`. */
export async function createAtFiles(
  door: ResumableDoor,
  access: FilesAccess,
  exchange: Exchange,
): Promise<void> {
  const dialect = dialectFor(exchange)
  try {
    const wish = readWish(exchange)
    if (wish === undefined) {
      throw new ResumableRequestError({
        status: 400,
        title: 'Upload-Complete is missing: it must be ?1 or ?0',
      })
    }
    const judged = await access.judge(exchange.header('authorization'), 'create')
    if (judged.kind === 'refused') throw new FilesRefusal(judged.status, judged.message)
    const { metadata, headers } = describe(exchange)
    await createResumable(door, exchange, wish, {
      face: 'files',
      owner: judged.principal,
      bucket: FILES_BUCKET,
      key: (id) => id,
      precondition: 'absent',
      metadata,
      headers,
    })
  } catch (error) {
    const target = error instanceof FilesRefusal ? door.faces.get('files') : undefined
    refuse(door, exchange, error, { dialect, target })
  }
}

/** What the representation's metadata says. `Upload-Metadata` is how tus clients say the same. */
function describe(exchange: Exchange): { metadata: string; headers: ObjectHeaders } {
  const pairs = new Map(parseUploadMetadata(exchange.header('upload-metadata')?.trim() ?? ''))
  const type = exchange.header('content-type')
  const name = fileNameOf(exchange)
  // A client that sends its first part as such has nothing to say of the whole.
  if (type !== undefined && isMediaType(type) && !type.startsWith('application/partial-upload'))
    pairs.set('filetype', type)
  if (name !== undefined) pairs.set('filename', name)
  const metadata = formatUploadMetadata(pairs)
  if (metadata.length > MAX_METADATA) {
    throw new ResumableRequestError({ status: 400, title: `metadata may have ${MAX_METADATA} bytes` })
  }
  try {
    return { metadata, headers: { ...objectHeadersFrom(pairs), contentEncoding: codingOf(exchange) } }
  } catch (error) {
    if (error instanceof RangeError) throw new ResumableRequestError({ status: 400, title: error.message })
    throw error
  }
}

/** The codings that the bytes are in, kept as they are. Section "Content Codings". */
function codingOf(exchange: Exchange): string | undefined {
  const coding = exchange.header('content-encoding')
  if (coding === undefined || coding === '' || coding === 'identity') return undefined
  if (/^[\w-]{1,32}( *, *[\w-]{1,32}){0,3}$/.test(coding)) return coding
  throw new ResumableRequestError({ status: 400, title: 'Content-Encoding is not a list of codings' })
}

class FilesRefusal extends Error {
  readonly status: 401 | 403

  constructor(status: 401 | 403, message: string) {
    super(message)
    this.status = status
  }
}

/** Outcomes that are errors, and who is not let in. */
function refusal(error: unknown): FinalAnswer | undefined {
  if (error instanceof FilesRefusal) {
    const challenge = error.status === 401 ? { 'WWW-Authenticate': 'Bearer' } : {}
    return problem(error.status, error.message, challenge)
  }
  if (!(error instanceof UploadError)) return undefined
  switch (error.code) {
    case 'conflict':
      return problem(409, error.message)
    case 'digest-mismatch':
      return problem(400, error.message, {}, PROBLEM_TYPES.mismatchingDigest)
    case 'not-permitted':
      return problem(403, error.message)
    case 'rejected':
      return problem(error.status ?? 400, error.message)
    default:
      return problem(500, error.message)
  }
}

function problem(
  status: number,
  title: string,
  headers: FinalAnswer['headers'] = {},
  type = 'about:blank',
): FinalAnswer {
  return {
    status,
    headers: { 'Content-Type': 'application/problem+json', ...headers },
    body: JSON.stringify({ type, title, status }),
  }
}
