/** What the operations of the engine share. server.ts puts it together; nothing in here is a singleton. */
import type { BlobStore } from '../blobs/blob-store.ts'
import { StoreError } from '../blobs/blob-store.ts'
import { type Catalog, CatalogError } from '../catalog/catalog.ts'
import type { LeaseRows } from '../catalog/lease-rows.ts'
import type { Progress } from '../events/progress.ts'
import type { Durability } from './durability.ts'
import { UploadError } from './errors.ts'
import type { Finisher } from './finish.ts'
import type { GatherBudget } from './gather-budget.ts'
import type { HookRunner } from './hooks.ts'
import type { Judge } from './judge.ts'
import type { UploadLeases } from './lease.ts'
import type { Observer } from './observer.ts'
import type { Quota } from './quota.ts'
import type { SmallBodies } from './small-bodies.ts'
import type { Transfers } from './transfers.ts'
import type { UploadId, UploadRecord } from './upload.ts'
import type { UploadDigests } from './upload-digests.ts'

export interface UploadLimits {
  /** Bytes one upload may have. */
  readonly maxSize: number
  /** Milliseconds an unfinished upload lives after its last byte. */
  readonly ttl: number
  /** Answer only what a power cut cannot take. */
  readonly everyAck: boolean
}

export interface Engine {
  readonly catalog: Catalog
  readonly blobs: BlobStore
  readonly leases: UploadLeases
  /** Where nodes share the catalog: what a node that is gone did not finish. */
  readonly stranded?: Pick<LeaseRows, 'stranded'> | undefined
  readonly transfers: Transfers
  readonly quota: Quota
  readonly observer: Observer
  readonly budget: GatherBudget
  readonly durability: Durability
  readonly digests: UploadDigests
  /** Where bodies are put that are too small for a file; undefined where the store has no use for that. */
  readonly small: SmallBodies | undefined
  readonly finisher: Finisher
  readonly judge: Judge
  readonly hooks: HookRunner
  readonly progress: Progress
  readonly limits: UploadLimits
  readonly now: () => number
}

/** Whether the caller may see and change an upload. Those who may not learn nothing: to them it is not there. */
export type Permit = (upload: UploadRecord) => boolean

/** @throws UploadError `not-found`, `unavailable` */
export async function findPermitted(engine: Engine, id: UploadId, permit: Permit): Promise<UploadRecord> {
  return permitted(await reach(() => engine.catalog.findUpload(id)), permit)
}

/** @throws UploadError `not-found` */
export function permitted(upload: UploadRecord | undefined, permit: Permit): UploadRecord {
  if (upload === undefined || upload.state.kind === 'cancelled' || !permit(upload)) {
    throw new UploadError('not-found', 'there is no such upload')
  }
  return upload
}

/** Whether a request writes to it, here or, by what was just read, on another node. */
export function isHeld({ leases }: Engine, { id, stored }: UploadRecord): boolean {
  return leases.holder(id) !== undefined || stored?.holder !== undefined
}

/** Whether a power cut must not take what an answer named: with every-ack durability, and of what ends by word. */
export function tellsDurable({ limits }: Engine, upload: UploadRecord): boolean {
  return limits.everyAck || upload.ending !== undefined
}

/** Before an offset is told: makes durable what must not be taken back. */
export async function beforeTelling(engine: Engine, upload: UploadRecord, offset: number): Promise<void> {
  const { durability, blobs } = engine
  if (blobs.durable || !tellsDurable(engine, upload) || offset <= upload.durable) return
  // Also what an earlier process wrote, of which this one noted nothing.
  durability.note(upload, offset)
  await reach(() => durability.settle(upload))
}

/** Runs work on the catalog or the blob store; what they throw becomes an UploadError. */
export async function reach<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw asUploadError(error)
  }
}

export function asUploadError(error: unknown): unknown {
  if (error instanceof CatalogError && error.code === 'fenced') {
    return new UploadError('busy', 'another request writes to this upload now: look where it stands', {
      cause: error,
    })
  }
  if (error instanceof StoreError || error instanceof CatalogError) {
    return error.code === 'no-space'
      ? new UploadError(
          'no-space',
          'the server has no space left: what was accepted is kept, try again later',
          {
            cause: error,
          },
        )
      : new UploadError(
          'unavailable',
          'the server cannot reach its storage: nothing was lost, try again soon',
          {
            cause: error,
          },
        )
  }
  return error
}
