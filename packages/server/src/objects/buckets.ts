/** Buckets as the faces see them. */
import type { Principal } from '../access/principal.ts'
import type { BucketChanges, ListBucketsRequest } from '../catalog/bucket-records.ts'
import type { Catalog } from '../catalog/catalog.ts'
import { reach } from '../uploads/engine.ts'
import type { BucketRecord } from './bucket.ts'

/** Every method throws UploadError `unavailable` while the catalog is out of reach. */
export interface Buckets {
  find(id: string): Promise<BucketRecord | undefined>
  list(request: ListBucketsRequest): Promise<BucketRecord[]>
  /** False when there is one of this id already. */
  create(bucket: NewBucket): Promise<boolean>
  /** False when there is none. */
  update(id: string, changes: BucketChanges): Promise<boolean>
  /** Only an empty one is removed. */
  remove(id: string): Promise<'removed' | 'missing' | 'not-empty'>
  /** Removes every object that is there when it is called. */
  empty(id: string): Promise<void>
}

interface NewBucket {
  readonly id: string
  readonly owner: Principal
  readonly public: boolean
  readonly fileSizeLimit?: number | undefined
  readonly allowedMimeTypes?: readonly string[] | undefined
}

/** Objects removed in one transaction: nobody waits long behind it. */
const BATCH = 500

export function bucketsOver(catalog: Catalog, now: () => number): Buckets {
  return {
    find: (id) => reach(() => catalog.findBucket(id)),
    list: (request) => reach(() => catalog.listBuckets(request)),
    create({ id, owner, public: isPublic, fileSizeLimit, allowedMimeTypes }) {
      const at = now()
      const bucket = {
        id,
        owner,
        public: isPublic,
        fileSizeLimit,
        allowedMimeTypes,
        createdAt: at,
        updatedAt: at,
      }
      return reach(() => catalog.insertBucket(bucket))
    },
    update: (id, changes) => reach(() => catalog.updateBucket(id, changes, now())),
    remove: (id) => reach(() => catalog.removeBucket(id)),
    async empty(id) {
      while ((await reach(() => catalog.removeSome(id, BATCH, now()))) === BATCH) {}
    },
  }
}
