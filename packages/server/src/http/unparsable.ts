/**
 * What node:http could not parse: answered in its turn, after the answers to what came before it on the same
 * connection and never into one of them. Then the connection ends.
 */
import type { OutgoingHttpHeaders } from 'node:http'
import type { Socket } from 'node:net'
import type { Exchange } from './exchange.ts'

/** How long a connection is kept after the answer, so that the client sees it. */
const LINGER_MS = 2000
const LINGER_BYTES = 1024 * 1024

export class Unparsable {
  readonly #headers: OutgoingHttpHeaders
  readonly #open = new WeakMap<Socket, Exchange[]>()
  readonly #refusedAt = new WeakMap<Socket, number>()

  /** @param headers - what every answer carries, whatever the request was */
  constructor(headers: OutgoingHttpHeaders) {
    this.#headers = headers
  }

  /** Remembers whose answers have to come first. */
  watch(exchange: Exchange): void {
    const { socket } = exchange.req
    // Mostly one; a `Set` would keep those that were in it before (see slot-map.ts).
    const open = this.#open.get(socket) ?? []
    if (open.push(exchange) === 1) this.#open.set(socket, open)
    exchange.res.once('close', () => void open.splice(open.indexOf(exchange), 1))
  }

  refuse(error: Error & { code?: string }, socket: Socket): void {
    const refusedAt = this.#refusedAt.get(socket)
    if (refusedAt !== undefined) {
      // The rest of what could not be parsed: thrown away, within bounds.
      if (socket.bytesRead - refusedAt > LINGER_BYTES) socket.destroy()
      return
    }
    // Headers that come too slowly get no 408: the most used client would give its upload up for good.
    const silent = error.code === 'ECONNRESET' || error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
    if (silent || !socket.writable) return void socket.destroy()
    this.#refusedAt.set(socket, socket.bytesRead)
    const [status, message] =
      error.code === 'HPE_HEADER_OVERFLOW'
        ? ([431, 'the headers are too large'] as const)
        : ([400, 'the request is not valid HTTP/1.1'] as const)
    const open = [...(this.#open.get(socket) ?? [])]
    const last = open.at(-1)
    // It was the body of a request that broke the rules: that request gets the answer.
    if (last !== undefined && !last.req.complete) {
      if (last.res.headersSent) return
      return last.refuse(status, message)
    }
    const before = open.map(({ res }) => new Promise((resolve) => res.once('close', resolve)))
    void Promise.all(before).then(() => this.#answer(socket, status, message))
  }

  #answer(socket: Socket, status: 400 | 431, message: string): void {
    if (!socket.writable) return void socket.destroy()
    const reason = status === 431 ? 'Request Header Fields Too Large' : 'Bad Request'
    const headers = {
      ...this.#headers,
      Connection: 'close',
      'Content-Type': 'text/plain; charset=utf-8',
      'Content-Length': message.length + 1,
    }
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
    socket.end(`HTTP/1.1 ${status} ${reason}\r\n${lines.join('')}\r\n${message}\n`)
    const timer = setTimeout(() => socket.destroy(), LINGER_MS)
    socket.once('close', () => clearTimeout(timer))
  }
}
