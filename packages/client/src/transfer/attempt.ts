/** One call to a provider, ended by silence, by a pause, or by whoever ends the upload. */
import type { Call } from '../driver.ts'
import { abortedError, FilesError } from '../errors.ts'

/** A call that a pause cut. Not a failure: the upload waits, probes and goes on. */
export class Cut extends Error {
  override readonly name = 'Cut'
}

/** What a timer can wait for, in milliseconds. */
const LONGEST = 2 ** 31 - 1

export interface AttemptOptions {
  /** Milliseconds without a byte moved after which the call is ended; 0 for never. */
  readonly idleTimeout: number
  /** Ends the call for good. */
  readonly stop: AbortSignal
  /** Ends the call because the upload was paused. */
  readonly cut?: AbortSignal
}

/**
 * Makes one call. Its signal ends it after `idleTimeout` of silence: time-outs are never on the total
 * duration, because a slow connection is not a broken one.
 */
export async function attempt<T>(options: AttemptOptions, make: (call: Call) => Promise<T>): Promise<T> {
  const { idleTimeout, stop, cut } = options
  const ended = new AbortController()
  const end = () => ended.abort(stop.reason)
  const pause = () => ended.abort(new Cut())
  let timer: ReturnType<typeof setTimeout> | undefined
  let touched = Date.now()
  // One timer that looks at a clock: bytes move far more often than a timer should be set.
  const watch = (milliseconds: number) => {
    timer = setTimeout(
      () => {
        const left = touched + idleTimeout - Date.now()
        if (left > 0) watch(left)
        else ended.abort(silence(idleTimeout))
      },
      Math.min(milliseconds, LONGEST),
    )
  }
  if (stop.aborted) end()
  else if (cut?.aborted) pause()
  if (idleTimeout > 0) watch(idleTimeout)
  stop.addEventListener('abort', end)
  cut?.addEventListener('abort', pause)
  try {
    ended.signal.throwIfAborted()
    return await make({
      signal: ended.signal,
      touch: () => {
        touched = Date.now()
      },
    })
  } catch (error) {
    // What a cut connection throws depends on the runtime; why it was cut is known here.
    if (!ended.signal.aborted) throw error
    const { reason } = ended.signal
    throw reason instanceof Cut || reason instanceof FilesError ? reason : abortedError('the upload', reason)
  } finally {
    clearTimeout(timer)
    stop.removeEventListener('abort', end)
    cut?.removeEventListener('abort', pause)
  }
}

function silence(milliseconds: number): FilesError {
  return new FilesError('Provider', `the provider was silent for ${milliseconds} ms`, undefined, {
    timeout: true,
    retryable: true,
  })
}
