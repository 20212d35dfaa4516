/**
 * Netlify's own server of blobs, on loopback only: what it listens on cannot be said, so `listen` is told. In front
 * of it stands a listener of ours, which passes requests on as they are and can break them.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Asked, type Emulator, listen, type Reply } from '@pawl/emulators/listen'
import { hasVendor, vendor } from '@pawl/emulators/vendor'

interface BlobsServer {
  /** What signed URLs begin with. */
  address: string
  token: string
  start(): Promise<{ readonly port: number }>
  stop(): Promise<void>
}

export interface NetlifyServer extends Emulator {
  readonly siteId: string
  /** The one that is accepted now. */
  token(): string
  expireToken(): void
  read(store: string, key: string): Promise<Buffer | undefined>
}

const SITE = 'site-1'

export function hasNetlify(): boolean {
  return hasVendor('@netlify/blobs')
}

export async function startNetlify(): Promise<NetlifyServer> {
  const directory = await mkdtemp(join(tmpdir(), 'pawl-netlify-'))
  const { BlobsServer }: { BlobsServer: new (options: object) => BlobsServer } =
    vendor('@netlify/blobs/server')
  const server = new BlobsServer({ directory, token: 'token-1', logger: () => {} })
  const { port } = await onLoopback(() => server.start())

  async function passOn({ method, url, headers, body, whole }: Asked): Promise<Reply> {
    // What broke off on the way to a server that reads the whole body first leaves nothing.
    if (!whole) return {}
    const { host: _host, connection: _connection, 'content-length': _length, ...rest } = headers
    const response = await fetch(`http://127.0.0.1:${port}${url.pathname}${url.search}`, {
      method,
      headers: rest as Record<string, string>,
      ...(method === 'GET' || method === 'HEAD' ? {} : { body: new Uint8Array(body) }),
    })
    const bytes = Buffer.from(await response.arrayBuffer())
    const { 'transfer-encoding': _encoding, ...answered } = Object.fromEntries(response.headers)
    return {
      status: response.status,
      headers: method === 'HEAD' ? answered : { ...answered, 'content-length': String(bytes.length) },
      body: bytes,
    }
  }

  const front = await listen({
    callOf: ({ method, url }) => (method === 'PUT' && url.searchParams.has('signature') ? 'send' : 'other'),
    answer: passOn,
    refusal: (status) => ({ status, body: 'try again later' }),
  })
  server.address = front.endpoint
  let count = 1
  return Object.assign(front, {
    siteId: SITE,
    token: () => server.token,
    expireToken: () => {
      server.token = `token-${++count}`
    },
    // It keeps names as they come in a URL.
    read: (store: string, key: string) =>
      readFile(
        join(directory, 'entries', SITE, `site:${store}`, ...key.split('/').map(encodeURIComponent)),
      ).catch(() => undefined),
    close: closing(front.close),
  })

  function closing(closeFront: () => Promise<void>) {
    return async () => {
      await closeFront()
      await server.stop()
      await rm(directory, { recursive: true })
    }
  }
}

/** Whatever begins to listen in there listens on 127.0.0.1. */
async function onLoopback<T>(start: () => Promise<T>): Promise<T> {
  const listen = Server.prototype.listen
  Server.prototype.listen = function (this: Server, port: number, done: () => void) {
    return listen.call(this, { port, host: '127.0.0.1' }, done)
  } as typeof listen
  try {
    return await start()
  } finally {
    Server.prototype.listen = listen
  }
}
