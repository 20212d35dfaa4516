/** Everything that goes wrong on the storage face, in the shape its clients read. */
import { type OutgoingHttpHeaders, STATUS_CODES } from 'node:http'
import { MalformedHeader } from '@pawl/protocol'
import { SignatureError } from '../../access/signed-urls.ts'
import { CredentialError } from '../../access/storage-access.ts'
import { UploadError, type UploadErrorCode } from '../../uploads/errors.ts'
import type { FinalAnswer } from '../resumable-http/face.ts'
import { tusProblem } from '../tus/errors.ts'
import type { TusRefusal } from '../tus/face.ts'

/** `[statusCode in the body, error]` of each code. */
const CODES = {
  NoSuchKey: [404, 'not_found'],
  NoSuchBucket: [404, 'Bucket not found'],
  NoSuchUpload: [404, 'not_found'],
  KeyAlreadyExists: [409, 'Duplicate'],
  BucketAlreadyExists: [409, 'Duplicate'],
  BucketNotEmpty: [409, 'InvalidRequest'],
  AccessDenied: [403, 'Unauthorized'],
  InvalidJWT: [403, 'Unauthorized'],
  InvalidSignature: [400, 'InvalidSignature'],
  EntityTooLarge: [413, 'Payload too large'],
  InvalidMimeType: [415, 'invalid_mime_type'],
  InvalidKey: [400, 'InvalidKey'],
  InvalidBucketName: [400, 'Bucket name invalid'],
  InvalidRequest: [400, 'Invalid Request'],
  InvalidRange: [416, 'InvalidRange'],
  PreconditionFailed: [412, 'PreconditionFailed'],
  TooManyRequests: [429, 'Too Many Requests'],
  MethodNotAllowed: [405, 'Method Not Allowed'],
  NotImplemented: [501, 'NotImplemented'],
  InternalError: [500, 'InternalError'],
  SlowDown: [503, 'SlowDown'],
  NoSpace: [507, 'Insufficient Storage'],
} as const satisfies Record<string, readonly [number, string]>

export type StorageCode = keyof typeof CODES

export const DENIED = 'new row violates row-level security policy'

export class StorageError extends Error {
  readonly code: StorageCode

  constructor(code: StorageCode, message: string) {
    super(message)
    this.name = 'StorageError'
    this.code = code
  }
}

export interface StorageProblem {
  readonly status: number
  readonly headers: OutgoingHttpHeaders
  readonly body: StorageErrorBody
}

interface StorageErrorBody {
  readonly statusCode: string
  readonly error: string
  readonly message: string
  readonly code: string
}

/** Clients read the body; only these statuses are told in the status line too, besides the server's own faults. */
const PLAIN: ReadonlySet<number> = new Set([405, 412, 413, 416, 429])

/** What an error is on the JSON and object routes; undefined for one of ours. */
export function storageProblem(error: unknown): StorageProblem | undefined {
  const known = asStorageError(error)
  if (known === undefined) return undefined
  const body = bodyOf(known.code, known.message)
  const told = Number(body.statusCode)
  const retry = told === 503 ? { 'Retry-After': '1' } : {}
  return { status: PLAIN.has(told) || told >= 500 ? told : 400, headers: retry, body }
}

/** The same as a whole answer. */
export function storageRefusal(error: unknown): FinalAnswer | undefined {
  const problem = storageProblem(error)
  return problem && render(problem.status, problem.headers, problem.body)
}

const OURS = new StorageError('InternalError', 'the server has a problem: try again')

/** The answer to an error that nobody expected: nothing of the inside. */
export function internalProblem(): StorageProblem {
  return { status: 500, headers: {}, body: bodyOf(OURS.code, OURS.message) }
}

/** What is wrong with a request that reaches no route, under the status it has in the status line. */
export function earlyProblem(status: number, message: string): StorageErrorBody {
  const code = status === 403 ? 'AccessDenied' : 'InvalidRequest'
  return { statusCode: String(status), error: STATUS_CODES[status] ?? 'Bad Request', message, code }
}

function asStorageError(error: unknown): StorageError | undefined {
  if (error instanceof StorageError) return error
  if (error instanceof CredentialError) return new StorageError('InvalidJWT', error.message)
  if (error instanceof SignatureError) return new StorageError('InvalidSignature', error.message)
  if (error instanceof MalformedHeader) return new StorageError('InvalidRequest', error.message)
  if (error instanceof UploadError) return fromUpload(error)
  return undefined
}

function fromUpload({ code, message }: UploadError): StorageError {
  switch (code) {
    case 'conflict':
      return new StorageError('KeyAlreadyExists', 'The resource already exists')
    case 'not-permitted':
      return new StorageError('AccessDenied', DENIED)
    case 'over-quota':
      return new StorageError('EntityTooLarge', message)
    case 'too-large':
    case 'past-end':
      return new StorageError('EntityTooLarge', 'The object exceeded the maximum allowed size')
    case 'no-space':
      return new StorageError('NoSpace', message)
    case 'unavailable':
    case 'finishing':
    case 'busy':
    case 'too-many-open':
    case 'overloaded':
      return new StorageError('SlowDown', message)
    case 'bytes-lost':
      return new StorageError('InternalError', message)
    default:
      return new StorageError('InvalidRequest', message)
  }
}

function bodyOf(code: StorageCode, message: string): StorageErrorBody {
  const [status, error] = CODES[code]
  return { statusCode: String(status), error, message, code }
}

/** For statuses of tus that have no word of their own here. */
const TUS_CODES: Readonly<Partial<Record<UploadErrorCode, StorageCode>>> = {
  'not-found': 'NoSuchUpload',
  gone: 'NoSuchUpload',
  conflict: 'KeyAlreadyExists',
  'not-permitted': 'AccessDenied',
  'too-large': 'EntityTooLarge',
  'past-end': 'EntityTooLarge',
  'no-space': 'NoSpace',
  unavailable: 'SlowDown',
  finishing: 'SlowDown',
  busy: 'SlowDown',
  'too-many-open': 'SlowDown',
  overloaded: 'SlowDown',
  rejected: 'InvalidRequest',
}

const DUPLICATE = new StorageError('KeyAlreadyExists', 'Asset Already Exists')

/**
 * What an error is on the resumable routes: true statuses, but for two. The most used client retries a 409
 * for half a minute, and its users wait for an answer that cannot change: a taken path is 400. And what is
 * wrong with a token is 400, as these clients know it.
 */
export function resumableRefusal(error: unknown, method: string): TusRefusal | undefined {
  const duplicate = error instanceof UploadError ? 'conflict' : 'KeyAlreadyExists'
  const known = error instanceof UploadError || error instanceof StorageError
  const taken = method === 'POST' && known && error.code === duplicate
  const storage = taken ? DUPLICATE : asResumable(error)
  if (storage !== undefined) {
    const body = bodyOf(storage.code, storage.message)
    const masked = storage.code === 'KeyAlreadyExists' || storage.code === 'InvalidJWT'
    return render(masked ? 400 : Number(body.statusCode), {}, body)
  }
  const problem = tusProblem(error, method)
  if (problem === undefined) return undefined
  const code = error instanceof UploadError ? TUS_CODES[error.code] : undefined
  const named = code === undefined ? undefined : bodyOf(code, messageOf(code, problem.message))
  const body = named ?? bodyOf(problem.status >= 500 ? 'InternalError' : 'InvalidRequest', problem.message)
  return render(problem.status, problem.headers, { ...body, statusCode: String(problem.status) })
}

function asResumable(error: unknown): StorageError | undefined {
  return error instanceof UploadError || error instanceof MalformedHeader ? undefined : asStorageError(error)
}

function messageOf(code: StorageCode, message: string): string {
  if (code === 'AccessDenied') return DENIED
  return code === 'EntityTooLarge' ? 'Maximum size exceeded' : message
}

function render(status: number, headers: OutgoingHttpHeaders, body: StorageErrorBody): TusRefusal {
  const type = { 'Content-Type': 'application/json; charset=utf-8' }
  return { status, headers: { ...type, ...headers }, body: JSON.stringify(body) }
}
