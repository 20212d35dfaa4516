/** When to try again, and how long to wait before. */
import { FilesError } from '../errors.ts'
import { numeric } from '../numeric.ts'

export interface RetryBackoffContext {
  /** 1 for the first retry. */
  readonly attempt: number
  readonly error: FilesError
}

/** How often to try again without any progress in between, and how long to wait (milliseconds). */
export type RetryOptions =
  | number
  | { readonly max: number; readonly backoff?: (context: RetryBackoffContext) => number }

export interface RetryPolicy {
  readonly max: number
  readonly backoff: (context: RetryBackoffContext) => number
}

const BASE = 500
const CAP = 30_000
/** A provider's `Retry-After` beyond this is not waited for in full. */
const LONGEST_WAIT = 5 * 60_000

export function retryPolicy(options: RetryOptions | undefined, fallback: number): RetryPolicy {
  const { max, backoff } =
    typeof options === 'object' ? options : { max: options ?? fallback, backoff: undefined }
  return { max: Math.max(0, numeric('retries', max)), backoff: backoff ?? fullJitter }
}

/**
 * Full jitter: anywhere between nothing and the cap of this attempt. Clients that failed together do not
 * come back together.
 */
function fullJitter({ attempt }: RetryBackoffContext): number {
  return Math.random() * Math.min(CAP, BASE * 2 ** (attempt - 1))
}

/** Milliseconds to wait: the policy's, but not less than the provider asked for. */
export function delayBefore(policy: RetryPolicy, context: RetryBackoffContext): number {
  const asked = Math.min(context.error.retryAfter ?? 0, LONGEST_WAIT)
  return Math.max(policy.backoff(context), asked)
}

/** Waits; ends early, without an error, when `signal` is aborted. */
export function sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted || milliseconds <= 0) return Promise.resolve()
  const { promise, resolve } = Promise.withResolvers<void>()
  const done = () => {
    clearTimeout(timer)
    signal.removeEventListener('abort', done)
    resolve()
  }
  const timer = setTimeout(done, milliseconds)
  signal.addEventListener('abort', done)
  return promise
}

export interface Retry {
  readonly attempt: number
  readonly maxRetries: number
  readonly delayMs: number
  readonly error: FilesError
}

/** Counts failures in a row. Progress forgives them all: a long upload may fail often, but not at one spot. */
export class Patience {
  #failures = 0
  #refreshed = false
  readonly #policy: RetryPolicy
  readonly #refresh: () => Promise<boolean>
  readonly #onRetry: (retry: Retry) => void

  constructor(policy: RetryPolicy, refresh: () => Promise<boolean>, onRetry: (retry: Retry) => void) {
    this.#policy = policy
    this.#refresh = refresh
    this.#onRetry = onRetry
  }

  progress(): void {
    this.#failures = 0
    this.#refreshed = false
  }

  /** Returns when the call may be made again. Throws the error when it may not. */
  async after(thrown: unknown, signal: AbortSignal): Promise<void> {
    const error = FilesError.wrap(thrown)
    // New credentials are not a retry; credentials refused twice in a row are an answer.
    if (error.code === 'Unauthorized' && !this.#refreshed) {
      this.#refreshed = true
      if (await this.#refresh()) return
    }
    if (!error.retryable || this.#failures >= this.#policy.max) throw error
    this.#failures++
    const delayMs = delayBefore(this.#policy, { attempt: this.#failures, error })
    this.#onRetry({ attempt: this.#failures, maxRetries: this.#policy.max, delayMs, error })
    await sleep(delayMs, signal)
    signal.throwIfAborted()
  }
}
