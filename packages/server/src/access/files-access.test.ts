/** Who may do what on `/files/`, over real requests. */
import { SignJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Reply, send } from '../http/testing/client.ts'
import {
  CHUNK,
  createObject,
  createUpload,
  head,
  patch,
  startTestServer,
  type TestServer,
  TUS,
} from '../http/testing/test-server.ts'

const secret = 'a secret of at least 32 bytes, for tests'
const now = Math.floor(Date.now() / 1000)
const HOUR = 3600
let server: TestServer
let unreachable: TestServer

beforeAll(async () => {
  server = await startTestServer({ dev: false, args: ['--jwt-secret', secret] })
  unreachable = await startTestServer({
    dev: false,
    args: ['--jwt-secret', secret, '--jwks-url', 'http://127.0.0.1:1/keys'],
  })
})
afterAll(async () => {
  await server.close()
  await unreachable.close()
})

async function as(
  sub: string,
  claims: Readonly<Record<string, unknown>> = {},
): Promise<{ Authorization: string }> {
  const token = new SignJWT({ role: 'authenticated', sub, ...claims }).setProtectedHeader({ alg: 'HS256' })
  return { Authorization: `Bearer ${await token.sign(Buffer.from(secret))}` }
}
async function withKey(role: 'anon' | 'service_role'): Promise<{ Authorization: string }> {
  return { Authorization: `Bearer ${await server.server.tokens.apiKey(role)}` }
}
const creation = { ...TUS, 'Upload-Length': '5' }
const create = (headers: Readonly<Record<string, string>>): Promise<Reply> =>
  send(`${server.url}/files/`, 'POST', { ...creation, ...headers })

describe('Without a token', () => {
  test('every method is refused 401, with headers that let a page read it', async () => {
    const url = await createUpload(server, 5, await as('alice'))
    const replies = [
      await create({}),
      await head(url),
      await patch(url, 0, 'hello'),
      await send(url, 'DELETE', TUS),
      await send(url, 'GET'),
      await send(url, 'HEAD'),
      await send(`${server.url}/files/${'0'.repeat(32)}`, 'HEAD', TUS),
    ]
    for (const { status, headers } of replies) {
      expect(status).toBe(401)
      expect(headers['www-authenticate']).toBe('Bearer')
      expect(headers['access-control-allow-origin']).toBe('*')
      expect(headers['access-control-expose-headers']).toContain('Upload-Offset')
    }
    expect((await head(url, { ...TUS, ...(await as('alice')) })).headers['upload-offset']).toBe('0')
  })

  test('OPTIONS is answered', async () => {
    expect((await send(`${server.url}/files/`, 'OPTIONS')).status).toBe(204)
  })

  test.each([
    'Bearer',
    'Bearer ',
    'Basic YTpi',
    'Bearer a b',
    'bearer x',
    'Bearer null',
    'Bearer undefined',
    'x'.repeat(8000),
  ])('%.20s counts as none or as a bad one', async (Authorization) => {
    const reply = await create({ Authorization })
    expect(reply.status).toBe(401)
    expect(reply.text).toMatch(/token/)
  })
})

describe('Creation', () => {
  test('is for users and the service key', async () => {
    expect((await create(await as('alice'))).status).toBe(201)
    expect((await create(await withKey('service_role'))).status).toBe(201)
  })

  test('is refused to the anon key with 403', async () => {
    const reply = await create(await withKey('anon'))
    expect(reply.status).toBe(403)
    expect(reply.text).toContain('anon')
    expect(reply.headers['access-control-allow-origin']).toBe('*')
  })

  test('needs a token that has not expired', async () => {
    const reply = await create(await as('alice', { exp: now - 1 }))
    expect(reply.status).toBe(401)
    expect(reply.text).toContain('expired')
  })

  test('takes the word Bearer in any case', async () => {
    const { Authorization } = await as('alice')
    expect((await create({ Authorization: Authorization.replace('Bearer', 'bEARER') })).status).toBe(201)
  })
})

describe('An upload', () => {
  test('answers 404 to other principals, whatever they try, and stays as it is', async () => {
    const alice = await as('alice')
    const url = await createUpload(server, 5, alice)
    for (const other of [await as('bob'), await withKey('anon')]) {
      expect((await head(url, { ...TUS, ...other })).status).toBe(404)
      expect((await patch(url, 0, 'hello', other)).status).toBe(404)
      expect((await send(url, 'DELETE', { ...TUS, ...other })).status).toBe(404)
      expect((await send(url, 'GET', other)).status).toBe(404)
      expect((await send(url, 'HEAD', other)).status).toBe(404)
    }
    expect((await head(url, { ...TUS, ...alice })).headers['upload-offset']).toBe('0')
  })

  test('looks to others exactly as one that never was', async () => {
    const url = await createUpload(server, 5, await as('alice'))
    const bob = await as('bob')
    const shown = ({ status, headers, text }: Reply): unknown => [status, { ...headers, date: '' }, text]
    for (const method of ['HEAD', 'PATCH', 'DELETE', 'GET']) {
      const headers = { ...CHUNK, 'Upload-Offset': '0', ...bob }
      const theirs = await send(url, method, headers)
      const nobodys = await send(`${server.url}/files/${'0'.repeat(32)}`, method, headers)
      expect(shown(theirs)).toEqual(shown(nobodys))
    }
  })

  test('goes on for its owner and for the service key', async () => {
    const alice = await as('alice')
    const url = await createUpload(server, 5, alice)
    expect((await patch(url, 0, 'he', alice)).status).toBe(204)
    const service = await withKey('service_role')
    expect((await head(url, { ...TUS, ...service })).headers['upload-offset']).toBe('2')
    expect((await patch(url, 2, 'llo', service)).status).toBe(204)
  })

  test('is read, once complete, by its owner and the service key only', async () => {
    const alice = await as('alice')
    const url = await createObject(server, 'hello', {}, alice)
    expect((await send(url, 'GET', alice)).text).toBe('hello')
    expect((await send(url, 'GET', await withKey('service_role'))).text).toBe('hello')
    expect((await send(url, 'GET', await as('bob'))).status).toBe(404)
    expect((await send(url, 'GET', await withKey('anon'))).status).toBe(404)
    expect((await send(url, 'GET', await as('alice', { exp: now - 1 }))).status).toBe(401)
  })
})

describe('A token that expired', () => {
  test('less than 24 h ago still looks, so that the client does not throw the upload away', async () => {
    const url = await createUpload(server, 5, await as('alice'))
    const late = await as('alice', { exp: now - 23 * HOUR })
    expect((await head(url, { ...TUS, ...late })).status).toBe(200)
    expect((await patch(url, 0, 'hello', late)).status).toBe(401)
    expect((await send(url, 'DELETE', { ...TUS, ...late })).status).toBe(401)
    expect((await head(url, { ...TUS, ...(await as('bob', { exp: now - HOUR })) })).status).toBe(404)
  })

  test('more than 24 h ago does not look either', async () => {
    const url = await createUpload(server, 5, await as('alice'))
    const late = await as('alice', { exp: now - 25 * HOUR })
    expect((await head(url, { ...TUS, ...late })).status).toBe(401)
  })
})

describe('While the key set is out of reach', () => {
  test('HEAD says 423 and the others 503, so that no client gives its upload up', async () => {
    const header = Buffer.from(JSON.stringify({ alg: 'ES256', kid: 'a' })).toString('base64url')
    const payload = Buffer.from(JSON.stringify({ role: 'authenticated', sub: 'alice' })).toString('base64url')
    const unknown = { Authorization: `Bearer ${header}.${payload}.${'A'.repeat(86)}` }
    const url = `${unreachable.url}/files/${'0'.repeat(32)}`
    const looked = await head(url, { ...TUS, ...unknown })
    expect([looked.status, looked.headers['retry-after']]).toEqual([423, '1'])
    const sent = await patch(url, 0, 'hello', unknown)
    expect([sent.status, sent.headers['retry-after']]).toEqual([503, '1'])
    expect((await send(url, 'GET', unknown)).status).toBe(503)
  })
})
