/** One call on `Files` besides uploading: its time-out, its retries, its hooks. */
import type { AdapterCall } from '../adapter.ts'
import { abortedError, FilesError } from '../errors.ts'
import type { OperationOptions } from '../options.ts'
import { delayBefore, retryPolicy, sleep } from '../transfer/retry.ts'
import { type FilesHooks, type Subject, tell } from './hooks.ts'

const RETRIES = 3

/** Tells the hooks how a call ended. Every public call goes through here once. */
export async function observed<T>(hooks: FilesHooks, subject: Subject, call: () => Promise<T>): Promise<T> {
  const began = Date.now()
  try {
    const result = await call()
    tell(hooks.onAction, { ...subject, status: 'success', result, durationMs: Date.now() - began })
    return result
  } catch (thrown) {
    const error = FilesError.wrap(thrown)
    const durationMs = Date.now() - began
    tell(hooks.onError, { ...subject, error, durationMs })
    tell(hooks.onAction, { ...subject, status: 'error', error, durationMs })
    throw error
  }
}

/** Makes a call that may be repeated, until it answers or its retries are used up. */
export async function repeated<T>(
  hooks: FilesHooks,
  subject: Subject,
  options: OperationOptions,
  defaults: OperationOptions,
  call: (call: AdapterCall) => Promise<T>,
): Promise<T> {
  const policy = retryPolicy(options.retries ?? defaults.retries, RETRIES)
  const timeout = options.timeout ?? defaults.timeout ?? 0
  const ends = signalsOf(options, defaults)
  for (let attempt = 1; ; attempt++) {
    const clock = timeout > 0 ? AbortSignal.timeout(timeout) : undefined
    const signal = AbortSignal.any(clock ? [...ends, clock] : ends)
    try {
      signal.throwIfAborted()
      return await call({ signal })
    } catch (thrown) {
      const ended = ends.find((end) => end.aborted)
      if (ended) throw abortedError(subject.type, ended.reason)
      if (clock?.aborted) throw tooSlow(subject, timeout, thrown)
      const error = FilesError.wrap(thrown)
      if (!error.retryable || attempt > policy.max) throw error
      const delayMs = delayBefore(policy, { attempt, error })
      tell(hooks.onRetry, { ...subject, attempt, maxRetries: policy.max, delayMs, error })
      await sleep(delayMs, signal)
    }
  }
}

export function signalsOf(...options: readonly OperationOptions[]): AbortSignal[] {
  return options.flatMap(({ signal }) => (signal ? [signal] : []))
}

function tooSlow({ type }: Subject, timeout: number, cause: unknown): FilesError {
  return new FilesError('Provider', `${type} took longer than ${timeout} ms`, cause, {
    timeout: true,
    retryable: false,
  })
}
