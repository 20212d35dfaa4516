/** One attempt to fetch a file, from where the last one ended: one request, one upload of the engine. */
import type { Catalog } from '../../catalog/catalog.ts'
import { UploadError } from '../../uploads/errors.ts'
import type { UploadId, UploadRecord } from '../../uploads/upload.ts'
import type { Uploads } from '../../uploads/uploads.ts'
import { type ImportState, MEDIA_BUCKET, type MediaFile } from '../media-file.ts'
import { type AddressRules, ForbiddenAddress } from './addresses.ts'
import { fetchSource, type SourceAnswer } from './fetch-source.ts'

export interface Attempting {
  readonly catalog: Catalog
  readonly uploads: Uploads
  readonly rules: AddressRules
  /** Told of the bytes that are kept as they grow, and of the bytes in all where they are known. */
  readonly onProgress: (id: string, received: number, total: number | undefined) => void
}

/** Where it ended: all bytes are there, or so many. */
type Attempt = 'whole' | number

/** This file cannot be imported, whatever is tried. */
export class ImportRefused extends Error {
  readonly code: string

  constructor(code: string, message: string) {
    super(message)
    this.name = 'ImportRefused'
    this.code = code
  }
}

type Importing = MediaFile & { readonly sourceUrl: string; readonly importing: ImportState }

/** @throws ImportRefused, and Error for what may go better another time */
export async function attemptImport(
  options: Attempting,
  file: Importing,
  signal: AbortSignal,
): Promise<Attempt> {
  const { uploads } = options
  const { importing, sourceUrl } = file
  const begun = await standing(uploads, importing)
  if (begun === 'whole') return 'whole'
  const { offset, validator } = begun
  const from = offset > 0 && validator !== undefined ? { offset, validator } : undefined
  const answer = await fetchSource(options.rules, {
    url: sourceUrl,
    headers: importing.headers,
    from,
    signal,
  }).catch((error: unknown) => {
    if (error instanceof ForbiddenAddress) throw new ImportRefused('FORBIDDEN_URL', error.message)
    throw error
  })
  try {
    const brings = judged(answer, from?.offset)
    const goesOn = brings === 'rest'
    if (!goesOn && begun.upload !== undefined) await giveUp(uploads, begun.upload)
    if (brings === 'nothing') throw new Error(`the source answered ${answer.status}`)
    const id = goesOn && begun.upload !== undefined ? begun.upload : await begin(options, file, answer)
    return await take(options, file, answer, id, goesOn ? offset : 0, signal)
  } finally {
    answer.body.destroy()
  }
}

/** Where the upload of an earlier attempt is. */
async function standing(
  uploads: Uploads,
  { upload, validator }: ImportState,
): Promise<'whole' | { offset: number; upload: UploadId | undefined; validator: string | undefined }> {
  if (upload === undefined) return { offset: 0, upload, validator }
  try {
    const found = await uploads.inspect(upload, own(upload))
    return found.kind === 'finished' ? 'whole' : { offset: found.offset, upload, validator }
  } catch (error) {
    if (!(error instanceof UploadError && (error.code === 'not-found' || error.code === 'gone'))) throw error
    return { offset: 0, upload: undefined, validator: undefined }
  }
}

/** The bytes from the offset on, all of them, or none that could be used. @throws ImportRefused, Error */
function judged(
  { status, range, same, coded }: SourceAnswer,
  offset: number | undefined,
): 'rest' | 'whole' | 'nothing' {
  if (coded) throw new ImportRefused('UNSUPPORTED_FILE_FORMAT', 'the source sends its bytes in a coding')
  if (status === 206 && offset !== undefined && range?.start === offset && same) return 'rest'
  if (status === 200) return 'whole'
  // A part that was not asked for, or of other bytes, or no such part any more: from the beginning with the next
  // attempt.
  if (status === 206 || status === 416) return 'nothing'
  if (status >= 400 && status < 500 && status !== 408 && status !== 429) {
    throw new ImportRefused('RESOURCE_NOT_FOUND', `the source answered ${status}`)
  }
  throw new Error(`the source answered ${status}`)
}

async function begin(
  { catalog, uploads }: Attempting,
  file: Importing,
  { length, validator }: SourceAnswer,
): Promise<UploadId> {
  if (length === 0) throw new ImportRefused('ZERO_FILE_SIZE', 'the source has no bytes')
  const upload = await refusing(() =>
    uploads.create({
      face: 'media',
      owner: file.owner,
      bucket: MEDIA_BUCKET,
      key: () => file.id,
      precondition: 'none',
      length,
      metadata: '',
      headers: { contentType: 'application/octet-stream', fileName: file.name },
      concat: 'whole',
      digests: { wanted: ['md5'], demanded: {} },
    }),
  )
  // Recorded before the first byte: a restart goes on with it.
  await catalog.noteImport(file.id, { ...file.importing, upload: upload.id, validator })
  return upload.id
}

async function take(
  { uploads, onProgress }: Attempting,
  { id: file }: Importing,
  answer: SourceAnswer,
  id: UploadId,
  offset: number,
  signal: AbortSignal,
): Promise<Attempt> {
  const total = answer.range?.total ?? (answer.length === undefined ? undefined : offset + answer.length)
  let received = offset
  const onAccepted = (reliable: number): void => {
    received = reliable
    onProgress(file, received, total)
  }
  onAccepted(offset)
  // The engine listens too; until then, and after it, nobody else would.
  answer.body.on('error', () => {})
  const outcome = await refusing(() =>
    uploads.append(id, own(id), {
      offset,
      declared: answer.length,
      // A part need not go to the end: its own end would be taken for that of the file.
      length: answer.range?.total,
      ends: 'here',
      checksum: undefined,
      onAccepted,
      open: () => answer.body,
      signal,
    }),
  )
  return outcome.kind === 'finished' ? 'whole' : received
}

/** What the engine refuses for good is refused for good here; the rest may go better another time. */
async function refusing<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof UploadError)) throw error
    switch (error.code) {
      case 'too-large':
      case 'past-end':
        throw new ImportRefused('FILE_SIZE_OVER_LIMIT', error.message)
      case 'over-quota':
        throw new ImportRefused('SITE_QUOTA_EXCEEDED', error.message)
      case 'rejected':
      case 'not-permitted':
        throw new ImportRefused('UNSUPPORTED_FILE_FORMAT', error.message)
      default:
        throw error
    }
  }
}

async function giveUp(uploads: Uploads, id: UploadId): Promise<void> {
  await uploads.cancel(id, own(id)).catch(() => {})
}

function own(id: UploadId): (upload: UploadRecord) => boolean {
  return (upload) => upload.id === id
}
