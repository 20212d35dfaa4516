/** The composition root: the only place that knows every part. */
import { mkdir } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { configuredTokens } from './access/configured.ts'
import { filesAccess } from './access/files-access.ts'
import type { Tokens } from './access/tokens.ts'
import type { BlobStore } from './blobs/blob-store.ts'
import { DiskStore } from './blobs/disk/disk-store.ts'
import { type Catalog, CatalogError } from './catalog/catalog.ts'
import { openSqliteCatalog } from './catalog/sqlite/sqlite-catalog.ts'
import type { Config } from './config.ts'
import { createApp } from './http/app.ts'
import { closeIdle, trackUnused } from './http/connections.ts'
import { corsFor } from './http/cors.ts'
import { createJson } from './http/json.ts'
import { createLog, type Logger, redactId } from './log.ts'
import { startEngine } from './uploads/start.ts'
import type { Uploads } from './uploads/uploads.ts'

export interface ServerParts {
  /** Instead of the disk in the data folder. The server opens and closes it. */
  readonly blobs?: BlobStore
  /** Instead of SQLite in the data folder; already open. The server closes it. */
  readonly catalog?: Catalog
  readonly log?: Logger
  /** The built page to serve at `/`. */
  readonly pageDir?: string
}

export interface PawlServer {
  /** For mounting in a server of your own. */
  readonly handler: (req: IncomingMessage, res: ServerResponse) => void
  readonly uploads: Uploads
  readonly tokens: Tokens
  readonly log: Logger
  /** Binds and resolves to the URL. @throws Error with `code` EADDRINUSE and the like */
  listen(): Promise<string>
  /** Ends transfers with their bytes kept and lets go of everything; at most 10 s. */
  close(): Promise<void>
}

/** How long requests may go on to their answer while the server closes. */
const CLOSE_GRACE_MS = 8000
/** How often connections that fell idle meanwhile are closed: each answer leaves one. */
const CLOSE_IDLE_MS = 50
/** How long another server may take to let go of the data folder. */
const LOCK_TIMEOUT_MS = 15_000

/** @throws CatalogError, StoreError, ConfigError when it cannot start; nothing is left open then */
export async function createServer(config: Config, parts: ServerParts = {}): Promise<PawlServer> {
  const log = parts.log ?? createLog(config.log)
  const now = Date.now
  await mkdir(config.data, { recursive: true, mode: 0o700 })
  const catalog =
    parts.catalog ??
    (await openSqliteCatalog({ path: join(config.data, 'catalog.sqlite'), lockTimeout: LOCK_TIMEOUT_MS }))
  const blobs = parts.blobs ?? new DiskStore({ folder: join(config.data, 'blobs'), reserve: config.reserve })
  try {
    const { uploads, objects, ...engine } = await startEngine({
      catalog,
      blobs,
      log,
      now,
      idleTimeout: config.idleTimeout,
      limits: { maxSize: config.maxSize, ttl: config.uploadTtl, everyAck: config.durability === 'every-ack' },
    })
    const tokens = await configuredTokens(config)
    const access = filesAccess(tokens, config.dev, now)
    let closing: Promise<void> | undefined

    const onError = (error: unknown, exchange: { method: string; path: string }): void => {
      const at = exchange.path.replace(/[0-9a-f]{32}/, redactId)
      log.error({ err: error, method: exchange.method, path: at }, 'a request met a fault')
    }
    const tus = { uploads, objects, access, urlPrefix: config.publicUrl ?? '', onError }
    const { handler, server } = createApp({
      files: { tus, cors: corsFor(config.corsOrigins), objects, access },
      json: await createJson({
        pageDir: parts.pageDir,
        onError: (error) => log.error({ err: error }, 'a request met a fault'),
        async ready() {
          if (closing !== undefined) throw new CatalogError('unavailable', 'the server is closing')
          await Promise.all([catalog.counts(), blobs.freeBytes()])
        },
      }),
      dev: config.dev,
      onError,
    })

    const unused = trackUnused(server)
    const close = async (): Promise<void> => {
      const closed = server.listening ? new Promise((resolve) => server.close(resolve)) : Promise.resolve()
      // Transfers end with their bytes kept; a look at an upload is told to wait.
      await engine.closeTransfers()
      const idle = setInterval(() => closeIdle(server, unused), CLOSE_IDLE_MS)
      const timer = setTimeout(() => server.closeAllConnections(), CLOSE_GRACE_MS)
      await closed
      clearTimeout(timer)
      clearInterval(idle)
      await engine.close()
      await blobs.close()
      await catalog.close()
    }
    return {
      handler,
      uploads,
      tokens,
      log,
      async listen() {
        await new Promise<void>((resolve, reject) => {
          server.once('error', reject)
          server.listen(config.port, config.host, () => resolve())
        })
        const { address, family, port } = server.address() as AddressInfo
        return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`
      },
      close: () => {
        closing ??= close()
        return closing
      },
    }
  } catch (error) {
    await blobs.close().catch(() => {})
    await catalog.close().catch(() => {})
    throw error
  }
}
