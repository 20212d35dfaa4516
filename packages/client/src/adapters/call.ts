import type { Call } from '../driver.ts'

/** The call of an operation that is no upload. Without a signal: content that is read when its call is over. */
export function callOf(signal: AbortSignal = new AbortController().signal): Call {
  return { signal, touch: () => {} }
}
