/**
 * The one HTTP server: decides which face a request is for. Upload and object routes get the raw request and
 * never pass a framework; JSON routes and the page are Fastify's.
 */
import {
  createServer,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type Server,
  type ServerResponse,
} from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import { MEDIA_PREFIX } from '../media/descriptor.ts'
import { Slots } from '../slot-map.ts'
import { devRefusal } from './dev-guard.ts'
import { Exchange } from './exchange.ts'
import { type FilesFace, serveFiles } from './files.ts'
import type { MediaFace } from './media/face.ts'
import { serveMedia } from './media/media.ts'
import { malformation } from './message-rules.ts'
import { unmount } from './mounted.ts'
import type { ResumableDoor } from './resumable-http/face.ts'
import { serveUploads } from './resumable-http/uploads.ts'
import type { StorageFace } from './storage/face.ts'
import { isUnder, serveStorage, speakStorage } from './storage/storage.ts'
import { Unparsable } from './unparsable.ts'

export interface AppOptions {
  readonly files: FilesFace
  readonly storage: StorageFace
  readonly resumable: ResumableDoor
  readonly media: MediaFace
  readonly json: FastifyInstance
  readonly dev: boolean
  /** In front of every path, where a framework has not cut it; empty for none. */
  readonly mountPath: string
  /** Seconds a request has to wait because its client makes too many; 0 to go on. */
  readonly pace: (req: IncomingMessage) => number
  readonly onError: (error: unknown, exchange: Exchange) => void
}

export interface App {
  /** For mounting in any server that speaks node:http. */
  readonly handler: (req: IncomingMessage, res: ServerResponse) => void
  readonly server: Server
  /** Resolves when every request has its answer, also those of servers that this is mounted in. */
  idle(): Promise<void>
  /** Closes the connections of those that have none yet. */
  cut(): void
  /** From now on every request is told to come again. */
  end(): void
}

/** JSON routes take no more; what passes this by being chunked is Fastify's to refuse. */
const MAX_JSON_BYTES = 1024 * 1024

export function createApp(options: AppOptions): App {
  const { storage } = options
  const { unconditional } = options.files.cors
  const unparsable = new Unparsable(unconditional)
  const exchangeOf = (req: IncomingMessage, res: ServerResponse, expectsContinue: boolean): Exchange => {
    const exchange = new Exchange(req, res, expectsContinue)
    // Whatever goes wrong from here on, its clients can read.
    if (isUnder(storage.prefix, exchange.path)) speakStorage(storage, exchange)
    return exchange
  }
  const open = new Slots<Exchange>()
  const waiting: (() => void)[] = []
  let ended = false
  const handle = (req: IncomingMessage, res: ServerResponse, expectsContinue: boolean): void => {
    // After an answer with `Connection: close` nothing more is taken from this client.
    if (Exchange.isLast(req.socket)) return
    const unmountable = unmount(req, options.mountPath)
    // Koa answers 404 unless it is told otherwise.
    res.statusCode = 200
    const exchange = exchangeOf(req, res, expectsContinue)
    unparsable.watch(exchange)
    const place = open.add(exchange)
    res.once('close', () => {
      open.remove(place)
      if (open.size === 0) for (const done of waiting.splice(0)) done()
    })
    if (unmountable !== undefined)
      return exchange.refuse(unmountable.status, unmountable.message, unconditional)
    if (ended) return refuseEnded(exchange, unconditional)
    const malformed = malformation(req)
    if (malformed !== undefined)
      return exchange.refuse(400, malformed, { ...unconditional, Connection: 'close' })
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
    // The list of a final upload may name a thousand others.
    maxHeaderSize: 128 * 1024,
    // Checked by message-rules.ts, which says what is wrong.
    requireHostHeader: false,
  })
  // Their size is bounded; a count would leave the last ones out without a word.
  server.maxHeadersCount = 0
  server.on('request', handler)
  // A refusal comes before `100 Continue`, so that a refused body is never sent.
  server.on('checkContinue', (req: IncomingMessage, res: ServerResponse) => handle(req, res, true))
  server.on('checkExpectation', (req: IncomingMessage, res: ServerResponse) => {
    const exchange = exchangeOf(req, res, false)
    exchange.refuse(417, 'only Expect: 100-continue is understood', unconditional)
  })
  server.on('clientError', (error: Error, socket: Socket) => unparsable.refuse(error, socket))
  // Without a listener node:http would end the connection without a word.
  server.on('connect', (_req: IncomingMessage, socket: Duplex) => {
    const head =
      'HTTP/1.1 405 Method Not Allowed\r\nAllow: GET, HEAD, POST, PATCH, DELETE, OPTIONS\r\nConnection: close'
    socket.end(
      `${head}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 20\r\n\r\nthis is not a proxy\n`,
    )
  })
  return {
    handler,
    server,
    idle: () => new Promise((resolve) => (open.size === 0 ? resolve() : waiting.push(resolve))),
    cut() {
      for (const exchange of open) exchange.cut()
    },
    end() {
      ended = true
    },
  }
}

/** A look at an upload is told to wait: after another error clients would start from zero. */
function refuseEnded(exchange: Exchange, headers: OutgoingHttpHeaders): void {
  exchange.refuse(exchange.method === 'HEAD' ? 423 : 503, 'the server is closing: try again soon', {
    ...headers,
    'Retry-After': '1',
  })
}

/** Asked by machines of whoever runs the server, all from one address. */
const UNPACED = ['/health', '/ready', '/metrics']

async function serve(
  { files, storage, media, resumable, json, dev, pace }: AppOptions,
  exchange: Exchange,
): Promise<void> {
  const refusal = dev ? devRefusal(exchange.req) : undefined
  if (refusal !== undefined) return exchange.refuse(403, refusal)
  if (exchange.path === '/files' || exchange.path.startsWith('/files/')) return serveFiles(files, exchange)
  if (exchange.path.startsWith('/uploads/')) return serveUploads(resumable, exchange)
  if (isUnder(storage.prefix, exchange.path)) {
    if (await serveStorage(storage, exchange)) return
  } else if (isUnder(MEDIA_PREFIX, exchange.path)) {
    if (await serveMedia(media, exchange)) return
  } else {
    const wait = UNPACED.includes(exchange.path) ? 0 : pace(exchange.req)
    if (wait > 0)
      return exchange.refuse(429, 'too many requests: wait a moment', { 'Retry-After': String(wait) })
  }
  if ((exchange.declaredBytes ?? 0) > MAX_JSON_BYTES) {
    return exchange.refuse(413, `a body may have ${MAX_JSON_BYTES} bytes here`)
  }
  if (exchange.expectsContinue) exchange.openBody()
  exchange.boundUnread()
  json.routing(exchange.req, exchange.res)
}
