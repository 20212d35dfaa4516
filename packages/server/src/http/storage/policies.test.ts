/** Who may do what: rules, functions, and permission that is taken back while bytes arrive. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { PolicyRequest } from '../../access/policies.ts'
import { readConfig } from '../../config.ts'
import { send } from '../testing/client.ts'
import { failure, ok, type StorageServer, startStorage, tokenOf } from '../testing/storage.ts'
import { metadataHeader, patch, TUS } from '../testing/test-server.ts'

const DENIED = {
  status: 400,
  statusCode: '403',
  code: 'AccessDenied',
  message: 'new row violates row-level security policy',
}

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

describe('a function', () => {
  const asked: PolicyRequest[] = []
  let decide: (request: PolicyRequest) => boolean | Promise<boolean> = () => true
  let server: StorageServer
  let token: string
  beforeAll(async () => {
    const policies = (request: PolicyRequest) => {
      asked.push(request)
      return decide(request)
    }
    server = await startStorage({ policies })
    await ok(server.admin.createBucket('b'))
    token = await tokenOf('ada')
  })
  afterAll(() => server.close())

  test('is told who wants to do what with which object', async () => {
    decide = () => true
    asked.length = 0
    await ok(
      server
        .as(token)
        .from('b')
        .upload('k', 'four', { contentType: 'text/css', metadata: { a: 1 } }),
    )
    const expected = {
      action: 'insert',
      role: 'authenticated',
      sub: 'ada',
      bucket: 'b',
      key: 'k',
      size: 4,
      type: 'text/css',
      metadata: { a: 1 },
    }
    expect(asked.at(0)).toEqual(expected)
    // And again before publishing.
    expect(asked.length).toBeGreaterThan(1)
    for (const request of asked) expect(request).toEqual(expected)
  })

  test('that throws decides nothing: the request is to be tried again, and nothing is lost', async () => {
    const url = await create('thrown', 5)
    expect((await patch(url, 0, 'he', as())).status).toBe(204)
    decide = () => {
      throw new Error('the database behind the policy is away')
    }
    const reply = await patch(url, 2, 'llo', as())
    expect([reply.status, reply.headers['retry-after']]).toEqual([503, '1'])
    expect(reply.text).not.toContain('database')
    expect(await failure(server.as(token).from('b').upload('x', 'x'))).toMatchObject({ status: 503 })
    decide = () => true
    expect((await patch(url, 2, 'llo', as())).status).toBe(204)
  })

  test('that gives anything but true says no', async () => {
    decide = () => 'yes' as unknown as boolean
    expect(await failure(server.as(token).from('b').upload('x', 'x'))).toMatchObject(DENIED)
  })

  test('policy revoked mid-upload: the next PATCH is 403, and restored it goes on', async () => {
    decide = () => true
    const url = await create('revoked', 5)
    expect((await patch(url, 0, 'he', as())).status).toBe(204)
    decide = () => false
    const reply = await patch(url, 2, 'l', as())
    expect([reply.status, JSON.parse(reply.text).message]).toEqual([403, DENIED.message])
    decide = () => true
    expect((await patch(url, 2, 'llo', as())).status).toBe(204)
  })

  test('policy revoked during the last request: nothing is published, and the failure is stored', async () => {
    decide = () => true
    const url = await create('late', 5)
    let judged = 0
    decide = () => {
      judged += 1
      return judged === 1
    }
    expect((await patch(url, 0, 'hello', as())).status).toBe(403)
    expect((await patch(url, 5, '', as())).status).toBe(403)
    expect((await send(url, 'HEAD', { ...TUS, ...as() })).status).toBe(410)
    decide = () => true
    expect(await failure(server.as(token).from('b').info('late'))).toMatchObject({ code: 'NoSuchKey' })
  })

  test('an upsert over an object that came meanwhile needs update', async () => {
    decide = ({ action }) => action === 'insert'
    const url = await create('meanwhile', 5, { 'x-upsert': 'true' })
    await ok(server.admin.from('b').upload('meanwhile', 'first'))
    expect((await patch(url, 0, 'hello', as())).status).toBe(403)
    expect(await (await ok(server.admin.from('b').download('meanwhile'))).text()).toBe('first')
  })

  test('partials carry no metadata: they are permitted, and judged when they are joined', async () => {
    decide = () => false
    const parts = await Promise.all([partial('he'), partial('llo')])
    const join = {
      ...TUS,
      ...as(),
      'Upload-Concat': `final;${parts.join(' ')}`,
      'Upload-Metadata': metadataHeader({ bucketName: 'b', objectName: 'joined' }),
    }
    expect((await send(`${server.base}/upload/resumable`, 'POST', join)).status).toBe(403)
    decide = () => true
    expect((await send(`${server.base}/upload/resumable`, 'POST', join)).status).toBe(201)
    expect(await (await ok(server.admin.from('b').download('joined'))).text()).toBe('hello')
  })

  test('an upload whose bucket is deleted meanwhile fails', async () => {
    decide = () => true
    await ok(server.admin.createBucket('going'))
    const url = await create('x', 5, {}, 'going')
    await ok(server.admin.deleteBucket('going'))
    expect((await patch(url, 0, 'hello', as())).status).toBe(403)
    await ok(server.admin.createBucket('going'))
    expect(await ok(server.admin.from('going').list())).toEqual([])
  })

  function as() {
    return { Authorization: `Bearer ${token}` }
  }
  async function create(objectName: string, length: number, headers = {}, bucketName = 'b'): Promise<string> {
    const metadata = metadataHeader({ bucketName, objectName })
    const reply = await send(`${server.base}/upload/resumable`, 'POST', {
      ...TUS,
      ...as(),
      ...headers,
      'Upload-Length': String(length),
      'Upload-Metadata': metadata,
    })
    if (reply.status !== 201) throw new Error(`creation was answered ${reply.status}: ${reply.text}`)
    return new URL(reply.headers.location ?? '', server.url).href
  }
  async function partial(bytes: string): Promise<string> {
    const reply = await send(
      `${server.base}/upload/resumable`,
      'POST',
      {
        ...TUS,
        ...as(),
        'Upload-Concat': 'partial',
        'Upload-Length': String(bytes.length),
        'Content-Type': 'application/offset+octet-stream',
      },
      bytes,
    )
    if (reply.status !== 201) throw new Error(`creation was answered ${reply.status}: ${reply.text}`)
    return reply.headers.location ?? ''
  }
})
