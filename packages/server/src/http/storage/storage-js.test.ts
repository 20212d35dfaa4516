/** Every method of the vendor's own client: done by a route here, or answered 501. What each does in detail is tried beside this. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { failure, ok, type StorageServer, startStorage } from '../testing/storage.ts'

/** What its classes have besides: parts of other methods, and settings that send nothing. */
const INSIDE = [
  'constructor',
  'from',
  'vectors',
  'analytics',
  'throwOnError',
  'setHeader',
  'handleOperation',
  'bucketLifecycleUrl',
  'listBucketOptionsToQueryString',
  'uploadOrUpdate',
  'prepareUploadFormData',
  'encodeMetadata',
  'toBase64',
  '_getFinalPath',
  '_removeEmptyFolders',
  'applyTransformOptsToQuery',
]

let server: StorageServer
beforeAll(async () => {
  server = await startStorage()
})
afterAll(() => server.close())

test('each method that has a route works on it, and the others are answered 501', async () => {
  const { admin } = server
  const bucket = admin.from('js')
  const notOurs = async (answer: Parameters<typeof failure>[0]) =>
    expect(await failure(answer)).toMatchObject({ status: 501 })
  const calls: Readonly<Record<string, () => Promise<unknown>>> = {
    createBucket: () => ok(admin.createBucket('js', { public: true })),
    getBucket: () => ok(admin.getBucket('js')),
    listBuckets: () => ok(admin.listBuckets()),
    updateBucket: () => ok(admin.updateBucket('js', { public: true })),
    upload: () => ok(bucket.upload('a', 'x')),
    update: () => ok(bucket.update('a', 'y')),
    async uploadToSignedUrl() {
      const { token } = await ok(bucket.createSignedUploadUrl('signed'))
      await ok(bucket.uploadToSignedUrl('signed', token, 'z'))
    },
    createSignedUploadUrl: () => ok(bucket.createSignedUploadUrl('later')),
    info: () => ok(bucket.info('a')),
    exists: () => ok(bucket.exists('a')),
    async download() {
      expect(await (await ok(bucket.download('a'))).text()).toBe('y')
    },
    async getPublicUrl() {
      expect(await (await fetch(bucket.getPublicUrl('a').data.publicUrl)).text()).toBe('y')
    },
    async createSignedUrl() {
      const { signedUrl } = await ok(bucket.createSignedUrl('a', 60))
      expect(await (await fetch(signedUrl)).text()).toBe('y')
    },
    async createSignedUrls() {
      const [first] = await ok(bucket.createSignedUrls(['a'], 60))
      expect(await (await fetch(first?.signedUrl ?? '')).text()).toBe('y')
    },
    copy: () => ok(bucket.copy('a', 'b')),
    move: () => ok(bucket.move('b', 'c')),
    async list() {
      expect((await ok(bucket.list())).map(({ name }) => name)).toEqual(['a', 'c', 'signed'])
    },
    async listV2() {
      expect((await ok(bucket.listV2())).objects.map(({ name }) => name)).toEqual(['a', 'c', 'signed'])
    },
    remove: () => ok(bucket.remove(['c'])),
    purgeCache: () => notOurs(bucket.purgeCache('a')),
    purgeBucketCache: () => notOurs(admin.purgeBucketCache('js')),
    getBucketLifecycle: () => notOurs(admin.getBucketLifecycle('js')),
    updateBucketLifecycle: () => notOurs(admin.updateBucketLifecycle('js', { rules: [] })),
    deleteBucketLifecycle: () => notOurs(admin.deleteBucketLifecycle('js')),
    emptyBucket: () => ok(admin.emptyBucket('js')),
    deleteBucket: () => ok(admin.deleteBucket('js')),
  }
  const methods = [...methodsOf(admin), ...methodsOf(bucket)].filter((name) => !INSIDE.includes(name))
  expect(Object.keys(calls).toSorted()).toEqual([...new Set(methods)].toSorted())
  for (const call of Object.values(calls)) await call()
})

function methodsOf(value: object): string[] {
  const prototype = Object.getPrototypeOf(value)
  return prototype === Object.prototype
    ? []
    : [...Object.getOwnPropertyNames(prototype), ...methodsOf(prototype)]
}
