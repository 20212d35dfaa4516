/** A call besides uploading: its time-out and its retries. */
import type { AdapterCall } from '../adapter.ts'
import { abortedError, FilesError } from '../errors.ts'
import type { OperationOptions } from '../options.ts'
import { delayBefore, retryPolicy, sleep } from '../transfer/retry.ts'
import type { FilesContext } from './context.ts'
import { type Subject, tell } from './hooks.ts'
import { signalsOf } from './observed.ts'

const RETRIES = 3
/** What a timer can wait for, in milliseconds: more, or no end, would be refused. */
const LONGEST = 2 ** 31 - 1

/** Makes a call that may be repeated, until it answers or its retries are used up. */
export async function repeated<T>(
  { hooks, defaults }: FilesContext,
  subject: Subject,
  options: OperationOptions,
  call: (call: AdapterCall) => Promise<T>,
): Promise<T> {
  const policy = retryPolicy(options.retries ?? defaults.retries, RETRIES)
  const timeout = options.timeout ?? defaults.timeout ?? 0
  const ends = signalsOf(options, defaults)
  const end = AbortSignal.any(ends)
  for (let attempt = 1; ; attempt++) {
    const clock = timeout > 0 ? AbortSignal.timeout(Math.min(timeout, LONGEST)) : undefined
    const signal = clock ? AbortSignal.any([end, clock]) : end
    try {
      signal.throwIfAborted()
      return await call({ signal })
    } catch (thrown) {
      if (end.aborted) throw abortedError(subject.type, end.reason)
      if (clock?.aborted) throw tooSlow(subject, timeout, thrown)
      const error = FilesError.wrap(thrown)
      if (!error.retryable || attempt > policy.max) throw error
      const delayMs = delayBefore(policy, { attempt, error })
      tell(hooks.onRetry, { ...subject, attempt, maxRetries: policy.max, delayMs, error })
      // The clock is the attempt's: between two of them the provider's wish counts.
      await sleep(delayMs, end)
    }
  }
}

function tooSlow({ type }: Subject, timeout: number, cause: unknown): FilesError {
  return new FilesError('Provider', `${type} took longer than ${timeout} ms`, cause, {
    timeout: true,
    retryable: false,
  })
}
