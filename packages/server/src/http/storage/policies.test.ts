/** Who may do what by rules; functions are tried in policy-function.test.ts. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readConfig } from '../../config.ts'
import { DENIED, failure, ok, type StorageServer, startStorage, tokenOf } from '../testing/storage.ts'

describe('without policies', () => {
  let server: StorageServer
  beforeAll(async () => {
    server = await startStorage()
    await ok(server.admin.createBucket('private'))
    await ok(server.admin.createBucket('public', { public: true }))
    for (const id of ['private', 'public']) await ok(server.admin.from(id).upload('there', 'x'))
  })
  afterAll(() => server.close())

  test.each([
    ['the anon key', async () => server.anon],
    ['a user', () => tokenOf('ada')],
  ])('everything is denied to %s, but reading from public buckets', async (_, token) => {
    const client = server.as(await token())
    for (const id of ['private', 'public', 'no-such-bucket']) {
      const bucket = client.from(id)
      expect(await failure(bucket.upload('x', 'x'))).toMatchObject(DENIED)
      expect(await failure(bucket.upload('there', 'x', { upsert: true }))).toMatchObject(DENIED)
      expect(await failure(bucket.update('there', 'x'))).toMatchObject(DENIED)
      // As the original: no error, and nothing that tells whether there is such a bucket.
      expect(await ok(bucket.list())).toEqual([])
      expect(await ok(bucket.listV2())).toEqual({ hasNext: false, folders: [], objects: [] })
      expect(await failure(bucket.createSignedUploadUrl('x'))).toMatchObject(DENIED)
    }
    const hidden = client.from('private')
    expect(await failure(hidden.download('there'))).toMatchObject({ statusCode: '404' })
    expect(await failure(hidden.info('there'))).toMatchObject({ code: 'NoSuchKey' })
    expect(await failure(hidden.createSignedUrl('there', 60))).toMatchObject({ code: 'NoSuchKey' })
    expect(await failure(hidden.copy('there', 'copy'))).toMatchObject({ code: 'NoSuchKey' })
    expect(await ok(hidden.remove(['there']))).toEqual([])
    expect(await (await ok(client.from('public').download('there'))).text()).toBe('x')
    expect(await failure(client.from('public').move('there', 'moved'))).toMatchObject(DENIED)
  })
})

describe('rules', () => {
  let server: StorageServer
  beforeAll(async () => {
    server = await startStorage({
      policies: [
        {
          action: ['select', 'insert', 'update', 'delete'],
          role: 'authenticated',
          bucket: 'own',
          prefix: '{sub}/',
        },
        { action: 'insert', bucket: ['drop', 'other'] },
        { action: 'select', public: true },
      ],
    })
    for (const id of ['own', 'drop', 'other']) await ok(server.admin.createBucket(id))
    await ok(server.admin.createBucket('shown', { public: true }))
  })
  afterAll(() => server.close())

  test('with {sub} give each user a folder, and nobody another one', async () => {
    const own = server.as(await tokenOf('ada')).from('own')
    await ok(own.upload('ada/a', '1'))
    await ok(own.upload('ada/a', '2', { upsert: true }))
    await ok(own.move('ada/a', 'ada/b'))
    await ok(own.copy('ada/b', 'ada/c'))
    expect((await ok(own.list('ada'))).map(({ name }) => name)).toEqual(['b', 'c'])
    expect(await failure(own.upload('bob/a', '1'))).toMatchObject(DENIED)
    expect(await failure(own.upload('adam', '1'))).toMatchObject(DENIED)
    expect(await failure(own.move('ada/b', 'bob/b'))).toMatchObject(DENIED)
    expect(await failure(own.copy('ada/b', 'bob/b'))).toMatchObject(DENIED)
    expect(await ok(own.list(''))).toEqual([])
    const bob = server.as(await tokenOf('bob')).from('own')
    expect(await failure(bob.download('ada/b'))).toMatchObject({ statusCode: '404' })
    expect(await ok(bob.remove(['ada/b']))).toEqual([])
    // A user whose id has a slash would have the folder of another one.
    expect(
      await failure(
        server
          .as(await tokenOf('ada/x'))
          .from('own')
          .upload('ada/x/y', '1'),
      ),
    ).toMatchObject(DENIED)
    expect(await failure(server.as(server.anon).from('own').upload('anon/a', '1'))).toMatchObject(DENIED)
    expect((await ok(own.remove(['ada/b', 'ada/c']))).length).toBe(2)
  })

  test('of insert alone let nobody overwrite, read or list', async () => {
    const drop = server.as(server.anon).from('drop')
    await ok(drop.upload('x', '1'))
    expect(await failure(drop.upload('x', '2', { upsert: true }))).toMatchObject(DENIED)
    expect(await failure(drop.update('x', '2'))).toMatchObject(DENIED)
    await ok(drop.update('y', 'new'))
    expect(await failure(drop.download('x'))).toMatchObject({ statusCode: '404' })
    expect((await drop.exists('x')).data).toBe(false)
  })

  test('of public buckets hold for those only', async () => {
    for (const id of ['shown', 'other']) await ok(server.admin.from(id).upload('a', 'x'))
    expect((await ok(server.as(server.anon).from('shown').list())).length).toBe(1)
    expect(await ok(server.as(server.anon).from('other').list())).toEqual([])
  })

  test.each([
    ['an unknown action', [{ action: 'write' }]],
    ['no action', [{ bucket: 'x' }]],
    ['a misspelled condition', [{ action: 'select', buckets: 'x' }]],
    ['a role that is none', [{ action: 'select', role: 'admin' }]],
    ['a text', 'all'],
  ])('with %s stop the start', (_, policies) => {
    const read = () => readConfig({ argv: [], env: {}, file: { policies }, warn: () => {} })
    expect(read).toThrow(/policies must be a list of rules or a function/)
  })
})
