/** A worker that is silent, or a body that cannot be read, holds up nobody who gives up. */
export function before<T>(result: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return result
  const { promise, reject } = Promise.withResolvers<never>()
  const end = () => reject(signal.reason)
  if (signal.aborted) end()
  signal.addEventListener('abort', end, { once: true })
  return Promise.race([result, promise]).finally(() => signal.removeEventListener('abort', end))
}
