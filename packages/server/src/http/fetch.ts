/**
 * The server as a function of web standards. A request is written to the one HTTP server over a pair of streams
 * in memory, not acted out with objects that look like node:http's: what holds for a connection (limits, refusals
 * before a body was read, back-pressure, a client that goes away) holds here by the same code.
 */
import { type ClientRequest, type IncomingMessage, request as requestOver, type Server } from 'node:http'
import { duplexPair, Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { BODY_READ } from './mounted.ts'

/** What a `Request` does not say of where it came from. */
export interface FetchOrigin {
  /** The client's address: rates are per address, and `PAWL_TRUSTED_PROXIES` is compared with it. */
  readonly address?: string
  /** The client came over TLS. */
  readonly secure?: boolean
}

/**
 * Answers a `Request`, streaming both ways. Never rejects: where a connection would be closed without an answer,
 * the answer is one after which clients look at their upload and go on.
 */
export type Fetch = (request: Request, origin?: FetchOrigin) => Promise<Response>

/** Bytes that wait in each direction. */
const WATERMARK = 64 * 1024
/** Of one hop, and so of the pair of streams. */
const HOP = new Set(['connection', 'expect', 'keep-alive', 'te', 'trailer', 'transfer-encoding', 'upgrade'])
const WITHOUT_BODY = [204, 205, 304]

export function fetchOver(server: Server): Fetch {
  return async (request, origin = {}) => {
    if (request.bodyUsed) return answer(500, BODY_READ)
    const [near, far] = duplexPair({ highWaterMark: WATERMARK })
    const { address, secure } = origin
    server.emit('connection', Object.assign(far, { remoteAddress: address, encrypted: secure === true }))
    const url = new URL(request.url)
    const outgoing = requestOver({
      createConnection: () => near,
      method: request.method,
      path: url.pathname + url.search,
      headers: headersOf(request, url),
      signal: request.signal,
    })
    const answered = answerTo(outgoing, request.method)
    sendBody(outgoing, request).catch(() => outgoing.destroy())
    return answered
  }
}

function headersOf({ headers, body }: Request, url: URL): Record<string, string> {
  const sent: Record<string, string> = { host: url.host }
  for (const [name, value] of headers) if (!HOP.has(name)) sent[name] = value
  if (body !== null && sent['content-length'] === undefined) sent['transfer-encoding'] = 'chunked'
  return sent
}

/** @throws when the client goes away, or the body is not as long as it declares */
async function sendBody(outgoing: ClientRequest, { body, headers }: Request): Promise<void> {
  if (body === null) return void outgoing.end()
  const declared = headers.get('content-length')
  const length = declared === null ? undefined : Number(declared)
  await pipeline(ofLength(body, length), outgoing)
}

/** On a connection bytes past the length would be the next request, and missing ones would be waited for. */
async function* ofLength(
  body: ReadableStream<Uint8Array>,
  length: number | undefined,
): AsyncGenerator<Uint8Array> {
  const reader = body.getReader()
  let passed = 0
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      passed += next.value.byteLength
      if (length !== undefined && passed > length) throw new Error('the body is longer than it declares')
      yield next.value
    }
    if (length !== undefined && passed < length) throw new Error('the body is shorter than it declares')
  } finally {
    // Whoever sends it learns that nobody reads on. It may have failed by itself.
    await reader.cancel().catch(() => {})
  }
}

function answerTo(outgoing: ClientRequest, method: string): Promise<Response> {
  return new Promise((resolve) => {
    outgoing.on('response', (incoming) => resolve(responseOf(incoming, method)))
    // The server closed the connection without a word, or the client has gone and nobody hears this.
    const cut = (): void => resolve(method === 'HEAD' ? answer(423, CUT) : answer(503, CUT))
    // A request that ends before it has its connection closes without an error.
    outgoing.on('error', cut).on('close', cut)
  })
}

const CUT = 'the transfer was ended: look at the upload and go on'

function answer(status: number, message: string): Response {
  return new Response(`${message}\n`, {
    status,
    headers: { 'Content-Type': 'text/plain; charset=utf-8', 'Retry-After': '1' },
  })
}

function responseOf(incoming: IncomingMessage, method: string): Response {
  const status = incoming.statusCode ?? 500
  const headers = new Headers()
  for (const [name, values] of Object.entries(incoming.headersDistinct))
    if (!HOP.has(name)) for (const value of values ?? []) headers.append(name, value)
  if (method !== 'HEAD' && !WITHOUT_BODY.includes(status))
    return new Response(Readable.toWeb(incoming) as ReadableStream<Uint8Array>, { status, headers })
  incoming.resume()
  return new Response(null, { status, headers })
}
