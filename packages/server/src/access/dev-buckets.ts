/** What development mode has ready, so that the first upload works: a public bucket and a private one. */
import type { Buckets } from '../objects/buckets.ts'
import type { PolicyRule } from './policies.ts'

export const PUBLIC_BUCKET = 'photos'
export const PRIVATE_BUCKET = 'documents'

const EVERYTHING: PolicyRule['action'] = ['select', 'insert', 'update', 'delete']

/** For a start without policies: everyone may use the public bucket, users their own folder of the private one. */
export const DEV_POLICIES: readonly PolicyRule[] = [
  { action: EVERYTHING, bucket: PUBLIC_BUCKET },
  { action: EVERYTHING, bucket: PRIVATE_BUCKET, role: 'authenticated', prefix: '{sub}/' },
]

export async function makeDevBuckets(buckets: Buckets): Promise<void> {
  const owner = { role: 'service_role' } as const
  // Those that are there already stay as they are.
  await buckets.create({ id: PUBLIC_BUCKET, owner, public: true })
  await buckets.create({ id: PRIVATE_BUCKET, owner, public: false })
}
