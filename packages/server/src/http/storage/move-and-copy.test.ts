/** Objects that get another name, and others of the same bytes. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { send } from '../testing/client.ts'
import { failure, ok, type StorageServer, startStorage } from '../testing/storage.ts'

let server: StorageServer
const bucket = () => server.admin.from('private')
const text = async (path: string, from = bucket()): Promise<string> => (await ok(from.download(path))).text()

beforeAll(async () => {
  server = await startStorage({ args: ['--max-size', '5mb'] })
  await ok(server.admin.createBucket('private'))
  await ok(server.admin.createBucket('public', { public: true }))
  await ok(
    server.admin.createBucket('small', {
      public: false,
      fileSizeLimit: 10,
      allowedMimeTypes: ['image/*', 'text/plain'],
    }),
  )
})
afterAll(() => server.close())

describe('move and copy', () => {
  test('a moved object has its id and its bytes under another name, also in another bucket', async () => {
    const { id } = await ok(bucket().upload('moving', 'm', { metadata: { a: 1 } }))
    expect(await ok(bucket().move('moving', 'moved'))).toMatchObject({ message: 'Successfully moved' })
    expect(await ok(bucket().info('moved'))).toMatchObject({ id, metadata: { a: 1 } })
    await ok(bucket().move('moved', 'moved', { destinationBucket: 'public' }))
    expect(await failure(bucket().info('moved'))).toMatchObject({ code: 'NoSuchKey' })
    expect(await text('moved', server.admin.from('public'))).toBe('m')
  })

  test('a copy stays when its source goes', async () => {
    await ok(bucket().upload('source', 'copied', { contentType: 'text/css', metadata: { a: 1 } }))
    expect(await ok(bucket().copy('source', 'copy'))).toEqual({ path: 'private/copy' })
    await ok(bucket().remove(['source']))
    expect(await text('copy')).toBe('copied')
    expect(await ok(bucket().info('copy'))).toMatchObject({ contentType: 'text/css', metadata: { a: 1 } })
    await ok(
      bucket().copy('copy', 'plain', {
        copyMetadata: false,
        metadata: { cacheControl: '5', mimetype: 'text/html' },
      }),
    )
    expect(await ok(bucket().info('plain'))).toMatchObject({
      contentType: 'text/html',
      cacheControl: 'max-age=5',
      metadata: {},
    })
  })

  test('do not overwrite, and need a source and a bucket', async () => {
    await ok(bucket().upload('a1', '1'))
    await ok(bucket().upload('a2', '2'))
    expect(await failure(bucket().move('a1', 'a2'))).toMatchObject({ code: 'KeyAlreadyExists' })
    expect(await failure(bucket().copy('a1', 'a2'))).toMatchObject({ code: 'KeyAlreadyExists' })
    expect(await failure(bucket().copy('none', 'a3'))).toMatchObject({ code: 'NoSuchKey' })
    expect(await failure(bucket().move('a1', 'a3', { destinationBucket: 'none' }))).toMatchObject({
      code: 'NoSuchBucket',
    })
    const body = JSON.stringify({ bucketId: 'private', sourceKey: 'a1', destinationKey: 'a2' })
    const reply = await send(
      `${server.base}/object/copy`,
      'POST',
      { ...key(), 'x-upsert': 'true', 'Content-Type': 'application/json' },
      body,
    )
    expect(JSON.parse(reply.text)).toMatchObject({ Key: 'private/a2', metadata: { size: 1 } })
    expect(await text('a2')).toBe('1')
  })

  test('obey the rules of the bucket they go to', async () => {
    await ok(bucket().upload('long', 'longer than ten bytes'))
    expect(await failure(bucket().copy('long', 'x', { destinationBucket: 'small' }))).toMatchObject({
      code: 'EntityTooLarge',
    })
    expect(await failure(bucket().move('long', 'x', { destinationBucket: 'small' }))).toMatchObject({
      code: 'EntityTooLarge',
    })
  })

  test('a rule that came later is no reason to refuse another name in the same bucket', async () => {
    const { admin } = server
    await ok(admin.createBucket('ruled'))
    await ok(admin.from('ruled').upload('long', 'longer than ten bytes'))
    await ok(admin.updateBucket('ruled', { public: false, fileSizeLimit: 10 }))
    await ok(admin.from('ruled').move('long', 'renamed'))
    expect(await failure(admin.from('ruled').copy('renamed', 'again'))).toMatchObject({
      code: 'EntityTooLarge',
    })
  })

  test('a cache control that can be no header is none', async () => {
    await ok(bucket().upload('cached', 'x'))
    for (const [given, kept] of [
      ['private, max-age=5', 'private, max-age=5'],
      ['a=\r\nSet-Cookie: b', 'no-cache'],
    ] as const) {
      const to = `cached-${kept.length}`
      await ok(bucket().copy('cached', to, { copyMetadata: false, metadata: { cacheControl: given } }))
      const reply = await send(`${server.base}/object/private/${to}`, 'GET', key())
      expect([reply.status, reply.headers['cache-control']]).toEqual([200, kept])
    }
  })
})

function key() {
  return { Authorization: `Bearer ${server.service}` }
}
