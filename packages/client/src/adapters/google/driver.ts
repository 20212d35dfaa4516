/**
 * Google's resumable sessions, as Cloud Storage and Drive speak them.
 * https://cloud.google.com/storage/docs/performing-resumable-uploads
 *
 * A session is a URL that anyone who has it may write to. Chunks are multiples of 256 KiB; what was kept of one
 * stands in the answer's `Range`, and an empty request with an asterisk for the range asks for it.
 */
import type { Digest } from '../../digest.ts'
import type { Call, OffsetDriver, OffsetState, ProviderResult, UploadIntent } from '../../driver.ts'
import { FilesError } from '../../errors.ts'
import type { HttpResponse } from '../../http/http.ts'
import type { Json } from '../../json.ts'
import { sessionText } from '../../session.ts'
import { chunkRule } from '../chunk-rule.ts'
import { described } from '../described.ts'
import { told } from '../told.ts'
import { type Fields, type GoogleWire, googleError, jsonOf } from './wire.ts'

const STEP = 256 * 1024

export interface GoogleSession {
  readonly [name: string]: Json
  /** A bearer secret. */
  readonly uri: string
}

export interface GoogleProvider {
  readonly wire: GoogleWire
  /** The request that starts the session. */
  start(
    call: Call,
  ): Promise<{ readonly method: string; readonly url: string; readonly body: string; readonly type: string }>
  /** Whether a session's URL is one of this place. */
  isOurs(uri: URL): boolean
  /** What the finished object's JSON says. */
  resultOf(object: Fields): ProviderResult
  /** The digest that the object's JSON reports. */
  readonly digest: Digest['algorithm']
  /** Headers with which the provider checks the digest before it makes the object. */
  hashHeaders?(digest: Digest): Record<string, string>
}

export function googleDriver(provider: GoogleProvider, intent: UploadIntent): OffsetDriver<GoogleSession> {
  const { wire } = provider
  const { size } = intent
  const what = `uploading ${JSON.stringify(intent.key)}`
  let finished: ProviderResult | undefined

  /** What an answer about the session says. */
  async function stateOf(response: HttpResponse): Promise<OffsetState> {
    const { status } = response
    if (status === 308) return { state: 'open', offsets: [keptOf(response)] }
    if (status === 404 || status === 410) return { state: 'gone' }
    if (status >= 300) throw await googleError(what, response)
    finished = provider.resultOf(described(what, await jsonOf(what, response), 'name'))
    return { state: 'complete', result: finished }
  }

  /** Asks how much was kept. The last byte's arrival completes: also a body without bytes. */
  const ask = async ({ uri }: GoogleSession, call: Call) =>
    stateOf(
      await wire.plain(
        { method: 'PUT', url: uri, headers: { 'content-range': `bytes */${size}` }, answers308: true },
        call,
      ),
    )

  function ours(uri: string): string {
    const url = URL.canParse(uri) ? new URL(uri) : undefined
    if (url && url.username === '' && url.password === '' && provider.isOurs(url)) return url.href
    throw new FilesError('Unauthorized', `${what}: the session's URL leads elsewhere`, undefined, {
      retryable: false,
    })
  }

  return {
    shape: 'offset',
    maxLanes: 1,
    chunk: chunkRule({ min: STEP, multiple: STEP }, false),
    digest: provider.digest,
    begin: async (_intent, _lanes, _first, call) => {
      const { type, ...request } = await provider.start(call)
      const headers = {
        'content-type': 'application/json; charset=utf-8',
        'x-upload-content-type': type,
        'x-upload-content-length': String(size),
      }
      const response = await wire.expect(what, { ...request, headers }, call)
      const uri = response.header('location')
      if (uri !== undefined) return { session: { uri: ours(uri) }, offsets: [0] }
      throw new FilesError('Provider', `${what}: the answer names no session`, undefined, {
        retryable: false,
      })
    },
    adopt: (session) => ({ uri: ours(sessionText(session, 'uri')) }),
    probe: (session, _intent, _lanes, _body, call) => ask(session, call),
    send: async ({ uri }, _lane, payload, call) => {
      const end = payload.start + payload.size
      const whole = await (await payload.sums()).whole(provider.digest)
      const digest = end === size && provider.hashHeaders ? await whole?.finish(call) : undefined
      const headers = {
        'content-range': `bytes ${payload.start}-${end - 1}/${size}`,
        ...(digest && provider.hashHeaders?.(digest)),
      }
      const response = await wire.plain(
        { method: 'PUT', url: uri, headers, body: told(payload, whole), answers308: true },
        call,
      )
      if (response.status === 400 && digest && /crc32c/i.test(await response.text()))
        throw new FilesError('Corrupted', `${what}: what arrived is not what was sent; upload it anew`)
      const state = await stateOf(response)
      if (state.state === 'complete') return size
      if (state.state === 'open') return state.offsets[0] ?? 0
      // Only the answer to a question decides that a session is gone.
      throw new FilesError('Provider', `${what}: the provider answered ${response.status}`, undefined, {
        status: response.status,
        retryable: true,
      })
    },
    complete: async (session, _intent, call) => {
      const state = finished ? { state: 'complete' as const, result: finished } : await ask(session, call)
      if (state.state === 'complete') return state.result
      throw new FilesError('Provider', `${what}: the provider misses some of it`)
    },
    discard: async ({ uri }, call, complete) => {
      if (finished) return complete?.(finished)
      const response = await wire.plain({ method: 'DELETE', url: uri }, call)
      // 499 is how success is said.
      if (response.status >= 300 && ![404, 410, 499].includes(response.status))
        throw await googleError(`discarding ${JSON.stringify(intent.key)}`, response)
    },
    refresh: wire.refresh,
  }
}

/** How many bytes an answer says were kept: none without a `Range`. */
function keptOf(response: HttpResponse): number {
  const range = response.header('range')
  if (range === undefined) return 0
  const last = /^bytes=0-(\d+)$/.exec(range)?.[1]
  if (last !== undefined) return Number(last) + 1
  throw new FilesError('Provider', `the answer's Range is ${JSON.stringify(range)}`)
}
