/**
 * The one HTTP server: decides which face a request is for. Upload and object routes get the raw request and
 * never pass a framework; JSON routes and the page are Fastify's.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { devRefusal } from './dev-guard.ts'
import { Exchange } from './exchange.ts'
import { type FilesFace, serveFiles } from './files.ts'

export interface AppOptions {
  readonly files: FilesFace
  readonly json: FastifyInstance
  readonly dev: boolean
  /** Seconds a request has to wait because its client makes too many; 0 to go on. */
  readonly pace: (req: IncomingMessage) => number
  readonly onError: (error: unknown, exchange: Exchange) => void
}

export interface App {
  /** For mounting in any server that speaks node:http. */
  readonly handler: (req: IncomingMessage, res: ServerResponse) => void
  readonly server: Server
}

export function createApp(options: AppOptions): App {
  const handle = (req: IncomingMessage, res: ServerResponse, expectsContinue: boolean): void => {
    const exchange = new Exchange(req, res, expectsContinue)
    serve(options, exchange).catch((error: unknown) => {
      options.onError(error, exchange)
      exchange.cut()
    })
  }
  const handler = (req: IncomingMessage, res: ServerResponse): void => handle(req, res, false)
  const server = createServer({
    // Time-outs are on silence, never on how long a healthy upload takes.
    requestTimeout: 0,
    headersTimeout: 30_000,
    // Longer than proxies keep theirs: the side that opened a connection closes it first.
    keepAliveTimeout: 75_000,
    // Checked too, so that a slow header is noticed soon.
    connectionsCheckingInterval: 5000,
    highWaterMark: 64 * 1024,
  })
  server.on('request', handler)
  // A refusal comes before `100 Continue`, so that a refused body is never sent.
  server.on('checkContinue', (req: IncomingMessage, res: ServerResponse) => handle(req, res, true))
  server.on('checkExpectation', (req: IncomingMessage, res: ServerResponse) => {
    new Exchange(req, res, false).refuse(417, 'only Expect: 100-continue is understood')
  })
  server.on('clientError', refuseUnparsable)
  return { handler, server }
}

/** Asked by machines of whoever runs the server, all from one address. */
const UNPACED = ['/health', '/ready', '/metrics']

async function serve({ files, json, dev, pace }: AppOptions, exchange: Exchange): Promise<void> {
  const refusal = dev ? devRefusal(exchange.req) : undefined
  if (refusal !== undefined) return exchange.refuse(403, refusal)
  if (exchange.path === '/files' || exchange.path.startsWith('/files/')) return serveFiles(files, exchange)
  const wait = UNPACED.includes(exchange.path) ? 0 : pace(exchange.req)
  if (wait > 0)
    return exchange.refuse(429, 'too many requests: wait a moment', { 'Retry-After': String(wait) })
  if (exchange.expectsContinue) exchange.openBody()
  json.routing(exchange.req, exchange.res)
}

/** What node:http could not parse: answered in one line, and the connection ends. */
function refuseUnparsable(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy()
  const [status, message] =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? ['431 Request Header Fields Too Large', 'the headers are too large']
      : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? ['408 Request Timeout', 'the headers took too long']
        : ['400 Bad Request', 'the request is not valid HTTP/1.1']
  socket.end(
    `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\n` +
      `Content-Length: ${message.length + 1}\r\n\r\n${message}\n`,
  )
}
