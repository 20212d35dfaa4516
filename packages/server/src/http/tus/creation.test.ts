import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Body, type Reply, send } from '../testing/client.ts'
import {
  CHUNK,
  createUpload,
  head,
  offsetOf,
  patch,
  startTestServer,
  type TestServer,
  TUS,
} from '../testing/test-server.ts'

let server: TestServer
beforeAll(async () => {
  server = await startTestServer({ args: ['--max-size', '1mb'] })
})
afterAll(() => server.close())

const create = (headers: Readonly<Record<string, string>>, body?: Body): Promise<Reply> =>
  send(`${server.url}/files/`, 'POST', { ...TUS, ...headers }, body)
const withBytes = { 'Content-Type': CHUNK['Content-Type'] }
const urlOf = ({ headers }: Reply): string => new URL(headers.location ?? '', server.url).href

describe('Creation', () => {
  test('answers 201 with an unguessable Location as an absolute path, Upload-Offset and Upload-Expires', async () => {
    const reply = await create({ 'Upload-Length': '5' })
    expect(reply.status).toBe(201)
    expect(reply.headers.location).toMatch(/^\/files\/[0-9a-f]{44}$/)
    expect(reply.headers['upload-offset']).toBe('0')
    expect(Date.parse(reply.headers['upload-expires']?.toString() ?? '')).toBeGreaterThan(Date.now())
  })

  test('is possible with and without the slash at the end of /files', async () => {
    expect((await send(`${server.url}/files`, 'POST', { ...TUS, 'Upload-Length': '5' })).status).toBe(201)
  })

  test('names the public URL in Location where there is one, whatever Host says', async () => {
    const other = await startTestServer({ args: ['--public-url', 'https://up.example/base/'] })
    const reply = await send(`${other.url}/files/`, 'POST', { ...TUS, 'Upload-Length': '5' })
    expect(reply.headers.location).toMatch(/^https:\/\/up\.example\/base\/files\/[0-9a-f]{44}$/)
    await other.close()
  })

  test.each(['PUT', 'PATCH', 'DELETE', 'PROPFIND'])('is POST only: %s is 405 with Allow', async (method) => {
    const reply = await send(`${server.url}/files/`, method, TUS)
    expect([reply.status, reply.headers.allow]).toEqual([405, 'POST, OPTIONS'])
  })

  test('with a length that cannot fit on the disk is 507', async () => {
    const full = await startTestServer({ args: ['--reserve', '500tb'] })
    const reply = await send(`${full.url}/files/`, 'POST', { ...TUS, 'Upload-Length': '5' })
    expect(reply.status).toBe(507)
    expect(reply.headers['retry-after']).toBe('1')
    await full.close()
  })
})

describe('Upload-Length', () => {
  test.each([
    ['neither length nor deferral', {}],
    ['both', { 'Upload-Length': '5', 'Upload-Defer-Length': '1' }],
    ['a deferral that is not 1', { 'Upload-Defer-Length': '2' }],
    ['a deferral of 0', { 'Upload-Defer-Length': '0' }],
    ...[
      '-1',
      '1e3',
      '0x10',
      '5.0',
      ' ',
      '',
      '+5',
      '٥',
      'five',
      '5 5',
      '99999999999999999999',
      '9007199254740992',
    ].map((length) => [`the length "${length}"`, { 'Upload-Length': length }] as const),
  ] as const)('is one of length and deferral, else 400: %s', async (_, headers) => {
    const latin1 = Object.fromEntries(
      Object.entries(headers).map(([name, value]) => [name, Buffer.from(value).toString('latin1')]),
    )
    const reply = await create(latin1)
    expect(reply.status).toBe(400)
    expect(reply.text).toMatch(/Upload-(Defer-)?Length/)
  })

  test('given twice is 400', async () => {
    const reply = await send(`${server.url}/files/`, 'POST', { ...TUS, 'Upload-Length': ['5', '6'] })
    expect(reply.status).toBe(400)
  })

  test('over the limit is 413 with Tus-Max-Size', async () => {
    for (const length of ['1000001', '9007199254740991']) {
      const reply = await create({ 'Upload-Length': length })
      expect([reply.status, reply.headers['tus-max-size']]).toEqual([413, '1000000'])
    }
    expect((await create({ 'Upload-Length': '1000000' })).status).toBe(201)
  })

  test('never changes once it is set', async () => {
    const url = await createUpload(server, 5)
    expect((await patch(url, 0, 'he', { 'Upload-Length': '6' })).status).toBe(400)
    expect((await head(url)).headers).toMatchObject({ 'upload-length': '5', 'upload-offset': '0' })
    expect((await patch(url, 0, 'he', { 'Upload-Length': '5' })).status).toBe(204)
  })
})

describe('Zero length', () => {
  test('is complete at creation, and the object is there', async () => {
    const reply = await create({ 'Upload-Length': '0' })
    expect(reply.status).toBe(201)
    expect(reply.headers).toMatchObject({ 'upload-offset': '0', 'tus-complete': '1' })
    const object = await send(urlOf(reply), 'GET')
    expect([object.status, object.headers['content-length'], object.text]).toEqual([200, '0', ''])
    expect(object.headers.etag).toBe(reply.headers.etag)
    expect((await head(urlOf(reply))).headers).toMatchObject({ 'upload-offset': '0', 'upload-length': '0' })
  })

  test('takes an empty chunked body, and none that declares bytes', async () => {
    expect((await create({ ...withBytes, 'Upload-Length': '0' }, [])).status).toBe(201)
    expect((await create({ ...withBytes, 'Upload-Length': '0' }, 'x')).status).toBe(413)
  })
})

describe('Creation with bytes', () => {
  test('takes the first of them', async () => {
    const reply = await create({ ...withBytes, 'Upload-Length': '10' }, 'hello')
    expect([reply.status, reply.headers['upload-offset']]).toEqual([201, '5'])
    expect(reply.headers['upload-expires']).toBeDefined()
    expect(await offsetOf(urlOf(reply))).toBe(5)
  })

  test.each([
    ['declared', 'hello'],
    ['chunked', ['hel', 'lo']],
  ] as const)('takes all of them, %s', async (_, body) => {
    const reply = await create({ ...withBytes, 'Upload-Length': '5' }, body)
    expect(reply.status).toBe(201)
    expect(reply.headers).toMatchObject({ 'upload-offset': '5', 'tus-complete': '1' })
    expect((await send(urlOf(reply), 'GET')).text).toBe('hello')
  })

  test('and a deferred length goes on later', async () => {
    const reply = await create({ ...withBytes, 'Upload-Defer-Length': '1' }, 'hello')
    expect(reply.headers['upload-offset']).toBe('5')
    expect((await patch(urlOf(reply), 5, '', { 'Upload-Length': '5' })).headers['tus-complete']).toBe('1')
  })

  test('of another content type is 415, and nothing is created', async () => {
    for (const type of ['text/plain', 'application/offset+octet-stream; a=b', '']) {
      const reply = await create({ 'Content-Type': type, 'Upload-Length': '5' }, 'hello')
      expect(reply.status).toBe(415)
      expect(reply.headers.location).toBeUndefined()
    }
  })

  test.each([
    ['declared', 'hello!'],
    ['chunked', ['hel', 'lo!']],
  ] as const)('past the end, %s, is 413, and no Location is left', async (_, body) => {
    const reply = await create({ ...withBytes, 'Upload-Length': '5' }, body)
    expect(reply.status).toBe(413)
    expect(reply.headers.location).toBeUndefined()
  })

  test('over the limit with a deferred length is 413', async () => {
    const big = 'x'.repeat(1_000_001)
    expect((await create({ ...withBytes, 'Upload-Defer-Length': '1' }, big)).status).toBe(413)
    expect((await create({ ...withBytes, 'Upload-Defer-Length': '1' }, [big])).status).toBe(413)
  })
})

describe('A deferred length', () => {
  test('is shown by HEAD until it is told, and then never changes', async () => {
    const url = await createUpload(server, undefined)
    expect((await head(url)).headers['upload-defer-length']).toBe('1')
    expect((await head(url)).headers['upload-length']).toBeUndefined()
    expect((await patch(url, 0, 'hello')).status).toBe(204)
    expect((await patch(url, 5, ' you', { 'Upload-Length': '20' })).status).toBe(204)
    expect((await head(url)).headers).toMatchObject({ 'upload-length': '20', 'upload-offset': '9' })
    expect((await head(url)).headers['upload-defer-length']).toBeUndefined()
    expect((await patch(url, 9, 'x', { 'Upload-Length': '21' })).status).toBe(400)
    expect((await head(url)).headers).toMatchObject({ 'upload-length': '20', 'upload-offset': '9' })
  })

  test('below what is there is 400, over the limit 413', async () => {
    const url = await createUpload(server, undefined)
    await patch(url, 0, 'hello')
    expect((await patch(url, 5, '', { 'Upload-Length': '4' })).status).toBe(400)
    const past = await patch(url, 5, 'x', { 'Upload-Length': '5' })
    expect([past.status, past.headers['tus-max-size']]).toEqual([413, undefined])
    expect(past.text).toContain('past the end')
    expect((await patch(url, 5, '', { 'Upload-Length': '1000001' })).status).toBe(413)
    expect((await head(url)).headers).toMatchObject({ 'upload-defer-length': '1', 'upload-offset': '5' })
  })

  test('does not lift the limit', async () => {
    const url = await createUpload(server, undefined)
    expect((await patch(url, 0, 'x'.repeat(1_000_001))).status).toBe(413)
    const chunked = await send(url, 'PATCH', { ...CHUNK, 'Upload-Offset': '0' }, ['x'.repeat(1_000_001)])
    expect(chunked.status).toBe(413)
    expect(await offsetOf(url)).toBe(0)
  })
})

describe('an upload of no bytes', () => {
  test('takes no body, not even one that does not tell its length', async () => {
    const headers = { ...CHUNK, 'Upload-Length': '0' }
    expect((await send(`${server.url}/files/`, 'POST', headers, ['x'])).status).toBe(413)
    expect((await send(`${server.url}/files/`, 'POST', headers, 'x')).status).toBe(413)
  })
})
