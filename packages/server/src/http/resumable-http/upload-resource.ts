/** The upload resource: where the upload stands, more of it, and its end. */
import {
  type Dialect,
  formatUploadComplete,
  PARTIAL_UPLOAD,
  parseByteField,
  parseUploadComplete,
} from '@pawl/protocol'
import type { Permit } from '../../uploads/engine.ts'
import { UploadError } from '../../uploads/errors.ts'
import { type FaceName, parseUploadId, type UploadId } from '../../uploads/upload.ts'
import type { Exchange } from '../exchange.ts'
import { answerFinal, limitHeader, limitOf, refuse } from './answers.ts'
import type { ResumableDoor, TargetFace } from './face.ts'
import { Interim } from './interim.ts'
import { deactivateIfPast } from './past.ts'
import { ResumableRequestError } from './problems.ts'
import { contentDigestOf, dialectFor, lengthOf } from './wish.ts'

const METHODS = 'GET, HEAD, PATCH, DELETE, OPTIONS'

/** Of one request: what the protocol's steps share. */
interface Visit {
  readonly door: ResumableDoor
  readonly exchange: Exchange
  readonly dialect: Dialect
  readonly id: UploadId
  readonly permit: Permit
  /** The face of the upload, once that was found. */
  readonly creator: () => TargetFace | undefined
}

/** Who may touch nothing here, in the words of a face. */
class Stranger extends Error {
  readonly face: TargetFace

  constructor(face: TargetFace, cause: unknown) {
    super('nobody here knows the caller', { cause })
    this.face = face
  }
}

/** @param among - the faces whose uploads are to be had at this path */
export async function serveUploadResource(
  door: ResumableDoor,
  exchange: Exchange,
  name: string,
  among: readonly FaceName[] = [...door.faces.keys()],
): Promise<void> {
  const dialect = dialectFor(exchange)
  const { method } = exchange
  try {
    if (method === 'OPTIONS') return exchange.answer(204, { Allow: METHODS, 'Accept-Patch': PARTIAL_UPLOAD })
    const action = ACTIONS[method]
    if (action === undefined) throw notAllowed(method)
    const id = parseUploadId(name)
    if (id === undefined) throw new UploadError('not-found', 'there is no such upload')
    const permit = await permitFor(door, exchange, among)
    let face: FaceName | undefined
    const noting: Permit = (upload) => {
      if (!permit(upload)) return false
      face = upload.face
      return true
    }
    const creator = () => (face === undefined ? undefined : door.faces.get(face))
    await action({ door, exchange, dialect, id, permit: noting, creator })
  } catch (error) {
    if (error instanceof Stranger) refuse(door, exchange, error.cause, { dialect, target: error.face })
    else refuse(door, exchange, error, { dialect })
  }
}

const ACTIONS: Readonly<Record<string, (visit: Visit) => Promise<void>>> = {
  HEAD: look,
  GET: look,
  PATCH: append,
  DELETE: cancel,
}

/** Every face judges for its own uploads. Who is nobody to all of them is told so by the first. */
async function permitFor(
  door: ResumableDoor,
  exchange: Exchange,
  among: readonly FaceName[],
): Promise<Permit> {
  const action = exchange.method === 'HEAD' || exchange.method === 'GET' ? 'look' : 'change'
  const permits = new Map<FaceName, Permit>()
  let stranger: Stranger | undefined
  for (const name of among) {
    const face = door.faces.get(name)
    if (face === undefined) continue
    try {
      permits.set(name, await face.permit(exchange, action))
    } catch (error) {
      if (error instanceof UploadError) throw error
      stranger ??= new Stranger(face, error)
    }
  }
  if (stranger !== undefined && permits.size === 0) throw stranger
  // Parts of a concatenation are another protocol's business.
  return (upload) => upload.concat.kind === 'whole' && permits.get(upload.face)?.(upload) === true
}

async function look({ door, exchange, dialect, id, permit }: Visit): Promise<void> {
  if (dialect.refusesStrayFields)
    refuseFields(exchange, ['upload-offset', 'upload-complete', 'upload-length'])
  const found = await door.uploads.inspectByWord(id, permit, exchange.gone)
  if (found.kind === 'failed' && !dialect.showsFailed) throw new UploadError('gone', 'the upload failed')
  const { upload, offset } = found
  const open = found.kind === 'open'
  const length = open ? upload.length : offset
  exchange.answer(204, {
    'Cache-Control': 'no-store',
    'Upload-Offset': String(offset),
    'Upload-Complete': formatUploadComplete(!open),
    'Upload-Length': length === undefined ? undefined : String(length),
    ...limitHeader(limitOf(door, dialect, open ? { ...upload, expiresAt: found.expiresAt } : upload)),
  })
}

async function append({ door, exchange, dialect, id, permit, creator }: Visit): Promise<void> {
  const provided = parseByteField(exchange.header('upload-offset'))
  try {
    const complete =
      parseUploadComplete(exchange.header('upload-complete')) ??
      (dialect.completeIsOptional ? false : undefined)
    if (provided === undefined) throw missing('Upload-Offset, a count of bytes')
    if (complete === undefined) throw missing('Upload-Complete, ?1 or ?0')
    if (dialect.typedAppends) requireType(exchange)
    const outcome = await door.uploads.append(id, permit, {
      offset: provided,
      declared: exchange.declaredBytes,
      length: lengthOf(exchange, complete, provided),
      ends: complete ? 'here' : 'not-here',
      manner: 'at-once',
      checksum: contentDigestOf(exchange),
      onAccepted: new Interim(door, exchange, dialect).progress,
      open: () => exchange.openBody(),
      signal: exchange.gone,
    })
    switch (outcome.kind) {
      case 'cut':
        return exchange.cut()
      case 'appended':
        return exchange.answer(dialect.appendedStatus, {
          'Upload-Offset': String(outcome.offset),
          'Upload-Complete': formatUploadComplete(false),
        })
      case 'finished':
        return await answerFinal(door, exchange, dialect, outcome.upload, outcome.finished, outcome)
    }
  } catch (error) {
    await deactivateIfPast(door, exchange, id, permit, error)
    const spoken = error instanceof UploadError && error.outcome
    refuse(door, exchange, error, { dialect, provided, target: spoken ? creator() : undefined })
  }
}

async function cancel({ door, exchange, dialect, id, permit }: Visit): Promise<void> {
  if (dialect.refusesStrayFields) refuseFields(exchange, ['upload-offset', 'upload-complete'])
  await door.uploads.cancel(id, permit, exchange.gone)
  exchange.answer(204, {})
}

/** Drafts -03 to -05: fields of an append make no sense elsewhere, and are refused. */
function refuseFields(exchange: Exchange, names: readonly string[]): void {
  const stray = names.find((name) => exchange.header(name) !== undefined)
  if (stray === undefined) return
  throw new ResumableRequestError({ status: 400, title: `${exchange.method} takes no ${stray}` })
}

function requireType(exchange: Exchange): void {
  const type = exchange.header('content-type')?.split(';', 1)[0]?.trim().toLowerCase()
  if (type === PARTIAL_UPLOAD) return
  throw new ResumableRequestError({
    status: 415,
    title: `what is appended must have the content type ${PARTIAL_UPLOAD}`,
    headers: { 'Accept-Patch': PARTIAL_UPLOAD },
  })
}

function missing(what: string): ResumableRequestError {
  return new ResumableRequestError({ status: 400, title: `an append needs ${what}` })
}

function notAllowed(method: string): ResumableRequestError {
  return new ResumableRequestError({
    status: 405,
    title: `${method} is not possible here`,
    headers: { Allow: METHODS },
  })
}
