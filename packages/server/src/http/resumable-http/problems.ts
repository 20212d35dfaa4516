/** What goes wrong with an upload, as problem documents (RFC 9457): one table. */
import type { OutgoingHttpHeaders } from 'node:http'
import { type Dialect, formatUploadComplete, MalformedHeader, PROBLEM_TYPES } from '@pawl/protocol'
import { UploadError, type UploadErrorCode } from '../../uploads/errors.ts'
import type { FinalAnswer } from './face.ts'

interface Problem {
  readonly status: number
  readonly title: string
  readonly type?: string | undefined
  readonly headers?: OutgoingHttpHeaders | undefined
  /** Members of a problem type of its own. */
  readonly members?: Readonly<Record<string, unknown>> | undefined
}

/** A request that breaks a rule of the protocol; what was asked of the engine did not begin. */
export class ResumableRequestError extends Error {
  readonly problem: Problem

  constructor(problem: Problem) {
    super(problem.title)
    this.name = 'ResumableRequestError'
    this.problem = problem
  }
}

/**
 * Chosen by what clients are told to do with them: wait after 503, look again after 409 and 5xx, send less after
 * 413, stop after any other 4xx.
 */
const STATUS: Readonly<Record<UploadErrorCode, number>> = {
  'not-found': 404,
  gone: 410,
  'offset-mismatch': 409,
  busy: 503,
  finishing: 503,
  'past-end': 400,
  'too-large': 413,
  'length-conflict': 400,
  'checksum-mismatch': 400,
  'digest-mismatch': 400,
  final: 409,
  'partial-open': 409,
  'partial-foreign': 403,
  'partial-unknown': 400,
  complete: 400,
  // Not 413, after which a client would try with less.
  'over-quota': 403,
  'too-many-open': 503,
  overloaded: 503,
  'no-space': 507,
  unavailable: 503,
  conflict: 409,
  'not-permitted': 403,
  'bytes-lost': 500,
  rejected: 400,
}

const TYPES: Readonly<Partial<Record<UploadErrorCode, string>>> = {
  'offset-mismatch': PROBLEM_TYPES.mismatchingOffset,
  'length-conflict': PROBLEM_TYPES.inconsistentLength,
  'past-end': PROBLEM_TYPES.inconsistentLength,
  complete: PROBLEM_TYPES.completedUpload,
  'checksum-mismatch': PROBLEM_TYPES.mismatchingDigest,
  'digest-mismatch': PROBLEM_TYPES.mismatchingDigest,
}

/** @param provided - `Upload-Offset` of the request, where it had one */
export function problemOf(
  error: unknown,
  dialect: Dialect,
  { method, provided }: { readonly method: string; readonly provided?: number | undefined },
): Problem | undefined {
  if (error instanceof ResumableRequestError) return error.problem
  if (error instanceof MalformedHeader) return { status: 400, title: error.message }
  if (!(error instanceof UploadError)) return undefined
  const { code, message, offset, limit } = error
  const status = statusOf(error, dialect, method)
  const retry = status === 503 || status === 423 || status === 507 ? { 'Retry-After': '1' } : {}
  const at = offset === undefined ? {} : { 'Upload-Offset': String(offset) }
  const limits = limit === undefined ? undefined : dialect.limit({ maxSize: limit })
  return {
    status,
    type: TYPES[code],
    title: message,
    headers: { ...retry, ...at, ...(limits === undefined ? {} : { 'Upload-Limit': limits }) },
    members:
      code === 'offset-mismatch' ? { 'expected-offset': offset, 'provided-offset': provided } : undefined,
  }
}

function statusOf({ code, status }: UploadError, dialect: Dialect, method: string): number {
  if (code === 'gone') return dialect.goneStatus
  // What was cancelled too late is an object now.
  if (code === 'complete' && method === 'DELETE') return 409
  const known = status ?? STATUS[code]
  const look = method === 'HEAD' || method === 'GET'
  return look && (known === 503 || known === 507) ? dialect.laterStatus : known
}

/** An answer of the protocol itself, not of the target. */
export function renderProblem({ status, type, title, headers, members }: Problem): FinalAnswer {
  return {
    status,
    headers: {
      'Content-Type': 'application/problem+json',
      'Upload-Complete': formatUploadComplete(false),
      ...headers,
    },
    body: JSON.stringify({ type: type ?? 'about:blank', title, status, ...members }),
  }
}
