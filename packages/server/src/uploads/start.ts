/** Starts the engine over a catalog and a blob store: repair first, then service. */
import type { BlobStore } from '../blobs/blob-store.ts'
import { StoreError } from '../blobs/blob-store.ts'
import type { Catalog } from '../catalog/catalog.ts'
import type { LeaseRows } from '../catalog/lease-rows.ts'
import type { Allowance } from '../catalog/usage.ts'
import { Listeners } from '../events/listeners.ts'
import { Progress } from '../events/progress.ts'
import { Garbage } from '../garbage.ts'
import { type Logger, redactId } from '../log.ts'
import { Digester } from '../objects/digester.ts'
import { type Objects, objectsOver } from '../objects/objects.ts'
import { Readers } from '../objects/readers.ts'
import { Durability } from './durability.ts'
import type { Engine, UploadLimits } from './engine.ts'
import { Finisher } from './finish.ts'
import { GatherBudget } from './gather-budget.ts'
import { type Hooks, hookRunner, NO_HOOKS } from './hooks.ts'
import { type Judge, PERMIT_ALL } from './judge.ts'
import { Leases } from './lease.ts'
import { type Observer, UNOBSERVED } from './observer.ts'
import { Packer } from './packer.ts'
import { Quota } from './quota.ts'
import { type Finding, findings, mend } from './repair.ts'
import { SharedLeases } from './shared-leases.ts'
import { endSlowTransfers, type SlowTransferOptions } from './slow-transfers.ts'
import { SmallBodies } from './small-bodies.ts'
import { sweepRegularly } from './sweep.ts'
import { Transfers } from './transfers.ts'
import { UploadDigests } from './upload-digests.ts'
import { type Uploads, uploadsOver } from './uploads.ts'

export interface EngineOptions {
  readonly catalog: Catalog
  readonly blobs: BlobStore
  readonly log: Logger
  readonly now: () => number
  /** Everything is permitted when it is left out. */
  readonly judge?: Judge
  readonly limits: UploadLimits
  /** Milliseconds of silence after which a transfer is ended, its bytes kept. */
  readonly idleTimeout: number
  /** What owners and buckets may hold; without it they may hold everything. */
  readonly allowance?: Allowance
  /** Transfers at a time; without it there is no limit. */
  readonly maxActive?: number
  /** Ends transfers that are slower. */
  readonly slow?: SlowTransferOptions | undefined
  readonly observer?: Observer
  /** Without them every upload is as its client wants it. */
  readonly hooks?: Hooks
  /** Told how far uploads are. */
  readonly listeners?: Listeners
  /** Present where other nodes write to the same uploads. */
  readonly shared?: LeaseRows | undefined
  /** Downloads are redirected to the store, where it can: so long does its answer hold. */
  readonly redirectSeconds?: number | undefined
  /**
   * In a process of the server's own: called when some MiB of buffers have become garbage. With it the memory of request
   * bodies is given back as soon as they are stored.
   */
  readonly freeBuffers?: () => void
}

export interface RunningEngine {
  readonly uploads: Uploads
  readonly objects: Objects
  readonly transfers: Transfers
  /** Ends every transfer, bytes kept, and lets no new one in. */
  closeTransfers(): Promise<void>
  /** Ends what runs in the background. */
  close(): Promise<void>
}

/** Bytes gathered in memory over all uploads. */
const GATHER_CAP = 4 * 1024 * 1024

/** @throws StoreError, CatalogError */
export async function startEngine(options: EngineOptions): Promise<RunningEngine> {
  const { catalog, blobs, log, now, judge = PERMIT_ALL, limits, idleTimeout, observer = UNOBSERVED } = options
  const { trusted } = await openPaired(catalog, blobs)

  const readers = new Readers()
  const local = new Leases(idleTimeout)
  const durability = new Durability(
    blobs,
    catalog,
    (error) => log.error({ err: error }, 'a background sync failed'),
    (id) => local.holder(id)?.end('unsynced'),
  )
  const digester = new Digester({
    catalog,
    blobs,
    onError: (object, error) =>
      log.error({ err: error, version: object.version }, 'a digest could not be computed'),
  })
  const digests = new UploadDigests(blobs)
  const hooks = hookRunner(options.hooks ?? NO_HOOKS)
  const quota = new Quota(catalog, options.allowance ?? {})
  const finisher = new Finisher({
    catalog,
    blobs,
    durability,
    digests,
    hooks,
    now,
    judge,
    onPublished: (object, ready) => digester.add(object, ready),
    observer,
    onLateError: (upload, error) =>
      log.warn({ err: error, upload: redactId(upload.id) }, 'an upload could not be finished'),
  })
  // Where there are other nodes, what looks left over may be under their hands: the sweep takes it in time.
  if (options.shared === undefined) {
    // What an earlier process had under its hands; its last bytes may be anything.
    for (const pack of await catalog.heldPacks()) await catalog.endPack(pack, now())
    await repair({ catalog, blobs, finisher, now, log, trusted, later: hooks.has('beforeFinish') })
    await quota.giveBack(async ({ segment, stored }) => (await blobs.inspect(segment, stored))?.length ?? 0)
    if (hooks.has('beforeFinish')) void finisher.finishLeft()
  }
  const leases =
    options.shared === undefined
      ? local
      : new SharedLeases(local, options.shared, (error) =>
          log.warn({ err: error }, 'leases could not be told to other nodes'),
        )
  const packer = new Packer({
    catalog,
    blobs,
    now,
    onError: (error) => log.warn({ err: error }, 'a pack of small bodies could not be let go of'),
  })
  const transfers = new Transfers(options.maxActive ?? Number.POSITIVE_INFINITY, observer)
  const slow = options.slow && endSlowTransfers(transfers, options.slow)
  const garbage = new Garbage(options.freeBuffers)
  const engine: Engine = {
    catalog,
    blobs,
    leases,
    transfers,
    stranded: options.shared,
    quota,
    observer,
    budget: new GatherBudget(GATHER_CAP, garbage),
    durability,
    digests,
    small: blobs.packs ? new SmallBodies(packer) : undefined,
    finisher,
    judge,
    hooks,
    progress: new Progress(options.listeners ?? new Listeners(log, () => {}), now),
    limits,
    now,
  }
  const sweeper = sweepRegularly(
    engine,
    readers,
    (swept) => {
      if (swept.expired + swept.segments > 0) log.info(swept, 'swept')
    },
    (error) => log.error({ err: error }, 'the sweep failed and will be tried again'),
  )
  await digester.catchUp()

  return {
    uploads: uploadsOver(engine),
    objects: objectsOver(catalog, blobs, readers, now, {
      allowance: options.allowance,
      redirectSeconds: options.redirectSeconds,
      garbage,
    }),
    transfers,
    closeTransfers() {
      slow?.stop()
      return leases.close()
    },
    async close() {
      // First, because the sweep may be waiting for one.
      hooks.close()
      await sweeper.stop()
      await finisher.close()
      await digester.close()
      await packer.close()
      await durability.close()
    },
  }
}

/** Opens the blob store and makes sure that it is the one this catalog describes. */
export async function openPaired(catalog: Catalog, blobs: BlobStore): Promise<{ trusted: boolean }> {
  const { identity, trusted } = await blobs.open()
  const { paired } = await catalog.pairWith(identity)
  if (paired !== identity) {
    throw new StoreError(
      'damaged',
      'the blob folder is not the one this catalog belongs to: is the right disk mounted, are both from one backup?',
    )
  }
  return { trusted }
}

interface RepairOptions {
  readonly catalog: Catalog
  readonly blobs: BlobStore
  readonly finisher: Finisher
  readonly now: () => number
  readonly log: Logger
  readonly trusted: boolean
  /** Finishing may take its time, or need this very server: the start does not wait for it. */
  readonly later: boolean
}

async function repair({ catalog, blobs, finisher, now, log, trusted, later }: RepairOptions): Promise<void> {
  const counts: Record<Finding['kind'], number> = {
    cut: 0,
    'take-back': 0,
    shorter: 0,
    lost: 0,
    unfinished: 0,
    orphan: 0,
    missing: 0,
  }
  const onError = (finding: Finding, error: unknown): void => {
    const upload = 'upload' in finding ? redactId(finding.upload.id) : undefined
    log.warn({ err: error, upload, finding: finding.kind }, 'an upload could not be finished at start')
  }
  for await (const finding of findings(catalog, blobs, trusted)) {
    counts[finding.kind] += 1
    if (later && finding.kind === 'unfinished') finisher.leave(finding.upload, finding.length)
    else await mend(finding, { catalog, blobs, finisher, now, onError })
  }
  await blobs.trust()
  const grave = counts.lost + counts.missing + counts.shorter + counts.orphan > 0
  log[grave ? 'error' : 'info']({ ...counts, sameBoot: trusted }, 'records and bytes compared')
}
