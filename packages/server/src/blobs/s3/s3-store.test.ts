import { type S3, startS3 } from '@pawl/emulators/s3'
import { afterAll, afterEach, beforeAll, describe } from 'vitest'
import { blobStoreContract } from '../blob-store.contract.ts'
import { type LooseS3Store, s3StoreAt } from './testing/s3-stores.ts'

let s3: S3
const stores: LooseS3Store[] = []
beforeAll(async () => {
  s3 = await startS3()
})
afterAll(() => s3.close())
afterEach(async () => {
  for (const store of stores.splice(0)) await store.close()
})

async function make(...options: Parameters<typeof s3StoreAt> extends [unknown, ...infer R] ? R : never) {
  const store = await s3StoreAt(s3, ...options)
  stores.push(store)
  return store
}

describe('the store in S3', () => {
  blobStoreContract(() => make(), 30)
})
