/** A tus client with no mind of its own: it sends exactly what a test says and hides nothing. */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { Agent, type ClientRequest, type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http'

export interface Reply {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

export interface SendOptions {
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Uint8Array
  /** Without one each request has a connection of its own. */
  readonly agent?: Agent
}

/** A hang is a failure of its own, told by name. */
const ANSWER_MS = 25_000

export const TUS = { 'Tus-Resumable': '1.0.0' } as const

/** @throws Error when the connection ends without an answer */
export async function send(method: string, url: string, options: SendOptions = {}): Promise<Reply> {
  const sending = begin(method, url, options)
  sending.request.end(options.body)
  return sending.reply
}

export interface Sending {
  readonly request: ClientRequest
  /** Rejects when the connection ends without an answer. */
  readonly reply: Promise<Reply>
  /** Resolves when the system has room for more. */
  write(bytes: Uint8Array): Promise<void>
}

/** A request whose body the test sends bit by bit. */
export function begin(method: string, url: string, { headers = {}, agent }: SendOptions = {}): Sending {
  const outgoing = request(url, { method, headers: { ...TUS, ...headers }, agent: agent ?? false })
  const reply = answerTo(outgoing, `${method} ${url}`)
  // A test that breaks the connection itself does not ask for the answer.
  reply.catch(() => {})
  return {
    request: outgoing,
    reply,
    async write(bytes) {
      if (outgoing.destroyed) throw new Error('the connection is gone')
      if (outgoing.write(bytes)) return
      const done = new AbortController()
      const events = ['drain', 'close'].map((name) => once(outgoing, name, { signal: done.signal }))
      await Promise.race(events).finally(() => done.abort())
    },
  }
}

async function answerTo(outgoing: ClientRequest, what: string): Promise<Reply> {
  const timer = setTimeout(() => outgoing.destroy(new Error(`${what} got no answer`)), ANSWER_MS)
  try {
    const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage]
    outgoing.on('error', () => {})
    const chunks: Buffer[] = []
    for await (const chunk of incoming) chunks.push(chunk as Buffer)
    return { status: incoming.statusCode ?? 0, headers: incoming.headers, body: Buffer.concat(chunks) }
  } finally {
    clearTimeout(timer)
  }
}

/** Creates an upload and returns its URL. @throws Error when the server refuses */
export async function create(server: string, length: number | undefined): Promise<string> {
  const reply = await post(server, length)
  if (reply.status !== 201) throw new Error(`POST answered ${reply.status}: ${reply.body}`)
  return new URL(reply.headers.location ?? '', server).href
}

export function post(server: string, length: number | undefined): Promise<Reply> {
  const declared: Record<string, string> =
    length === undefined ? { 'Upload-Defer-Length': '1' } : { 'Upload-Length': String(length) }
  return send('POST', `${server}/files/`, { headers: declared })
}

export function head(url: string, agent?: Agent): Promise<Reply> {
  return send('HEAD', url, agent === undefined ? {} : { agent })
}

/** Where HEAD says the upload stands. @throws Error when it answers anything but 200 */
export async function offsetOf(url: string): Promise<number> {
  const { status, headers } = await head(url)
  if (status !== 200) throw new Error(`HEAD answered ${status}`)
  return Number(headers['upload-offset'])
}

const CHUNK = { 'Content-Type': 'application/offset+octet-stream' } as const

export function patch(url: string, offset: number, body: Uint8Array, agent?: Agent): Promise<Reply> {
  const headers = { ...CHUNK, 'Upload-Offset': String(offset) }
  return send('PATCH', url, { headers, body, ...(agent === undefined ? {} : { agent }) })
}

/** A PATCH that declares `length` bytes (chunked without it) and sends what the test writes. */
export function beginPatch(url: string, offset: number, length: number | undefined): Sending {
  const size: Record<string, string> = length === undefined ? {} : { 'Content-Length': String(length) }
  const sending = begin('PATCH', url, { headers: { ...CHUNK, 'Upload-Offset': String(offset), ...size } })
  sending.request.flushHeaders()
  return sending
}

export function remove(url: string): Promise<Reply> {
  return send('DELETE', url)
}

/** The lower-case hex sha-256 of what GET returns. */
export async function sha256Of(url: string): Promise<string> {
  const outgoing = request(url, { agent: false })
  outgoing.end()
  const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage]
  if (incoming.statusCode !== 200) throw new Error(`GET answered ${incoming.statusCode}`)
  const hash = createHash('sha256')
  for await (const chunk of incoming) hash.update(chunk as Buffer)
  return hash.digest('hex')
}

/** Whether the other side ended a connection without a word. */
export function cutWithoutAnswer(sending: Sending): Promise<boolean> {
  return sending.reply.then(
    () => false,
    (error: NodeJS.ErrnoException) => ['ECONNRESET', 'EPIPE'].includes(error.code ?? ''),
  )
}

export function keepAlive(): Agent {
  return new Agent({ keepAlive: true, maxSockets: 1 })
}
