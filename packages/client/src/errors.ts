/**
 * Why a call failed, as a closed set.
 *
 * The first five are those of files-sdk and mean the same. The others:
 * - `BodyChanged`: the body is not the one the session began with.
 * - `Corrupted`: what the provider holds is not what was sent.
 * - `SessionGone`: the provider no longer knows the session, or the token cannot be read; start again.
 * - `NotSupported`: this provider or this combination cannot do it; trying again cannot help.
 * - `QuotaExceeded`, `RateLimited`: the provider refused for lack of room, or for too many requests.
 * - `InvalidKey`: the key cannot be stored there.
 */
export type FilesErrorCode =
  | 'NotFound'
  | 'Unauthorized'
  | 'Conflict'
  | 'ReadOnly'
  | 'Provider'
  | 'BodyChanged'
  | 'Corrupted'
  | 'SessionGone'
  | 'NotSupported'
  | 'QuotaExceeded'
  | 'RateLimited'
  | 'InvalidKey'

/** What is known about a failure besides its code. */
export interface FilesErrorDetails {
  /** The call was ended by its caller, or by a time-out. */
  readonly aborted?: boolean
  /** A time-out ended it. Sets `aborted` too, as in files-sdk. */
  readonly timeout?: boolean
  /** Whether the same request may succeed later. Unset: true for `Provider` and `RateLimited`. */
  readonly retryable?: boolean
  /** HTTP status, where there was one. */
  readonly status?: number
  /** How long the provider asked to wait, in milliseconds. */
  readonly retryAfter?: number
}

/** The one error class of this package. The message says what happened, to what, and what to do. */
export class FilesError extends Error {
  override readonly name = 'FilesError'
  readonly code: FilesErrorCode
  readonly aborted: boolean
  readonly timeout: boolean
  readonly retryable: boolean
  readonly status: number | undefined
  /** Milliseconds the provider asked to wait. */
  readonly retryAfter: number | undefined

  constructor(code: FilesErrorCode, message: string, cause?: unknown, details: FilesErrorDetails = {}) {
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
    this.timeout = details.timeout ?? false
    this.aborted = details.aborted ?? this.timeout
    this.retryable = details.retryable ?? ((code === 'Provider' || code === 'RateLimited') && !this.aborted)
    this.status = details.status
    this.retryAfter = details.retryAfter
  }

  /** files-sdk's name for {@link timeout}. */
  get timedOut(): boolean {
    return this.timeout
  }

  /** files-sdk's opposite of {@link retryable}. */
  get permanent(): boolean {
    return !this.retryable
  }

  /** Any thrown value as a `FilesError`; one that already is stays itself. */
  static wrap(cause: unknown, fallback: FilesErrorCode = 'Provider'): FilesError {
    if (cause instanceof FilesError) return cause
    if (cause instanceof Error && (cause.name === 'AbortError' || cause.name === 'TimeoutError')) {
      return new FilesError('Provider', cause.message, cause, {
        aborted: true,
        timeout: cause.name === 'TimeoutError',
      })
    }
    return new FilesError(fallback, cause instanceof Error ? cause.message : String(cause), cause)
  }
}

/** The error of a call that its caller ended. */
export function abortedError(what: string, reason?: unknown): FilesError {
  return reason instanceof FilesError
    ? reason
    : new FilesError('Provider', `${what} was aborted`, reason, { aborted: true, retryable: false })
}
