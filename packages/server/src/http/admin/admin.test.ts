import { createHash } from 'node:crypto'
import { Validator } from '@seriousme/openapi-schema-validator'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { until } from '../../../test/until.ts'
import { StoreError } from '../../blobs/blob-store.ts'
import { MemoryStore } from '../../blobs/memory/memory-store.ts'
import { type Reply, send } from '../testing/client.ts'
import {
  CHUNK,
  createObject,
  createUpload,
  startTestServer,
  type TestServer,
  TUS,
} from '../testing/test-server.ts'

let server: TestServer
let service: Readonly<Record<string, string>>

beforeAll(async () => {
  server = await startTestServer()
  service = { Authorization: `Bearer ${await server.server.tokens.apiKey('service_role')}` }
})
afterAll(() => server.close())

const ask = (path: string, method = 'GET'): Promise<Reply> =>
  send(`${server.url}/admin${path}`, method, service)
const json = async (reply: Promise<Reply>) => JSON.parse((await reply).text)
const idOf = (url: string): string => url.slice(url.lastIndexOf('/') + 1)

describe.each([
  ['GET', '/uploads'],
  ['DELETE', `/uploads/${'0'.repeat(32)}`],
  ['GET', '/info'],
  ['GET', '/health'],
  ['GET', '/history'],
  ['GET', '/openapi.json'],
  ['GET', '/objects'],
  ['DELETE', `/objects/${'0'.repeat(32)}`],
])('%s /admin%s', (method, path) => {
  test('is for the service key only, and for no page of another origin', async () => {
    const anon = await server.server.tokens.apiKey('anon')
    const as = async (headers: Record<string, string>) => send(`${server.url}/admin${path}`, method, headers)
    expect((await as({})).status).toBe(401)
    expect((await as({ Authorization: 'Bearer nonsense' })).status).toBe(401)
    expect((await as({ Authorization: `Bearer ${anon}` })).status).toBe(403)
    const allowed = await as({ ...service, Origin: server.url })
    expect([401, 403]).not.toContain(allowed.status)
    expect(allowed.headers['access-control-allow-origin']).toBeUndefined()
    expect(allowed.headers['cache-control']).toBe('no-store')
  })
})

test('uploads under way are shown with who, what and how far, and are left alone by it', async () => {
  const url = await createUpload(server, 10, { 'Upload-Metadata': `filename ${btoa('a.txt')}` })
  await send(url, 'PATCH', { ...CHUNK, 'Upload-Offset': '0' }, 'four')
  const { uploads, next } = await json(ask('/uploads'))
  expect(next).toBeNull()
  expect(uploads).toEqual([
    {
      id: idOf(url),
      state: 'open',
      face: 'files',
      bucket: 'files',
      key: idOf(url),
      name: 'a.txt',
      type: expect.any(String),
      size: 10,
      offset: 4,
      rate: null,
      owner: { role: 'anon' },
      createdAt: expect.stringMatching(/Z$/),
      expiresAt: expect.stringMatching(/Z$/),
    },
  ])
  await send(url, 'PATCH', { ...CHUNK, 'Upload-Offset': '4' }, 'and six')
  await send(url, 'PATCH', { ...CHUNK, 'Upload-Offset': '4' }, 'andsix')
  await until('it is an object', async () => (await json(ask('/uploads'))).uploads.length === 0)
})

test('pages of uploads join without a gap', async () => {
  const urls = []
  for (let i = 0; i < 5; i += 1) urls.push(await createUpload(server, 3))
  const seen: string[] = []
  for (let after = ''; ; ) {
    const page = await json(ask(`/uploads?limit=2${after}`))
    seen.push(...page.uploads.map(({ id }: { id: string }) => id))
    if (page.next === null) break
    after = `&after=${page.next}`
  }
  expect(seen.toSorted()).toEqual(urls.map(idOf).toSorted())
  for (const url of urls) await send(url, 'DELETE', TUS)
})

test('an upload is ended: its client finds it gone, and so does who ends it twice', async () => {
  const url = await createUpload(server, 10)
  expect(await json(ask(`/uploads/${idOf(url)}`, 'DELETE'))).toEqual({ ended: idOf(url) })
  expect((await send(url, 'HEAD', TUS)).status).toBeGreaterThanOrEqual(404)
  expect((await ask(`/uploads/${idOf(url)}`, 'DELETE')).status).toBe(404)
  expect((await json(ask('/uploads'))).uploads).toEqual([])
})

test('what has become an object is not ended', async () => {
  const url = await createUpload(server, 3)
  await send(url, 'PATCH', { ...CHUNK, 'Upload-Offset': '0' }, 'abc')
  const refused = await ask(`/uploads/${idOf(url)}`, 'DELETE')
  expect([refused.status, JSON.parse(refused.text).error]).toEqual([409, expect.stringContaining('complete')])
})

test.each([
  ['GET', '/uploads?limit=0'],
  ['GET', '/uploads?limit=501'],
  ['GET', '/uploads?after=1'],
  ['GET', '/uploads?before=1'],
  ['DELETE', '/uploads/1'],
  ['GET', '/objects?limit=0'],
  ['GET', '/objects?skip=-1'],
  ['DELETE', '/objects/photos'],
  ['DELETE', `/uploads/${'A'.repeat(32)}`],
])('%s /admin%s is a 400 that says what is wrong', async (method, path) => {
  const reply = await ask(path, method)
  expect(reply.status).toBe(400)
  expect(JSON.parse(reply.text).error).toMatch(/limit|after|before|id|skip|key/)
})

test('objects of the plain endpoint are listed by their names, the newest first, and removed', async () => {
  await Promise.all(
    (await json(ask('/objects'))).objects.map(({ key }: { key: string }) => ask(`/objects/${key}`, 'DELETE')),
  )
  const first = await createObject(server, 'one', { filename: 'one.txt' })
  const second = await createObject(server, 'three', { filename: 'two.txt' })
  await until('digests are known', async () =>
    (await json(ask('/objects'))).objects.every(({ sha256 }: { sha256: unknown }) => sha256 !== null),
  )
  const page = await json(ask('/objects?limit=1'))
  expect(page).toMatchObject({ more: true, objects: [{ key: idOf(second), name: 'two.txt', size: 5 }] })
  const rest = await json(ask('/objects?skip=1'))
  expect(rest).toMatchObject({ more: false, objects: [{ key: idOf(first), name: 'one.txt' }] })
  expect(rest.objects[0].sha256).toBe(createHash('sha256').update('one').digest('hex'))
  expect(await json(ask(`/objects/${idOf(first)}`, 'DELETE'))).toEqual({ removed: idOf(first) })
  expect((await ask(`/objects/${idOf(first)}`, 'DELETE')).status).toBe(404)
  expect((await send(first, 'GET')).status).toBe(404)
})

test('health tells of each part by itself, and what is wrong with it', async () => {
  const answer = await json(ask('/health'))
  expect(answer).toEqual({
    catalog: { state: 'ok', milliseconds: expect.any(Number) },
    blobs: { state: 'ok', milliseconds: expect.any(Number), freeBytes: expect.any(Number) },
  })
  const blobs = new MemoryStore()
  const other = await startTestServer({ parts: { blobs } })
  blobs.freeBytes = () => Promise.reject(new StoreError('unavailable', 'the disk is gone'))
  const key = { Authorization: `Bearer ${await other.server.tokens.apiKey('service_role')}` }
  const broken = JSON.parse((await send(`${other.url}/admin/health`, 'GET', key)).text)
  expect(broken.catalog.state).toBe('ok')
  expect(broken.blobs).toMatchObject({ state: 'failed', problem: 'the disk is gone', freeBytes: null })
  await other.close()
})

test('the page is told where the storage face is', async () => {
  expect(await json(ask('/info'))).toEqual({ storagePrefix: '/storage/v1' })
})

test('the last hour begins empty', async () => {
  const { everySeconds, samples } = await json(ask('/history'))
  expect(everySeconds).toBeGreaterThan(0)
  expect(Array.isArray(samples)).toBe(true)
})

test('the OpenAPI document is valid and names every route', async () => {
  const document = await json(ask('/openapi.json'))
  expect(await new Validator().validate(document)).toEqual({ valid: true })
  expect(Object.keys(document.paths).toSorted()).toEqual([
    '/events/dead',
    '/events/dead/replay',
    '/events/dead/{id}/replay',
    '/events/pending',
    '/events/stream',
    '/health',
    '/history',
    '/info',
    '/objects',
    '/objects/{key}',
    '/uploads',
    '/uploads/{id}',
  ])
})
