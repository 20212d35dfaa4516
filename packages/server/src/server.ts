/**
 * The composition root: the only place that knows every part.
 *
 * Long, because every part is made, joined to the others and closed here, and nowhere else.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { configuredSecret, configuredTokens } from './access/configured.ts'
import { DEV_POLICIES, makeDevBuckets } from './access/dev-buckets.ts'
import { filesAccess } from './access/files-access.ts'
import { allowsBy } from './access/policies.ts'
import { isService } from './access/service-key.ts'
import { signedUrlsFrom } from './access/signed-urls.ts'
import { identify, storageJudge } from './access/storage-access.ts'
import type { Tokens } from './access/tokens.ts'
import type { BlobStore } from './blobs/blob-store.ts'
import { DiskStore } from './blobs/disk/disk-store.ts'
import { type Catalog, CatalogError } from './catalog/catalog.ts'
import type { LeaseRows } from './catalog/lease-rows.ts'
import { rememberUploads } from './catalog/remembered.ts'
import { openSqliteCatalog } from './catalog/sqlite/sqlite-catalog.ts'
import type { Config } from './config.ts'
import { mountedAt } from './config-values.ts'
import { type Events, Listeners } from './events/listeners.ts'
import { webhookFrom } from './events/webhook/webhook.ts'
import { createApp } from './http/app.ts'
import { clientAddresses } from './http/client-address.ts'
import { closeIdle, trackConnections } from './http/connections.ts'
import { corsFor } from './http/cors.ts'
import { type Fetch, fetchOver } from './http/fetch.ts'
import { filesTarget } from './http/files-resumable.ts'
import { filesTus } from './http/files-tus.ts'
import { interimTo } from './http/interim.ts'
import { createJson } from './http/json.ts'
import type { MediaFace } from './http/media/face.ts'
import { registerMedia } from './http/media/json-routes.ts'
import { createMetricsServer } from './http/metrics-server.ts'
import { RateLimit } from './http/rate-limit.ts'
import type { ResumableDoor, TargetFace } from './http/resumable-http/face.ts'
import type { StorageFace } from './http/storage/face.ts'
import { registerStorage } from './http/storage/json-routes.ts'
import { storageTarget } from './http/storage/resumable.ts'
import { createLog, type Logger, redactId } from './log.ts'
import { AddressRules, type Resolve } from './media/import/addresses.ts'
import type { ImportLimits } from './media/import/importer.ts'
import { startMedia } from './media/media.ts'
import { createHistory } from './metrics/history.ts'
import { createMetrics } from './metrics/metrics.ts'
import { bucketsOver } from './objects/buckets.ts'
import { makeDataFolder, notBound } from './start-error.ts'
import { inFlight } from './uploads/in-flight.ts'
import { observedBy } from './uploads/observer.ts'
import { startEngine } from './uploads/start.ts'
import type { FaceName } from './uploads/upload.ts'
import type { Uploads } from './uploads/uploads.ts'

export interface ServerParts {
  /** Instead of the disk in the data folder. The server opens and closes it. */
  readonly blobs?: BlobStore
  /** Instead of SQLite in the data folder; already open. The server closes it. */
  readonly catalog?: Catalog
  /** Leases of that catalog, where other nodes share it. */
  readonly leases?: LeaseRows
  readonly log?: Logger
  /** The built page to serve at `/`. */
  readonly pageDir?: string
  /**
   * Where this is mounted in a server of your own, such as `/uploads`: its paths stand below, and so do those that
   * it tells. `handler` and `fetch` take requests with it.
   */
  readonly mountPath?: string
  /**
   * In a process of the server's own: called when some MiB of buffers have become garbage. With it the memory of request
   * bodies is given back as soon as they are stored.
   */
  readonly freeBuffers?: () => void
  /** Instead of DNS, for what is imported. */
  readonly resolve?: Resolve
  /** Instead of the usual patience with sources of imports. */
  readonly importLimits?: ImportLimits
}

export interface PawlServer {
  /** For mounting in a server of your own. */
  readonly handler: (req: IncomingMessage, res: ServerResponse) => void
  /** The same for frameworks of web standards. */
  readonly fetch: Fetch
  readonly uploads: Uploads
  /** What happens to uploads and objects, for code in this process. */
  readonly events: Events
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
/** How long the facts of a bucket count that were read from Postgres, and of how many at a time. */
const BUCKET_MS = 1000
const BUCKETS_KNOWN = 1000
/** How long another server may take to let go of the data folder. */
const LOCK_TIMEOUT_MS = 15_000

/** @throws CatalogError, StoreError, ConfigError when it cannot start; nothing is left open then */
export async function createServer(config: Config, parts: ServerParts = {}): Promise<PawlServer> {
  const log = parts.log ?? createLog(config.log)
  const now = (): number => Date.now()
  await makeDataFolder(config.data)
  const metrics = createMetrics()
  const history = createHistory(now)
  const observer = observedBy(metrics, history)
  const quotas = config.quotaOwner !== undefined || config.quotaBucket !== undefined
  const keepEvents = config.webhookUrl !== undefined
  const { catalog, shared } =
    parts.catalog === undefined
      ? await catalogFor(config, { quotas, keepEvents }, metrics.committed, log)
      : { catalog: parts.catalog, shared: parts.leases }
  const blobs = parts.blobs ?? (await blobsFor(config, catalog, log))
  try {
    const allows = allowsBy(config.policies ?? (config.dev ? DEV_POLICIES : []))
    const events: Listeners = new Listeners(log, () => catalog.listen((told) => events.tell(told)))
    const webhook = webhookFrom(config, catalog, log, now)
    const { uploads, objects, ...engine } = await startEngine({
      catalog,
      blobs,
      log,
      now,
      judge: storageJudge(allows, bucketsFor(catalog, shared)),
      shared,
      idleTimeout: config.idleTimeout,
      allowance: {
        ownerBytes: config.quotaOwner,
        bucketBytes: config.quotaBucket,
        ownerOpen: config.maxOpen,
      },
      maxActive: config.maxActive,
      slow: config.minRate === undefined ? undefined : { minRate: config.minRate },
      observer,
      hooks: config.hooks,
      redirectSeconds: config.redirectDownloads,
      listeners: events,
      ...(parts.freeBuffers && { freeBuffers: parts.freeBuffers }),
      limits: { maxSize: config.maxSize, ttl: config.uploadTtl, everyAck: config.durability === 'every-ack' },
    })
    const secret = await configuredSecret(config)
    const tokens = configuredTokens(config, secret)
    const access = filesAccess(tokens, config.dev, now)
    let closing: Promise<void> | undefined
    const ending = new AbortController()
    const addressOf = clientAddresses(config.trustedProxies)
    const rate = config.rate === undefined ? undefined : new RateLimit(config.rate)
    const pace = (req: IncomingMessage): number => {
      const wait = rate?.take(addressOf(req)) ?? 0
      if (wait > 0) observer.refused('rate')
      return wait
    }

    const onError = (error: unknown, exchange?: { method: string; path: string }): void => {
      history.fault()
      const at = exchange?.path.replace(/[0-9a-f]{32,}/, redactId)
      log.error({ err: error, method: exchange?.method, path: at }, 'a request met a fault')
    }
    const cors = corsFor(config.corsOrigins)
    const buckets = bucketsOver(catalog, now)
    if (config.dev) await makeDevBuckets(buckets)
    const mountPath = parts.mountPath === undefined ? '' : mountedAt(parts.mountPath, 'mountPath')
    const urlPrefix = config.publicUrl ?? mountPath
    const targets = new Map<FaceName, TargetFace>()
    const mayInform = interimTo(config.interim, config.trustedProxies)
    const resumable: ResumableDoor = {
      uploads,
      objects,
      urlPrefix,
      faces: targets,
      cors,
      mayInform: ({ req }) => mayInform(req),
      pace: ({ req }) => pace(req),
      now,
      onError,
    }
    const signed = signedUrlsFrom(secret, now)
    const storage: StorageFace = {
      prefix: config.storagePrefix,
      urlPrefix,
      uploads,
      resumable,
      objects,
      buckets,
      signed,
      allows,
      cors,
      identify: (credentials, late) => identify(tokens, credentials, now(), late),
      pace,
      onError,
    }
    const running = await startMedia({
      catalog,
      objects,
      uploads,
      now,
      base: config.publicUrl ?? '',
      rules: new AddressRules(config.importAllow, parts.resolve),
      importLimits: parts.importLimits,
      maxOpen: config.maxOpen,
      onError,
    })
    const media: MediaFace = {
      urlPrefix: config.publicUrl ?? '',
      mountPath,
      media: running.media,
      uploads,
      objects,
      signed,
      tokens,
      cors,
      pace,
      onError,
    }
    const tus = filesTus({ uploads, objects, access, urlPrefix, onError })
    targets.set('files', filesTarget(access, urlPrefix)).set('storage', storageTarget(storage))
    const app = createApp({
      files: { tus, resumable, cors, objects, access, pace },
      storage,
      resumable,
      media,
      pace,
      json: await createJson({
        pageDir: parts.pageDir,
        register: [(routes) => registerStorage(routes, storage), (routes) => registerMedia(routes, media)],
        admin: {
          tokens,
          events: {
            outbox: catalog,
            now,
            onReplay: () => webhook.wake(),
            live: events,
            closing: ending.signal,
          },
          uploads: {
            uploads,
            inFlight: (after, limit) =>
              inFlight({ catalog, blobs, transfers: engine.transfers }, after, limit),
          },
          plainObjects: { objects },
          overview: {
            storagePrefix: config.storagePrefix,
            history,
            parts: { catalog: () => catalog.unfinishedCounts(), blobs: () => blobs.freeBytes() },
            onError: (error) => log.error({ err: error }, 'a part of the server is out of reach'),
          },
        },
        onError,
        async ready() {
          if (closing !== undefined) throw new CatalogError('unavailable', 'the server is closing')
          await Promise.all([catalog.unfinishedCounts(), blobs.freeBytes()])
        },
        async metrics(authorization) {
          return (await isService(tokens, authorization)) ? metrics.render() : undefined
        },
      }),
      dev: config.dev,
      mountPath,
      onError,
    })
    const { handler, server } = app

    metrics.watch({
      unfinished: () => catalog.unfinishedCounts(),
      transfers: engine.transfers,
      connections: promisify(server.getConnections.bind(server)),
    })
    history.watch(engine.transfers)
    const metricsServer = config.metricsPort === undefined ? undefined : createMetricsServer(metrics.render)

    const connections = trackConnections(server)
    const close = async (): Promise<void> => {
      ending.abort()
      history.close()
      const delivered = webhook.close()
      const closed = server.listening ? new Promise((resolve) => server.close(resolve)) : Promise.resolve()
      metricsServer?.close()
      // Transfers end with their bytes kept; a look at an upload is told to wait.
      await engine.closeTransfers()
      const idle = setInterval(() => closeIdle(server, connections), CLOSE_IDLE_MS)
      const timer = setTimeout(() => {
        server.closeAllConnections()
        app.cut()
      }, CLOSE_GRACE_MS)
      await Promise.all([closed, app.idle()])
      app.end()
      clearTimeout(timer)
      clearInterval(idle)
      await running.close()
      await engine.close()
      await delivered
      await blobs.close()
      await catalog.close()
    }
    webhook.start()
    return {
      handler,
      fetch: fetchOver(server),
      uploads,
      events,
      tokens,
      log,
      async listen() {
        const url = await bind(server, config.port, config.host, 'PAWL_PORT')
        if (metricsServer !== undefined) {
          const metricsUrl = await bind(
            metricsServer,
            config.metricsPort ?? 0,
            config.host,
            'PAWL_METRICS_PORT',
          )
          log.info({ url: `${metricsUrl}/metrics` }, 'metrics')
        }
        return url
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

interface CatalogParts {
  readonly catalog: Catalog
  /** Leases that other nodes see. */
  readonly shared?: LeaseRows | undefined
}

async function catalogFor(
  { data, databaseUrl }: Config,
  kept: { readonly quotas: boolean; readonly keepEvents: boolean },
  onCommit: (operations: number, seconds: number) => void,
  log: Logger,
): Promise<CatalogParts> {
  if (databaseUrl === undefined) {
    const path = join(data, 'catalog.sqlite')
    const sqlite = await openSqliteCatalog({ path, lockTimeout: LOCK_TIMEOUT_MS, ...kept }, onCommit)
    // The file is locked: nobody else changes it, so what was read of it stays true.
    return { catalog: rememberUploads(sqlite) }
  }
  // Loaded by those only who use it.
  const { openPostgresCatalog } = await import('./catalog/postgres/postgres-catalog.ts')
  const onError = (error: Error): void => log.warn({ err: error }, 'a connection to Postgres was lost')
  const catalog = await openPostgresCatalog({ url: databaseUrl, ...kept, onCommit, onError })
  return { catalog, shared: catalog.leases }
}

/** How policies learn of a bucket at each append; where that is a trip, once a second is enough. */
function bucketsFor(catalog: Catalog, shared: LeaseRows | undefined): Catalog['findBucket'] {
  if (shared === undefined) return (id) => catalog.findBucket(id)
  const known = new Map<
    string,
    { readonly until: number; readonly bucket: ReturnType<Catalog['findBucket']> }
  >()
  return (id) => {
    const now = performance.now()
    const found = known.get(id)
    if (found !== undefined && found.until > now) return found.bucket
    if (known.size >= BUCKETS_KNOWN) known.clear()
    const bucket = catalog.findBucket(id)
    known.set(id, { until: now + BUCKET_MS, bucket })
    bucket.catch(() => known.delete(id))
    return bucket
  }
}

async function blobsFor(
  { blobsUrl, data, reserve }: Config,
  catalog: Catalog,
  log: Logger,
): Promise<BlobStore> {
  if (blobsUrl === undefined) return new DiskStore({ folder: join(data, 'blobs'), reserve })
  // Loaded by those only who use it: it takes half as long as everything else together.
  const { S3Store } = await import('./blobs/s3/s3-store.ts')
  const onError = (error: unknown): void =>
    log.warn({ err: error }, 'bytes in S3 that nothing names are left')
  return new S3Store({ ...blobsUrl, parts: catalog, onError })
}

/** @throws Error with `code` EADDRINUSE and the like */
async function bind(server: Server, port: number, host: string, setting: string): Promise<string> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(notBound(error, port, host, setting)))
    server.listen(port, host, () => resolve())
  })
  const bound = server.address() as AddressInfo
  return `http://${bound.family === 'IPv6' ? `[${bound.address}]` : bound.address}:${bound.port}`
}
