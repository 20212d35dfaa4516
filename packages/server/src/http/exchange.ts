/** One request and its answer, with the rules that hold for every face. */
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Readable } from 'node:stream'

/** A refused body is read this far, so that the client sees the answer instead of a broken connection. */
const DRAIN_BYTES = 1024 * 1024
const DRAIN_MS = 2000
/** With more than this waiting for a client, interim answers are left out. */
const UNREAD_BYTES = 16 * 1024

/** Connections whose last answer is given: what a client sends on after it is not looked at. */
const lastAnswered = new WeakSet<Socket>()

type Wording = (status: number, message: string) => { readonly type: string; readonly body: string }

export class Exchange {
  readonly req: IncomingMessage
  readonly res: ServerResponse
  /** The raw path, still encoded, without query. */
  readonly path: string
  readonly method: string
  /** The client waits for `100 Continue` before it sends its body. */
  readonly expectsContinue: boolean
  /** How a refusal is worded: a sentence, unless the clients of what was asked for read something else. */
  wording: Wording = (_status, message) => ({ type: 'text/plain; charset=utf-8', body: `${message}\n` })
  readonly #gone = new AbortController()
  #bodyOpened = false

  constructor(req: IncomingMessage, res: ServerResponse, expectsContinue: boolean) {
    this.req = req
    this.res = res
    this.path = rawPath(req.url ?? '/')
    this.method = req.method ?? 'GET'
    this.expectsContinue = expectsContinue
    res.once('close', () => {
      if (!res.writableFinished) this.#gone.abort(new Error('the client has gone'))
    })
  }

  /** Whether the connection's last answer is given. */
  static isLast(socket: Socket): boolean {
    return lastAnswered.has(socket)
  }

  /** Aborted when the client went away before it had its answer. */
  get gone(): AbortSignal {
    return this.#gone.signal
  }

  /** A header as it came; several of one name are joined by ", ", which no number or id survives. */
  header(name: string): string | undefined {
    const value = this.req.headersDistinct[name.toLowerCase()]
    return value?.join(', ')
  }

  /** Bytes the body declares; undefined when it is chunked. No body counts as zero. */
  get declaredBytes(): number | undefined {
    if (this.req.headers['transfer-encoding'] !== undefined) return undefined
    return Number(this.req.headers['content-length'] ?? 0)
  }

  /** The body, from now on wanted: a client that waits for `100 Continue` gets it. */
  openBody(): Readable {
    this.#bodyOpened = true
    if (this.expectsContinue) this.res.writeContinue()
    return this.req
  }

  /** Answers; a body that was not read is refused with it. */
  answer(status: number, headers: OutgoingHttpHeaders, body: string | Uint8Array = ''): void {
    const { req, res } = this
    if (res.headersSent || res.destroyed) return
    const unread = !req.complete && this.declaredBytes !== 0
    res.statusCode = status
    for (const [name, value] of Object.entries(headers)) if (value !== undefined) res.setHeader(name, value)
    if (unread) res.setHeader('Connection', 'close')
    if (res.getHeader('Connection') === 'close') lastAnswered.add(req.socket)
    if (status !== 204 && status !== 304 && !res.hasHeader('Content-Length')) {
      res.setHeader('Content-Length', Buffer.byteLength(body))
    }
    if (!unread) return void res.end(body)
    // The whole answer, but not yet its end: with that Node would close at once, and a connection that is
    // closed on a client which is still sending takes the answer away from it.
    if (body.length > 0 && this.method !== 'HEAD') res.write(body)
    else res.flushHeaders()
    this.#drain()
  }

  /** Sends an interim answer; false when it cannot be sent, or the client does not read what is sent to it. */
  inform(status: 104, headers: OutgoingHttpHeaders): boolean {
    const { req, res } = this
    if (res.headersSent || res.destroyed || req.httpVersion === '1.0') return false
    if ((res.socket?.writableLength ?? 0) > UNREAD_BYTES) return false
    res.writeInformation(status, headers)
    return true
  }

  /** Answers with a sentence that says what is wrong. */
  refuse(status: number, message: string, headers: OutgoingHttpHeaders = {}): void {
    const { type, body } = this.wording(status, message)
    this.answer(status, { 'Content-Type': type, ...headers }, body)
  }

  /** Closes the connection without an answer: whoever sent the request must look before it goes on. */
  cut(): void {
    this.req.destroy()
    this.res.destroy()
  }

  /** For an answer that is made elsewhere: if it comes before the body was read, the rest has a moment to come. */
  boundUnread(): void {
    const { req, res } = this
    res.once('finish', () => {
      if (req.complete || req.destroyed) return
      const timer = setTimeout(() => req.destroy(), DRAIN_MS)
      req.once('close', () => clearTimeout(timer))
    })
  }

  /** Reads on for a moment and throws it away, then closes. A client that waits for 100 sends nothing more. */
  #drain(): void {
    const { req, res } = this
    let drained = 0
    const close = (): void => {
      clearTimeout(timer)
      // `Connection: close` makes this the end of the connection too.
      res.end()
    }
    // Node forgets a request once it is answered: whoever reads its body would wait for the rest for ever.
    res.once('close', () => req.destroy())
    const timer = setTimeout(close, DRAIN_MS)
    // A client that ended its side sends nothing more.
    if (req.socket.readableEnded) return close()
    req.on('data', (chunk: Buffer) => {
      drained += chunk.byteLength
      if (drained > DRAIN_BYTES) close()
    })
    req.once('end', close)
    req.once('close', () => clearTimeout(timer))
    req.on('error', () => {})
    if (this.#bodyOpened) req.resume()
  }
}

/** A request's target without query and, in absolute form, without scheme and host. Nothing is decoded. */
function rawPath(target: string): string {
  const path = target.replace(/^https?:\/\/[^/?#]*/i, '')
  return path.split(/[?#]/, 1)[0] ?? ''
}
