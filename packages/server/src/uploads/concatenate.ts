/**
 * A final upload: partial ones joined in order. No byte is copied: the object is a list of their segments.
 */
import { createHash } from 'node:crypto'
import { newSegmentId, type SegmentPiece } from '../blobs/blob-store.ts'
import { askBeforeCreate, type CreateRequest, maxSizeOf, refuseTooLarge } from './create.ts'
import { asUploadError, type Engine, type Permit, reach } from './engine.ts'
import { UploadError } from './errors.ts'
import { refusalOf } from './quota.ts'
import { newUploadId, type UploadId, type UploadRecord } from './upload.ts'

export interface ConcatenateRequest extends Omit<CreateRequest, 'length' | 'concat'> {
  readonly partials: readonly UploadId[]
  /** What the client sent, shown again as it was. */
  readonly list: string
}

/**
 * The same list by the same owner gives the same upload, so that a lost answer can be repeated; one that failed is
 * tried anew, because its partial ones are still whole.
 * @throws UploadError `partial-open`, `partial-foreign`, `partial-unknown`, `too-large`, `over-quota`,
 *   `unavailable`, `rejected`, and what finishing throws
 */
export async function concatenate(
  engine: Engine,
  request: ConcatenateRequest,
  permit: Permit,
): Promise<UploadRecord> {
  const { catalog, limits, quota, now } = engine
  // It ends at once: the limit on open uploads is none of its business.
  const allowance = { ...quota.allowance, ownerOpen: undefined }
  const signature = signatureOf(request)
  // A repeat joins nothing: its partial ones may be deleted by now.
  const earlier = await reach(() => catalog.findFinal(signature))
  if (earlier !== undefined) return publish(engine, earlier)
  for (;;) {
    const pieces = await piecesFrom(engine, request, permit)
    const length = pieces.reduce((sum, piece) => sum + piece.length, 0)
    refuseTooLarge(length, maxSizeOf(request, limits))
    const id = newUploadId()
    const { bucket, owner } = request
    const key = request.key(id)
    const action = 'create-final'
    const described = await askBeforeCreate(engine, { ...request, action, key, size: length })
    const upload: UploadRecord = {
      id,
      face: request.face,
      owner,
      bucket,
      key,
      precondition: request.precondition,
      length,
      metadata: described.metadata,
      headers: described.headers,
      userMetadata: request.userMetadata,
      maxSize: request.maxSize,
      capability: request.capability,
      segment: newSegmentId(),
      concat: { kind: 'final', list: request.list, pieces },
      digests: request.digests,
      rollback: undefined,
      durable: length,
      createdAt: now(),
      expiresAt: now() + limits.ttl,
      state: { kind: 'finishing' },
    }
    const result = await reach(() => catalog.insertFinal(upload, signature, request.partials, allowance))
    if (result.kind === 'exceeded') throw refusalOf(result.exceeded)
    // A partial ended between our look and the insert: looking again finds out which.
    if (result.kind === 'changed') continue
    return publish(engine, result.kind === 'exists' ? result.upload : upload)
  }
}

async function publish({ finisher }: Engine, final: UploadRecord): Promise<UploadRecord> {
  const finished = await reach(() => finisher.finish(final, final.length ?? 0))
  if (finished.kind !== 'published') throw new UploadError('finishing', 'the upload is being finished')
  return { ...final, state: { kind: 'complete', answer: finished.answer } }
}

async function piecesFrom(
  engine: Engine,
  request: ConcatenateRequest,
  permit: Permit,
): Promise<readonly SegmentPiece[]> {
  const found = await reach(() => Promise.all(request.partials.map((id) => engine.catalog.findUpload(id))))
  const partials = found.map((upload, i) => partialOf(upload, request, i, permit))
  const pieces: SegmentPiece[] = []
  for (const partial of partials) {
    const { state, segment, length } = partial
    if (state.kind === 'finishing') {
      await engine.finisher.finish(partial, length ?? 0).catch((error: unknown) => {
        throw asUploadError(error)
      })
    } else if (state.kind !== 'sealed') {
      throw new UploadError('partial-open', 'a partial upload that is to be joined is not complete yet')
    }
    pieces.push({ segment, length: length ?? 0 })
  }
  return pieces
}

function partialOf(
  upload: UploadRecord | undefined,
  request: ConcatenateRequest,
  index: number,
  permit: Permit,
): UploadRecord {
  const nth = `upload ${index + 1} of the list`
  const ended =
    upload?.state.kind === 'cancelled' || upload?.state.kind === 'expired' || upload?.state.kind === 'failed'
  if (upload === undefined || ended || upload.face !== request.face) {
    throw new UploadError('partial-unknown', `${nth} is not there any more: upload it again`)
  }
  if (!permit(upload)) throw new UploadError('partial-foreign', `${nth} belongs to someone else`)
  if (upload.concat.kind !== 'partial') {
    throw new UploadError('partial-unknown', `${nth} was not created as a partial upload`)
  }
  return upload
}

function signatureOf({ face, owner, bucket, key, partials }: ConcatenateRequest): string {
  // Of the same partials several objects can be made; where a key is only an id, it says nothing here.
  const name = key('' as UploadId)
  return createHash('sha256')
    .update(JSON.stringify([face, owner, bucket, name, partials]))
    .digest('hex')
}
