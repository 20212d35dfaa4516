/** Buckets, as records. */
import type { BucketRecord } from '../objects/bucket.ts'

export interface BucketRecords {
  /** False when there is one of this id already. */
  insertBucket(bucket: BucketRecord): Promise<boolean>
  findBucket(id: string): Promise<BucketRecord | undefined>
  listBuckets(request: ListBucketsRequest): Promise<BucketRecord[]>
  /** False when there is no such bucket. What is undefined stays as it is. */
  updateBucket(id: string, changes: BucketChanges, at: number): Promise<boolean>
  /** Only an empty bucket is removed. */
  removeBucket(id: string): Promise<'removed' | 'missing' | 'not-empty'>
}

export interface ListBucketsRequest {
  /** Case does not matter; the id contains it. */
  readonly search: string | undefined
  readonly sort: 'id' | 'created_at' | 'updated_at'
  readonly descending: boolean
  readonly skip: number
  readonly limit: number
}

export interface BucketChanges {
  readonly public: boolean | undefined
  /** Bytes; null lifts the limit. */
  readonly fileSizeLimit: number | null | undefined
  /** Null allows every type. */
  readonly allowedMimeTypes: readonly string[] | null | undefined
}
