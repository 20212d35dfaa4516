/** Pages of other origins may use the upload face: on success and on every error alike. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Reply, send } from './testing/client.ts'
import {
  CHUNK,
  createObject,
  createUpload,
  head,
  patch,
  startTestServer,
  type TestServer,
  TUS,
} from './testing/test-server.ts'

const EXPOSED = [
  'Location',
  'Upload-Offset',
  'Upload-Length',
  'Upload-Expires',
  'Upload-Metadata',
  'Upload-Defer-Length',
  'Upload-Concat',
  'Upload-Complete',
  'Upload-Limit',
  'Tus-Resumable',
  'Tus-Version',
  'Tus-Extension',
  'Tus-Max-Size',
  'Tus-Checksum-Algorithm',
  'Tus-Complete',
  'ETag',
  'Repr-Digest',
  'Accept-Ranges',
  'Content-Range',
  'Content-Disposition',
  'Allow',
  'Retry-After',
  'Pawl-Object-Id',
  'Pawl-Object-Version',
]
let server: TestServer
let guarded: TestServer
const secret = 'a secret of at least 32 bytes, for tests'

beforeAll(async () => {
  server = await startTestServer({ args: ['--max-size', '1mb', '--upload-ttl', '1s'] })
  guarded = await startTestServer({
    dev: false,
    args: ['--jwt-secret', secret, '--cors-origins', 'https://a.example,https://b.example:8443'],
  })
})
afterAll(async () => {
  await server.close()
  await guarded.close()
})
const from = { Origin: 'http://localhost:5173' }

function expectReadable({ headers }: Reply): void {
  expect(headers['access-control-allow-origin']).toBe('*')
  expect(headers['access-control-allow-credentials']).toBeUndefined()
  expect(headers['access-control-expose-headers']?.split(', ')).toEqual(EXPOSED)
}

describe('CORS headers', () => {
  test('are on every success', async () => {
    const url = await createUpload(server, 5)
    const object = await createObject(server, 'x')
    for (const reply of [
      await send(`${server.url}/files/`, 'POST', { ...TUS, ...from, 'Upload-Length': '5' }),
      await head(url, { ...TUS, ...from }),
      await patch(url, 0, 'he', from),
      await send(url, 'DELETE', { ...TUS, ...from }),
      await send(`${server.url}/files/`, 'OPTIONS', from),
      await send(object, 'GET', from),
      await send(object, 'GET', { ...from, Range: 'bytes=0-0' }),
      await send(object, 'HEAD', from),
    ]) {
      expect(reply.status).toBeLessThan(300)
      expectReadable(reply)
    }
  })

  test('are on every error', async () => {
    const url = await createUpload(server, 5)
    const object = await createObject(server, 'x')
    const replies = {
      400: await send(`${server.url}/files/`, 'POST', { ...TUS, ...from }),
      403: await send(object, 'DELETE', { ...TUS, ...from }),
      404: await head(`${server.url}/files/x`, { ...TUS, ...from }),
      405: await send(url, 'PUT', { ...TUS, ...from }),
      409: await patch(url, 3, 'x', from),
      412: await send(url, 'PATCH', { ...from, 'Upload-Offset': '0' }),
      413: await send(`${server.url}/files/`, 'POST', { ...TUS, ...from, 'Upload-Length': '1000001' }),
      415: await send(url, 'PATCH', { ...TUS, ...from, 'Upload-Offset': '0' }, 'x'),
      416: await send(object, 'GET', { ...from, Range: 'bytes=5-' }),
      417: await send(url, 'PATCH', { ...CHUNK, ...from, Expect: 'tea' }, 'x'),
      431: await send(url, 'HEAD', { ...TUS, ...from, X: 'x'.repeat(300_000) }),
      460: await patch(url, 0, 'x', {
        ...from,
        'Upload-Checksum': `sha1 ${Buffer.alloc(20).toString('base64')}`,
      }),
    }
    for (const [status, reply] of Object.entries(replies)) {
      expect(reply.status).toBe(Number(status))
      expectReadable(reply)
    }
  })

  test('are on 410', async () => {
    const url = await createUpload(server, 5)
    await new Promise((resolve) => setTimeout(resolve, 1200))
    const reply = await head(url, { ...TUS, ...from })
    expect(reply.status).toBe(410)
    expectReadable(reply)
  })

  test('are not on other routes', async () => {
    for (const path of ['/', '/health', '/nothing', '/admin']) {
      const { headers } = await send(server.url + path, 'GET', from)
      expect(headers['access-control-allow-origin']).toBeUndefined()
    }
  })
})

describe('A preflight', () => {
  const ask = (headers: Readonly<Record<string, string>>, url = server.url): Promise<Reply> =>
    send(`${url}/files/`, 'OPTIONS', { ...from, 'Access-Control-Request-Method': 'PATCH', ...headers })

  test('is 204 without a token, names the methods, gives the requested headers back and lasts two hours', async () => {
    const requested = 'authorization, content-type, tus-resumable, upload-offset, x-anything'
    const { status, headers } = await ask({ 'Access-Control-Request-Headers': requested })
    expect(status).toBe(204)
    expect(headers['access-control-allow-headers']).toBe(requested)
    expect(headers['access-control-max-age']).toBe('7200')
    const methods = headers['access-control-allow-methods']?.split(', ')
    expect(methods).toEqual(expect.arrayContaining(['GET', 'HEAD', 'POST', 'PATCH', 'DELETE', 'OPTIONS']))
  })

  test.each(['a\u00e9', 'x(y)', 'a:b', 'a;b', '"x"', 'x'.repeat(5000)])(
    'does not give back what cannot be header names: %.20s',
    async (requested) => {
      const { status, headers } = await ask({ 'Access-Control-Request-Headers': requested })
      expect([status, headers['access-control-allow-headers']]).toEqual([204, undefined])
    },
  )
})

describe('A list of origins', () => {
  const create = (headers: Readonly<Record<string, string>>): Promise<Reply> =>
    send(`${guarded.url}/files/`, 'POST', { ...TUS, 'Upload-Length': '5', ...headers })

  test.each(['https://a.example', 'https://b.example:8443'])('lets %s in, on errors too', async (origin) => {
    const { status, headers } = await create({ Origin: origin })
    expect(status).toBe(401)
    expect(headers).toMatchObject({ 'access-control-allow-origin': origin, vary: 'Origin' })
    expect(headers['access-control-expose-headers']?.split(', ')).toEqual(EXPOSED)
  })

  test.each([
    'https://evil.example',
    'https://a.example.evil.example',
    'http://a.example',
    'https://a.example:443',
    'https://b.example',
    'null',
    '*',
    'https://a.example, https://evil.example',
  ])('says nothing to %s', async (origin) => {
    const { headers } = await create({ Origin: origin })
    expect(headers['access-control-allow-origin']).toBeUndefined()
    expect(headers['access-control-expose-headers']).toBeUndefined()
    expect(headers.vary).toBe('Origin')
  })

  test('says nothing on what could not be parsed, since nobody knows who asks', async () => {
    const { status, headers } = await create({ X: 'x'.repeat(300_000), Origin: 'https://a.example' })
    expect([status, headers['access-control-allow-origin']]).toEqual([431, undefined])
  })
})
