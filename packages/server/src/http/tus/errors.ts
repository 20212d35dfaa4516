/** What each thing that can go wrong with an upload is on the tus wire: one table. */
import type { OutgoingHttpHeaders } from 'node:http'
import { MalformedHeader } from '@pawl/protocol'
import { UploadError, type UploadErrorCode } from '../../uploads/errors.ts'
import type { TusRefusal } from './face.ts'

/**
 * Chosen by what clients do with them: on PATCH they come back after 409, 423, 503 and 507 and give up for
 * good on 404, 410 and 413.
 */
const STATUS: Readonly<Record<UploadErrorCode, number>> = {
  'not-found': 404,
  gone: 410,
  'offset-mismatch': 409,
  busy: 409,
  finishing: 423,
  'past-end': 413,
  'too-large': 413,
  'length-conflict': 400,
  'checksum-mismatch': 460,
  'digest-mismatch': 460,
  final: 403,
  'partial-open': 409,
  'partial-foreign': 403,
  'partial-unknown': 400,
  complete: 403,
  'over-quota': 413,
  // Retried by clients when they create, given up with 429: other uploads of the owner are about to end.
  'too-many-open': 503,
  overloaded: 503,
  'no-space': 507,
  unavailable: 503,
  conflict: 409,
  'not-permitted': 403,
  // Ours, not the client's: it looks again, finds the upload gone and begins a new one.
  'bytes-lost': 500,
  // Unless the hook says which.
  rejected: 400,
}

/** The most used client starts from zero after anything else on HEAD, so a passing trouble is always 423. */
const PASSING: ReadonlySet<UploadErrorCode> = new Set([
  'finishing',
  'no-space',
  'unavailable',
  'busy',
  'too-many-open',
  'overloaded',
])

/** What an error is on the tus wire, before a face puts it into its own words; undefined for an error of ours. */
export interface TusProblem {
  readonly status: number
  readonly message: string
  readonly headers: OutgoingHttpHeaders
}

export function tusProblem(error: unknown, method: string): TusProblem | undefined {
  if (error instanceof TusRequestError) return error
  if (error instanceof MalformedHeader) return { status: 400, message: error.message, headers: {} }
  if (!(error instanceof UploadError)) return undefined
  const passing = PASSING.has(error.code)
  return {
    status: passing && method === 'HEAD' ? 423 : (error.status ?? STATUS[error.code]),
    message: error.message,
    headers: {
      ...(passing ? { 'Retry-After': '1' } : {}),
      ...(error.offset === undefined ? {} : { 'Upload-Offset': String(error.offset) }),
      ...(error.limit === undefined ? {} : { 'Tus-Max-Size': String(error.limit) }),
    },
  }
}

/** On the plain endpoint: a sentence that says what is wrong. */
export function filesRefusal(error: unknown, method: string): TusRefusal | undefined {
  const problem = tusProblem(error, method)
  return (
    problem && {
      status: problem.status,
      headers: { 'Content-Type': 'text/plain; charset=utf-8', ...problem.headers },
      body: `${problem.message}\n`,
    }
  )
}

/** A request that breaks a rule of the protocol; what was asked of the engine did not begin. */
export class TusRequestError extends Error {
  readonly status: number
  readonly headers: OutgoingHttpHeaders

  constructor(status: number, message: string, headers: OutgoingHttpHeaders = {}) {
    super(message)
    this.name = 'TusRequestError'
    this.status = status
    this.headers = headers
  }
}
