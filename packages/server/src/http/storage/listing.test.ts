/** Listings: folders, pages, orders, searches. What they cost is tried in catalog/sqlite/listing.test.ts. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { failure, ok, type StorageServer, startStorage } from '../testing/storage.ts'

const KEYS = ['a', 'a-b', 'a/1', 'a/2', 'a/b/1', 'a/b/2', 'a0', 'b/x', 'c', 'é/1', '😀/1', 'ｚ']

let server: StorageServer
const bucket = () => server.admin.from('listed')
beforeAll(async () => {
  server = await startStorage()
  await ok(server.admin.createBucket('listed'))
  for (const key of KEYS) await ok(bucket().upload(key, key))
})
afterAll(() => server.close())

describe('list', () => {
  const names = async (path?: string, options?: Parameters<ReturnType<typeof bucket>['list']>[1]) =>
    (await ok(bucket().list(path, options))).map(({ name, id }) => (id === null ? `${name}/` : name))

  test('list: an array in order of names, folders with an id of null; list-v2 the two apart, with a cursor', async () => {
    expect(await names()).toEqual(['a', 'a-b', 'a/', 'a0', 'b/', 'c', 'é/', 'ｚ', '😀/'])
    expect(await names('a')).toEqual(['1', '2', 'b/'])
    expect(await names('/a/')).toEqual(['1', '2', 'b/'])
    expect(await names('a/b')).toEqual(['1', '2'])
    expect(await names('none')).toEqual([])
  })

  test('is cut to pages, in both directions', async () => {
    const all = await names()
    for (const order of ['asc', 'desc'] as const) {
      const expected = order === 'asc' ? all : all.toReversed()
      for (let offset = 0; offset <= all.length; offset += 2) {
        const page = { limit: 2, offset, sortBy: { column: 'name', order } }
        expect(await names('', page)).toEqual(expected.slice(offset, offset + 2))
      }
    }
  })

  test('is sorted by time, folders first', async () => {
    expect(await names('', { sortBy: { column: 'created_at', order: 'asc' } })).toEqual([
      'a/',
      'b/',
      'é/',
      '😀/',
      'a',
      'a-b',
      'a0',
      'c',
      'ｚ',
    ])
    await ok(bucket().update('a', 'again'))
    expect((await names('', { sortBy: { column: 'updated_at', order: 'desc' } }))[4]).toBe('a')
    expect((await names('', { sortBy: { column: 'created_at', order: 'asc' } }))[4]).toBe('a')
  })

  test('is searched for names that begin so, whatever the case', async () => {
    expect(await names('', { search: 'A' })).toEqual(['a', 'a-b', 'a/', 'a0'])
    expect(await names('', { search: 'b' })).toEqual(['b/'])
    expect(await names('a', { search: '2' })).toEqual(['2'])
  })

  test('object record: what clients read of an object', async () => {
    const [entry] = await ok(bucket().list('a/b', { limit: 1 }))
    expect(entry).toMatchObject({
      name: '1',
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      created_at: expect.any(String),
      updated_at: expect.any(String),
      last_accessed_at: expect.any(String),
      metadata: {
        eTag: expect.stringMatching(/^"/),
        size: 5,
        mimetype: 'text/plain;charset=UTF-8',
        cacheControl: 'max-age=3600',
        lastModified: expect.any(String),
        contentLength: 5,
        httpStatusCode: 200,
      },
    })
  })
})

describe('list-v2', () => {
  test.each([true, false])(
    'with_delimiter %j goes through everything by its cursor, in both directions',
    async (with_delimiter) => {
      for (const column of ['name', 'created_at', 'updated_at'] as const) {
        for (const order of ['asc', 'desc'] as const) {
          for (const prefix of ['', 'a', 'a/']) {
            const options = { with_delimiter, prefix, sortBy: { column, order } }
            const whole = await ok(bucket().listV2(options))
            expect(whole.hasNext).toBe(false)
            const seen: string[] = []
            let cursor: string | undefined
            do {
              const page = await ok(
                bucket().listV2({ ...options, limit: 1, ...(cursor === undefined ? {} : { cursor }) }),
              )
              seen.push(...[...page.folders, ...page.objects].map(({ key = '' }) => key))
              cursor = page.hasNext ? page.nextCursor : undefined
            } while (cursor !== undefined)
            const keys = [...whole.folders, ...whole.objects].map(({ key = '' }) => key)
            expect(seen.toSorted()).toEqual(keys.toSorted())
            const folded = new Set(
              KEYS.filter((key) => key.startsWith(prefix)).map((key) => fold(key, prefix, with_delimiter)),
            )
            expect(seen.toSorted()).toEqual([...folded].toSorted())
          }
        }
      }
    },
  )

  test('names folders and objects by their last part and by their whole key', async () => {
    const { folders, objects } = await ok(bucket().listV2({ prefix: 'a/', with_delimiter: true }))
    expect(folders).toEqual([{ name: 'b', key: 'a/b/' }])
    expect(objects.map(({ name, key }) => [name, key])).toEqual([
      ['1', 'a/1'],
      ['2', 'a/2'],
    ])
  })

  test('refuses a cursor that is none, and gives no more than a page holds, whatever is asked for', async () => {
    const halfTime = Buffer.from('["a",1.5]').toString('base64url')
    for (const cursor of ['x', halfTime])
      expect(await failure(bucket().listV2({ cursor }))).toMatchObject({ status: 400 })
    expect((await ok(bucket().listV2({ limit: 1e9 }))).objects.length).toBe(KEYS.length)
    expect((await ok(bucket().list('', { limit: 1e9 }))).length).toBe(9)
  })
})

function fold(key: string, prefix: string, folders: boolean): string {
  const slash = folders ? key.indexOf('/', prefix.length) : -1
  return slash === -1 ? key : key.slice(0, slash + 1)
}
