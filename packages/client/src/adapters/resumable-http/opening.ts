/**
 * Optimistic creation: the head of the ordinary request goes out, the server says where the upload is, and only then
 * the bytes follow, on the same request. So no byte is sent of an upload that could not be resumed.
 */
import type { Call, Payload } from '../../driver.ts'
import type { HttpRequest, HttpResponse } from '../../http/http.ts'
import { announced, type ResumableWire } from './wire.ts'

/** How long a server that knows this protocol may take to say where the upload is, in milliseconds. */
const WAIT = 1000
/** How long the request may stay open without its bytes, in milliseconds. */
const OPEN = 20_000

type Begun =
  | { readonly kind: 'announced'; readonly location: string }
  /** The final answer came first. */
  | { readonly kind: 'answered'; readonly response: HttpResponse }
  /** No interim answer comes through here. */
  | { readonly kind: 'quiet' }

export interface Opening {
  readonly begun: Promise<Begun>
  /** Sends the bytes. Resolves to the final answer. */
  feed(payload: Payload, call: Call): Promise<HttpResponse>
  abandon(): void
}

export function openCreation(
  wire: ResumableWire,
  request: Pick<HttpRequest, 'method' | 'url' | 'headers'>,
  size: number,
  begin: Call,
): Opening {
  const bytes = Promise.withResolvers<Payload>()
  const begun = Promise.withResolvers<Begun>()
  const ended = new AbortController()
  let current = begin
  let fed: Payload | undefined
  const end = () => abandon(begin.signal.reason)
  const abandon = (reason?: unknown) => {
    clearTimeout(timer)
    begin.signal.removeEventListener('abort', end)
    const why = reason ?? new Error('the request is not needed any more')
    bytes.reject(why)
    ended.abort(why)
  }
  begin.signal.addEventListener('abort', end, { once: true })
  let timer = setTimeout(() => begun.resolve({ kind: 'quiet' }), WAIT)
  const answer = wire.send(
    {
      ...request,
      body: {
        start: 0,
        size,
        bytes: async (options) => (await bytes.promise).bytes(options),
        left: (count) => fed?.left(count),
        sums: async () => (await bytes.promise).sums(),
        blocks: async function* (options) {
          yield* (await bytes.promise).blocks(options)
        },
      },
      onInformation: (information) => {
        const location = announced(information)
        current.touch()
        if (location === undefined) return
        clearTimeout(timer)
        timer = setTimeout(abandon, OPEN)
        begun.resolve({ kind: 'announced', location })
      },
    },
    { signal: ended.signal, touch: () => current.touch() },
  )
  answer.then((response) => begun.resolve({ kind: 'answered', response }), begun.reject)
  answer.catch(() => {}).finally(() => clearTimeout(timer))
  bytes.promise.catch(() => {})
  return {
    begun: begun.promise,
    feed: async (payload, call) => {
      clearTimeout(timer)
      begin.signal.removeEventListener('abort', end)
      current = call
      fed = payload
      const stop = () => abandon(call.signal.reason)
      call.signal.addEventListener('abort', stop, { once: true })
      bytes.resolve(payload)
      try {
        return await answer
      } finally {
        call.signal.removeEventListener('abort', stop)
      }
    },
    abandon: () => abandon(),
  }
}
