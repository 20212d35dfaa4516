/** What every catalog promises of buckets, listings, and changes to objects that move no byte. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { newSegmentId } from '../blobs/blob-store.ts'
import type { BucketRecord } from '../objects/bucket.ts'
import type { ObjectRecord } from '../objects/object.ts'
import type { UploadRecord } from '../uploads/upload.ts'
import type { Catalog } from './catalog.ts'
import type { ListRequest } from './listing.ts'
import { sampleObject, sampleUpload } from './sample-records.ts'

const ALL = { insert: true, replace: true }
const NEVER = Number.MAX_SAFE_INTEGER

/** @param open - a new, empty catalog */
export function storageContract(open: () => Promise<Catalog>): void {
  const bucketOf = (id: string, given: Partial<BucketRecord> = {}): BucketRecord => ({
    id,
    public: false,
    fileSizeLimit: undefined,
    allowedMimeTypes: undefined,
    owner: { role: 'service_role' },
    createdAt: 1000,
    updatedAt: 1000,
    ...given,
  })
  async function finishing(catalog: Catalog, given: Partial<UploadRecord>): Promise<UploadRecord> {
    const upload = sampleUpload({ face: 'storage', ...given })
    await catalog.insertUpload(upload)
    await catalog.beginFinish(upload.id, upload.length ?? 0)
    return upload
  }
  async function stored(catalog: Catalog, bucket: string, key: string): Promise<ObjectRecord> {
    const upload = await finishing(catalog, { bucket, key, precondition: 'none' })
    await catalog.publish(upload.id, sampleObject(upload))
    const object = await catalog.findObject(bucket, key)
    if (object === undefined) throw new Error('it was not published')
    return object
  }
  async function refs(catalog: Catalog, { segments: [piece] }: ObjectRecord): Promise<number | undefined> {
    return (await catalog.segments(undefined, 1000)).find(({ id }) => id === piece?.segment)?.refs
  }

  describe('buckets', () => {
    test('are put in once, found as they were, changed, and removed when they are empty', async () => {
      const catalog = await open()
      const bucket = bucketOf('b', { public: true, fileSizeLimit: 2 ** 40, allowedMimeTypes: ['image/*'] })
      expect(await catalog.insertBucket(bucket)).toBe(true)
      expect(await catalog.insertBucket(bucketOf('b'))).toBe(false)
      expect(await catalog.findBucket('b')).toEqual(bucket)
      const none = { public: undefined, fileSizeLimit: undefined, allowedMimeTypes: undefined }
      expect(await catalog.updateBucket('b', none, 2000)).toBe(true)
      expect(await catalog.findBucket('b')).toEqual({ ...bucket, updatedAt: 2000 })
      await catalog.updateBucket('b', { public: false, fileSizeLimit: null, allowedMimeTypes: null }, 3000)
      expect(await catalog.findBucket('b')).toEqual({ ...bucketOf('b'), updatedAt: 3000 })
      expect(await catalog.updateBucket('c', none, 2000)).toBe(false)
      const object = await stored(catalog, 'b', 'k')
      expect(await catalog.removeBucket('b')).toBe('not-empty')
      await catalog.removeObjects([object], 4000)
      expect(await catalog.removeBucket('b')).toBe('removed')
      expect(await catalog.removeBucket('b')).toBe('missing')
    })

    test('that are gone take no upload any more', async () => {
      const catalog = await open()
      const upload = await finishing(catalog, { bucket: 'gone', key: 'k' })
      expect(await catalog.publish(upload.id, sampleObject(upload))).toMatchObject({ kind: 'denied' })
      expect(await catalog.findObject('gone', 'k')).toBeUndefined()
    })
  })

  describe('publishing', () => {
    test.each([
      ['an object where there is none needs insert', false, { insert: false, replace: true }],
      ['over an object needs replace', true, { insert: true, replace: false }],
    ])('%s', async (_, taken, may) => {
      const catalog = await open()
      await catalog.insertBucket(bucketOf('b'))
      const before = taken ? await stored(catalog, 'b', 'k') : undefined
      const upload = await finishing(catalog, { bucket: 'b', key: 'k', precondition: 'none' })
      expect(await catalog.publish(upload.id, sampleObject(upload), { may })).toMatchObject({
        kind: 'denied',
      })
      expect(await catalog.findObject('b', 'k')).toEqual(before)
      const other = taken ? { insert: false, replace: true } : { insert: true, replace: false }
      expect(await catalog.publish(upload.id, sampleObject(upload), { may: other })).toMatchObject({
        kind: 'published',
      })
    })

    test('keeps what was said of the object, also what was said last', async () => {
      const catalog = await open()
      await catalog.insertBucket(bucketOf('b'))
      const headers = {
        contentType: 'a/b',
        fileName: undefined,
        cacheControl: 'max-age=1',
        contentEncoding: 'gzip',
      }
      const upload = sampleUpload({
        face: 'storage',
        bucket: 'b',
        key: 'k',
        headers,
        maxSize: 5,
        capability: 'c',
      })
      await catalog.insertUpload(upload)
      expect(await catalog.findUpload(upload.id)).toEqual(upload)
      const details = { headers: { ...headers, cacheControl: 'max-age=2' }, userMetadata: { a: [1, 'ü'] } }
      await catalog.describeUpload(upload.id, details)
      expect(await catalog.findUpload(upload.id)).toEqual({ ...upload, ...details })
    })
  })

  describe('a copy', () => {
    test('shares the bytes, which stay until both are gone', async () => {
      const catalog = await open()
      await catalog.insertBucket(bucketOf('b'))
      const source = await stored(catalog, 'b', 'source')
      const copy = { ...source, key: 'copy', version: newSegmentId(), id: 'x' }
      expect(await catalog.copyObject(source.version, copy, ALL)).toEqual({ kind: 'copied', object: copy })
      expect(await refs(catalog, source)).toBe(2)
      expect(await catalog.removeObjects([source, { ...source, version: 'none' }], 5000)).toEqual([
        source.version,
      ])
      expect(await catalog.findObject('b', 'copy')).toEqual(copy)
      expect(await catalog.releasedSegments(NEVER, 10)).toEqual([])
      await catalog.removeObjects([copy], 5000)
      expect(await catalog.releasedSegments(NEVER, 10)).toHaveLength(1)
    })

    test('onto its own source keeps the bytes', async () => {
      const catalog = await open()
      await catalog.insertBucket(bucketOf('b'))
      const source = await stored(catalog, 'b', 'k')
      const copy = { ...source, version: newSegmentId() }
      expect(await catalog.copyObject(source.version, copy, ALL)).toMatchObject({ kind: 'copied' })
      expect(await refs(catalog, source)).toBe(1)
      expect(await catalog.releasedSegments(NEVER, 10)).toEqual([])
    })

    test('needs a source, a bucket, and permission for what it takes', async () => {
      const catalog = await open()
      await catalog.insertBucket(bucketOf('b'))
      const source = await stored(catalog, 'b', 'source')
      await stored(catalog, 'b', 'taken')
      const to = (given: Partial<ObjectRecord>) => ({ ...source, version: newSegmentId(), id: 'x', ...given })
      const insert = { insert: true, replace: false }
      expect(await catalog.copyObject('none', to({ key: 'n' }), ALL)).toEqual({ kind: 'gone' })
      expect(await catalog.copyObject(source.version, to({ bucket: 'c' }), ALL)).toEqual({
        kind: 'no-bucket',
      })
      expect(await catalog.copyObject(source.version, to({ key: 'taken' }), insert)).toEqual({
        kind: 'conflict',
      })
      expect(await refs(catalog, source)).toBe(1)
    })
  })

  test('a move changes the name and nothing else, and takes no name that is taken', async () => {
    const catalog = await open()
    await catalog.insertBucket(bucketOf('b'))
    const object = await stored(catalog, 'b', 'k')
    await stored(catalog, 'b', 'taken')
    const move = (found: ObjectRecord, bucket: string, key: string) =>
      catalog.moveObject(found, { bucket, key }, 6000)
    expect(await move(object, 'b', 'taken')).toEqual({ kind: 'conflict' })
    expect(await move(object, 'c', 'k')).toEqual({ kind: 'no-bucket' })
    expect(await move({ ...object, version: 'none' }, 'b', 'x')).toEqual({ kind: 'gone' })
    expect(await move(object, 'b', 'k')).toEqual({ kind: 'moved' })
    expect(await move(object, 'b', 'moved')).toEqual({ kind: 'moved' })
    expect(await catalog.findObject('b', 'moved')).toEqual({ ...object, key: 'moved' })
    expect(await catalog.findObject('b', 'k')).toBeUndefined()
  })

  test('what was moved since it was found is neither moved nor removed', async () => {
    const catalog = await open()
    for (const id of ['b', 'c']) await catalog.insertBucket(bucketOf(id))
    const found = await stored(catalog, 'b', 'k')
    expect(await catalog.moveObject(found, { bucket: 'c', key: 'k' }, 6000)).toEqual({ kind: 'moved' })
    expect(await catalog.moveObject(found, { bucket: 'b', key: 'other' }, 6000)).toEqual({ kind: 'gone' })
    expect(await catalog.removeObjects([found], 6000)).toEqual([])
    expect(await catalog.findObject('c', 'k')).toEqual({ ...found, bucket: 'c' })
  })

  test('a bucket is emptied a batch at a time', async () => {
    const catalog = await open()
    await catalog.insertBucket(bucketOf('b'))
    for (const key of ['a', 'b', 'c']) await stored(catalog, 'b', key)
    expect(await catalog.removeSome('b', 2, 5000)).toBe(2)
    expect(await catalog.removeSome('b', 2, 5000)).toBe(1)
    expect(await catalog.removeSome('b', 2, 5000)).toBe(0)
  })

  test('pages of any size, in any order, add up to what a plain look at all keys gives', async () => {
    const catalog = await open()
    const name = fc.array(fc.constantFrom('a', 'b', '-', '0', 'é', '😀', '\ud7ff', '\ue000'), {
      minLength: 1,
      maxLength: 3,
    })
    const key = fc
      .array(name, { minLength: 1, maxLength: 3 })
      .map((parts) => parts.map((part) => part.join('')).join('/'))
    let round = 0
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(key, { maxLength: 12 }),
        fc.constantFrom('', 'a', 'a/', 'é/', '\ud7ff'),
        fc.boolean(),
        fc.boolean(),
        fc.integer({ min: 1, max: 4 }),
        async (keys, prefix, folders, descending, limit) => {
          round += 1
          const bucket = `b${round}`
          await catalog.insertBucket(bucketOf(bucket))
          const source = await stored(catalog, bucket, '~source')
          for (const key of keys) {
            await catalog.copyObject(
              source.version,
              { ...source, key, version: newSegmentId(), id: key },
              ALL,
            )
          }
          await catalog.removeObjects([source], 0)
          const expected = [
            ...new Set(keys.filter((key) => key.startsWith(prefix)).map((key) => fold(key, prefix, folders))),
          ]
          expected.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
          if (descending) expected.reverse()
          const request = {
            bucket,
            prefix,
            folders,
            sort: 'name',
            descending,
            search: undefined,
            skip: 0,
            limit,
          } as const
          expect(await walk(catalog, request)).toEqual(expected)
          const skipped = await catalog.listObjects({ ...request, after: undefined, skip: 1 })
          expect(skipped.entries.map(nameOf)).toEqual(expected.slice(1, 1 + limit))
        },
      ),
      { numRuns: 60 },
    )
  })
}

async function walk(catalog: Catalog, request: Omit<ListRequest, 'after'>): Promise<string[]> {
  const seen: string[] = []
  for (;;) {
    const last = seen.at(-1)
    const page = await catalog.listObjects({
      ...request,
      after: last === undefined ? undefined : { name: last },
    })
    seen.push(...page.entries.map(nameOf))
    if (!page.more) return seen
  }
}

function nameOf(entry: Awaited<ReturnType<Catalog['listObjects']>>['entries'][number]): string {
  return entry.kind === 'folder' ? entry.name : entry.object.key
}

function fold(key: string, prefix: string, folders: boolean): string {
  const slash = folders ? key.indexOf('/', prefix.length) : -1
  return slash === -1 ? key : key.slice(0, slash + 1)
}
