/** The parts of an engine over any catalog and store, without start-up repair or anything in the background. For tests. */
import type { BlobStore } from '../blobs/blob-store.ts'
import type { Catalog } from '../catalog/catalog.ts'
import { sampleUpload } from '../catalog/sample-records.ts'
import { Listeners } from '../events/listeners.ts'
import { Progress } from '../events/progress.ts'
import { createLog } from '../log.ts'
import type { ObjectRecord } from '../objects/object.ts'
import { Durability } from './durability.ts'
import type { Engine } from './engine.ts'
import { Finisher } from './finish.ts'
import { GatherBudget } from './gather-budget.ts'
import { hookRunner, NO_HOOKS } from './hooks.ts'
import { PERMIT_ALL } from './judge.ts'
import { Leases } from './lease.ts'
import { UNOBSERVED } from './observer.ts'
import { Packer } from './packer.ts'
import { Quota } from './quota.ts'
import { SmallBodies } from './small-bodies.ts'
import { Transfers } from './transfers.ts'
import type { UploadRecord } from './upload.ts'
import { UploadDigests } from './upload-digests.ts'

export interface SampleEngine extends Engine {
  readonly published: ObjectRecord[]
}

export function sampleEngine(
  catalog: Catalog,
  blobs: BlobStore,
  now: () => number = () => 5000,
  ttl = 1000,
): SampleEngine {
  const leases = new Leases(60_000)
  const durability = new Durability(
    blobs,
    catalog,
    () => {},
    (id) => leases.holder(id)?.end('unsynced'),
  )
  const digests = new UploadDigests(blobs)
  const published: ObjectRecord[] = []
  const hooks = hookRunner(NO_HOOKS)
  const onPublished = (object: ObjectRecord): void => void published.push(object)
  return {
    catalog,
    blobs,
    leases,
    transfers: new Transfers(100, UNOBSERVED),
    quota: new Quota(catalog, {}),
    observer: UNOBSERVED,
    budget: new GatherBudget(1024 * 1024),
    durability,
    digests,
    small: new SmallBodies(new Packer({ catalog, blobs, now, onError: () => {} })),
    finisher: new Finisher({
      catalog,
      blobs,
      durability,
      digests,
      hooks,
      now,
      judge: PERMIT_ALL,
      onPublished,
      onLateError: () => {},
    }),
    judge: PERMIT_ALL,
    hooks,
    progress: new Progress(new Listeners(createLog('silent'), () => {}), now),
    limits: { maxSize: 1_000_000, ttl, everyAck: false },
    now,
    published,
  }
}

/** An open upload whose segment holds `bytes`. */
export async function storedUpload(
  { catalog, blobs }: Pick<Engine, 'catalog' | 'blobs'>,
  bytes: Uint8Array,
  given: Partial<UploadRecord> = {},
): Promise<UploadRecord> {
  const upload = sampleUpload({ length: bytes.byteLength, ...given })
  await catalog.insertUpload(upload)
  const writer = await blobs.openWriter(upload.segment)
  await writer.write([bytes])
  await writer.close()
  return upload
}
