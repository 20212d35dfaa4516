/** Policies as a function, and permission that is taken back while bytes arrive. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { PolicyRequest } from '../../access/policies.ts'
import { send } from '../testing/client.ts'
import { DENIED, failure, ok, type StorageServer, startStorage, tokenOf } from '../testing/storage.ts'
import { metadataHeader, patch, TUS } from '../testing/test-server.ts'

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
