/** Everything that goes wrong on the media face, in the shape that the vendor's clients read. */
import type { OutgoingHttpHeaders } from 'node:http'
import { MalformedHeader } from '@pawl/protocol'
import { SignatureError } from '../../access/signed-urls.ts'
import { UploadError } from '../../uploads/errors.ts'
import { tusProblem } from '../tus/errors.ts'
import type { TusRefusal } from '../tus/face.ts'

/** Codes that are not about one field, with their status. */
const STATUS = {
  UNAUTHENTICATED: 401,
  PERMISSION_DENIED: 403,
  NOT_FOUND: 404,
  INVALID_ARGUMENT: 400,
  TOKEN_USED: 429,
  TOO_MANY_REQUESTS: 429,
  FAILED_PRECONDITION: 409,
  METHOD_NOT_ALLOWED: 405,
  PRECONDITION_FAILED: 412,
  RANGE_NOT_SATISFIABLE: 416,
  PAYLOAD_TOO_LARGE: 413,
  NO_SPACE: 507,
  UNAVAILABLE: 503,
  INTERNAL: 500,
} as const

type MediaCode = keyof typeof STATUS

/** The vendor's names of rules that a field can break; the last one is ours, for fewer bytes than declared. */
export type MediaRule =
  | 'MISMATCH_MIME_TYPE'
  | 'ZERO_FILE_SIZE'
  | 'UNSUPPORTED_FILE_FORMAT'
  | 'FILE_SIZE_OVER_LIMIT'
  | 'SITE_QUOTA_EXCEEDED'
  | 'RESOURCE_NOT_FOUND'
  | 'INVALID_ASSET_KEY'
  | 'UNSUPPORTED_SORT_VALUE'
  | 'FIELD_MASK_IS_EMPTY_OR_MISSING'
  | 'MISMATCH_FILE_SIZE'

export class MediaError extends Error {
  readonly code: MediaCode
  readonly field: string | undefined
  readonly rule: MediaRule | undefined
  readonly data: Readonly<Record<string, unknown>>

  constructor(
    code: MediaCode,
    message: string,
    about: { field?: string; rule?: MediaRule; data?: Readonly<Record<string, unknown>> } = {},
  ) {
    super(message)
    this.name = 'MediaError'
    this.code = code
    this.field = about.field
    this.rule = about.rule
    this.data = about.data ?? {}
  }
}

/** A field of a request is wrong. */
export function invalid(field: string, problem: string): MediaError {
  return new MediaError('INVALID_ARGUMENT', `${field === '' ? 'the request' : field}: ${problem}`, { field })
}

/** A field breaks a rule that the vendor has a name for. */
export function against(
  rule: MediaRule,
  field: string,
  message: string,
  data: Readonly<Record<string, unknown>> = {},
): MediaError {
  return new MediaError('INVALID_ARGUMENT', message, { field, rule, data })
}

export interface MediaProblem {
  readonly status: number
  readonly headers: OutgoingHttpHeaders
  readonly body: object
}

/** What an error is on the wire; undefined for one of ours. */
export function mediaProblem(error: unknown): MediaProblem | undefined {
  const known = asMediaError(error)
  if (known === undefined) return undefined
  const own = error instanceof UploadError && error.code === 'rejected' ? error.status : undefined
  const status = own ?? STATUS[known.code]
  const headers = {
    ...(status === 503 ? { 'Retry-After': '1' } : {}),
    ...(status === 401 ? { 'WWW-Authenticate': 'Bearer' } : {}),
  }
  return { status, headers, body: bodyOf(known) }
}

export function internalProblem(): MediaProblem {
  return { status: 500, headers: {}, body: bodyOf(OURS) }
}

const OURS = new MediaError('INTERNAL', 'the server has a problem: try again')

function asMediaError(error: unknown): MediaError | undefined {
  if (error instanceof MediaError) return error
  if (error instanceof SignatureError) return new MediaError('PERMISSION_DENIED', error.message)
  if (error instanceof MalformedHeader) return new MediaError('INVALID_ARGUMENT', error.message)
  return error instanceof UploadError ? fromUpload(error) : undefined
}

function fromUpload({ code, message }: UploadError): MediaError {
  switch (code) {
    case 'too-large':
    case 'past-end':
      return against('FILE_SIZE_OVER_LIMIT', 'sizeInBytes', message)
    case 'over-quota':
      return against('SITE_QUOTA_EXCEEDED', 'sizeInBytes', message)
    case 'not-permitted':
      return new MediaError('TOKEN_USED', message)
    case 'not-found':
    case 'gone':
      return new MediaError('NOT_FOUND', message)
    case 'no-space':
      return new MediaError('NO_SPACE', message)
    case 'unavailable':
    case 'finishing':
    case 'busy':
    case 'too-many-open':
    case 'overloaded':
      return new MediaError('UNAVAILABLE', message)
    case 'bytes-lost':
      return new MediaError('INTERNAL', message)
    default:
      return new MediaError('INVALID_ARGUMENT', message)
  }
}

/** What is wrong with a field comes in both places where clients look; the rest in the second only. */
function bodyOf({ code, message, field, rule, data }: MediaError): object {
  const violation = { field, description: message, violatedRule: 'OTHER', ruleName: rule, data }
  return {
    message,
    details: {
      applicationError: { code: rule ?? code, description: message, data },
      ...(field === undefined ? {} : { validationError: { fieldViolations: [violation] } }),
    },
  }
}

const JSON_TYPE = { 'Content-Type': 'application/json; charset=utf-8' }

/** On the resumable routes: the statuses that clients of the protocol act on, and this face's body. */
export function resumableRefusal(error: unknown, method: string): TusRefusal | undefined {
  const problem = tusProblem(error, method)
  const told = mediaProblem(error)
  if (problem === undefined) {
    return (
      told && {
        status: told.status,
        headers: { ...JSON_TYPE, ...told.headers },
        body: JSON.stringify(told.body),
      }
    )
  }
  const body = told?.body ?? bodyOf(new MediaError('INVALID_ARGUMENT', problem.message))
  return { status: problem.status, headers: { ...JSON_TYPE, ...problem.headers }, body: JSON.stringify(body) }
}
