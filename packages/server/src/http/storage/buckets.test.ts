/** Buckets, by the vendor's own client. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { failure, ok, type StorageServer, startStorage, tokenOf } from '../testing/storage.ts'

let server: StorageServer

beforeAll(async () => {
  server = await startStorage()
})
afterAll(() => server.close())

describe('a bucket', () => {
  test('is created, found, listed, changed and deleted', async () => {
    const { admin } = server
    expect(await ok(admin.createBucket('photos', { public: true }))).toEqual({ name: 'photos' })
    expect(await ok(admin.getBucket('photos'))).toMatchObject({
      id: 'photos',
      name: 'photos',
      public: true,
      file_size_limit: null,
      allowed_mime_types: null,
    })
    expect((await ok(admin.listBuckets())).map(({ id }) => id)).toContain('photos')
    const changes = { public: false, fileSizeLimit: '50mb', allowedMimeTypes: ['image/*'] }
    expect(await ok(admin.updateBucket('photos', changes))).toEqual({ message: 'Successfully updated' })
    expect(await ok(admin.getBucket('photos'))).toMatchObject({
      public: false,
      file_size_limit: 50_000_000,
      allowed_mime_types: ['image/*'],
    })
    expect(await ok(admin.deleteBucket('photos'))).toEqual({ message: 'Successfully deleted' })
    expect(await failure(admin.getBucket('photos'))).toMatchObject({
      status: 400,
      statusCode: '404',
      code: 'NoSuchBucket',
    })
  })

  test('is private unless it says otherwise', async () => {
    await ok(server.admin.createBucket('plain'))
    expect(await ok(server.admin.getBucket('plain'))).toMatchObject({ public: false })
  })

  test('is not created twice', async () => {
    await ok(server.admin.createBucket('twice'))
    expect(await failure(server.admin.createBucket('twice'))).toMatchObject({
      status: 400,
      statusCode: '409',
      message: 'The resource already exists',
    })
  })

  test.each(['', ' x', 'a/b', '..', 'x'.repeat(101), 'ünï'])('is not named %j', async (name) => {
    expect(await failure(server.admin.createBucket(name))).toMatchObject({ status: 400 })
  })

  test.each([
    ['a size that is none', { public: true, fileSizeLimit: 'huge' }],
    ['a negative size', { public: true, fileSizeLimit: -1 }],
    ['a media type that is none', { public: true, allowedMimeTypes: ['image'] }],
  ])('is not created with %s', async (_, options) => {
    expect(await failure(server.admin.createBucket('wrong', options))).toMatchObject({ status: 400 })
    expect(await failure(server.admin.getBucket('wrong'))).toMatchObject({ code: 'NoSuchBucket' })
  })

  test('that is not empty is not deleted; emptied it is', async () => {
    const { admin } = server
    await ok(admin.createBucket('full'))
    await ok(admin.from('full').upload('a/b.txt', 'text'))
    expect(await failure(admin.deleteBucket('full'))).toMatchObject({ statusCode: '409' })
    expect(await ok(admin.emptyBucket('full'))).toMatchObject({ message: expect.any(String) })
    expect(await ok(admin.from('full').list())).toEqual([])
    await ok(admin.deleteBucket('full'))
  })

  test('of /files/ is always there', async () => {
    expect(await failure(server.admin.deleteBucket('files'))).toMatchObject({ status: 400 })
    expect(await failure(server.admin.createBucket('files'))).toMatchObject({ statusCode: '409' })
  })
})

describe('a list of buckets', () => {
  test('is sorted, searched and cut to pages', async () => {
    const { admin } = server
    for (const id of ['page-c', 'page-a', 'page-b']) await ok(admin.createBucket(id))
    const ids = async (options: Parameters<typeof admin.listBuckets>[0]) =>
      (await ok(admin.listBuckets(options))).map(({ id }) => id)
    expect(await ids({ search: 'PAGE-' })).toEqual(['page-a', 'page-b', 'page-c'])
    expect(await ids({ search: 'page-', sortColumn: 'name', sortOrder: 'desc', limit: 2 })).toEqual([
      'page-c',
      'page-b',
    ])
    expect(await ids({ search: 'page-', offset: 2, limit: 5 })).toEqual(['page-c'])
    expect((await ids({ search: 'page-', sortColumn: 'created_at' })).length).toBe(3)
  })
})

describe('whoever is not the service role', () => {
  test.each([
    ['the anon key', async () => server.anon],
    ['a user', () => tokenOf('ada')],
  ])('makes, changes, empties and deletes no bucket, and learns of none: %s', async (_, token) => {
    await server.admin.createBucket('secret')
    const client = server.as(await token())
    for (const attempt of [
      client.createBucket('mine'),
      client.updateBucket('secret', { public: true }),
      client.emptyBucket('secret'),
      client.deleteBucket('secret'),
    ]) {
      expect(await failure(attempt)).toMatchObject({ status: 400, statusCode: '403' })
    }
    expect(await ok(client.listBuckets())).toEqual([])
    expect(await failure(client.getBucket('secret'))).toEqual(await failure(client.getBucket('no-such')))
  })
})
