/** Starts the engine over a catalog and a blob store: repair first, then service. */
import type { BlobStore } from '../blobs/blob-store.ts'
import { StoreError } from '../blobs/blob-store.ts'
import type { Catalog } from '../catalog/catalog.ts'
import { type Logger, redactId } from '../log.ts'
import { Digester } from '../objects/digester.ts'
import { type Objects, objectsOver } from '../objects/objects.ts'
import { Readers } from '../objects/readers.ts'
import { Durability } from './durability.ts'
import type { Engine, UploadLimits } from './engine.ts'
import { Finisher } from './finish.ts'
import { GatherBudget } from './gather-budget.ts'
import { Leases } from './lease.ts'
import { type Finding, findings, mend } from './repair.ts'
import { sweepRegularly } from './sweep.ts'
import { UploadDigests } from './upload-digests.ts'
import { type Uploads, uploadsOver } from './uploads.ts'

export interface EngineOptions {
  readonly catalog: Catalog
  readonly blobs: BlobStore
  readonly log: Logger
  readonly now: () => number
  readonly limits: UploadLimits
  /** Milliseconds of silence after which a transfer is ended, its bytes kept. */
  readonly idleTimeout: number
}

export interface RunningEngine {
  readonly uploads: Uploads
  readonly objects: Objects
  /** Ends every transfer, bytes kept, and lets no new one in. */
  closeTransfers(): Promise<void>
  /** Ends what runs in the background. */
  close(): Promise<void>
}

/** Bytes gathered in memory over all uploads. */
const GATHER_CAP = 64 * 1024 * 1024

/** @throws StoreError, CatalogError */
export async function startEngine(options: EngineOptions): Promise<RunningEngine> {
  const { catalog, blobs, log, now, limits, idleTimeout } = options
  const { trusted } = await openPaired(catalog, blobs)

  const readers = new Readers()
  const durability = new Durability(blobs, catalog, (error) =>
    log.error({ err: error }, 'a background sync failed'),
  )
  const digester = new Digester({
    catalog,
    blobs,
    onError: (object, error) =>
      log.error({ err: error, version: object.version }, 'a digest could not be computed'),
  })
  const digests = new UploadDigests(blobs)
  const finisher = new Finisher({
    catalog,
    blobs,
    durability,
    digests,
    now,
    onPublished: (object, ready) => digester.add(object, ready),
  })
  await repair({ catalog, blobs, finisher, now, log, trusted })

  const leases = new Leases(idleTimeout)
  const engine: Engine = {
    catalog,
    blobs,
    leases,
    budget: new GatherBudget(GATHER_CAP),
    durability,
    digests,
    finisher,
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
    objects: objectsOver(catalog, blobs, readers),
    closeTransfers: () => leases.close(),
    async close() {
      await sweeper.stop()
      await finisher.close()
      await digester.close()
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
}

async function repair({ catalog, blobs, finisher, now, log, trusted }: RepairOptions): Promise<void> {
  const counts: Record<Finding['kind'], number> = {
    cut: 0,
    'take-back': 0,
    fileless: 0,
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
    await mend(finding, { catalog, blobs, finisher, now, onError })
  }
  await blobs.trust()
  const grave = counts.lost + counts.missing + counts.shorter + counts.orphan > 0
  log[grave ? 'error' : 'info']({ ...counts, sameBoot: trusted }, 'records and bytes compared')
}
