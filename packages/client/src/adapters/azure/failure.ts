import { FilesError, type FilesErrorCode } from '../../errors.ts'
import { retryAfterOf } from '../../http/failure.ts'
import { isObject } from '../../json.ts'

/** https://learn.microsoft.com/rest/api/storageservices/blob-service-error-codes */
const CODES: Readonly<Record<string, readonly [code: FilesErrorCode, retryable: boolean]>> = {
  BlobNotFound: ['NotFound', false],
  ContainerNotFound: ['NotFound', false],
  ResourceNotFound: ['NotFound', false],
  BlobAlreadyExists: ['Conflict', false],
  ConditionNotMet: ['Conflict', false],
  AuthenticationFailed: ['Unauthorized', false],
  AuthorizationFailure: ['Unauthorized', false],
  AuthorizationPermissionMismatch: ['Unauthorized', false],
  RequestBodyTooLarge: ['QuotaExceeded', false],
  // A block that was staged is gone, for instance after seven days: the list is asked for, and it is staged again.
  InvalidBlockList: ['Provider', true],
  // A block's bytes were damaged on their way.
  Md5Mismatch: ['Provider', true],
  ServerBusy: ['RateLimited', true],
}

/** Runs a call of the SDK; what it throws becomes a `FilesError` about `what`. */
export async function asked<T>(what: string, signal: AbortSignal, call: () => Promise<T>): Promise<T> {
  try {
    return await call()
  } catch (cause) {
    if (cause instanceof FilesError) throw cause
    signal.throwIfAborted()
    const { status, code, retryAfter } = facts(cause)
    const message = `${what}: ${cause instanceof Error ? (cause.message.split('\n')[0] ?? '') : String(cause)}`
    const [meaning, retryable] = CODES[code ?? ''] ?? byStatus(status)
    throw new FilesError(meaning, message, cause, {
      retryable,
      ...(status === undefined ? {} : { status }),
      ...(retryAfter === undefined ? {} : { retryAfter }),
    })
  }
}

/** The code of an error of the SDK, such as `BlobNotFound`. */
export function codeOf(error: unknown): string | undefined {
  return facts(error instanceof FilesError ? error.cause : error).code
}

function facts(cause: unknown): {
  readonly status: number | undefined
  readonly code: string | undefined
  readonly retryAfter: number | undefined
} {
  if (!(cause instanceof Error)) return { status: undefined, code: undefined, retryAfter: undefined }
  return {
    retryAfter: 'response' in cause ? waitOf(cause.response) : undefined,
    status: 'statusCode' in cause && typeof cause.statusCode === 'number' ? cause.statusCode : undefined,
    code: 'code' in cause && typeof cause.code === 'string' ? cause.code : undefined,
  }
}

/** `Retry-After` of the answer that the SDK made an error of, in milliseconds. */
function waitOf(response: unknown): number | undefined {
  const { headers } = isObject(response) ? response : {}
  if (!isObject(headers) || typeof headers.get !== 'function') return undefined
  const value: unknown = headers.get('retry-after')
  return typeof value === 'string' ? retryAfterOf(value) : undefined
}

function byStatus(status: number | undefined): readonly [FilesErrorCode, boolean] {
  if (status === undefined) return ['Provider', true]
  if (status === 401 || status === 403) return ['Unauthorized', false]
  if (status === 404) return ['NotFound', false]
  if (status === 409 || status === 412) return ['Conflict', false]
  if (status === 429) return ['RateLimited', true]
  return ['Provider', status >= 500 || status === 408]
}
