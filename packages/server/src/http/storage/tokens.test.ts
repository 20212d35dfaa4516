/** Tokens at this face, over HTTP, with a key set that a real server on loopback gives out. */
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import {
  type CryptoKey,
  exportJWK,
  generateKeyPair,
  type JWK,
  type JWTPayload,
  SignJWT,
  UnsecuredJWT,
} from 'jose'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { type Reply, send } from '../testing/client.ts'
import { ok, SECRET, type StorageServer, startStorage } from '../testing/storage.ts'
import { bearer, createAt, expectProblem } from '../testing/storage-tus.ts'
import { patch, TUS } from '../testing/test-server.ts'

const ISSUER = 'https://id.example'
const seconds = () => Math.floor(Date.now() / 1000)
const right = () => ({
  role: 'authenticated',
  sub: 'ada',
  iss: ISSUER,
  aud: 'pawl',
  nbf: seconds() - 60,
  exp: seconds() + 3600,
})

let host: Server
let published: JWK[] = []
let asked = 0
const keys = new Map<string, CryptoKey>()
let server: StorageServer

beforeAll(async () => {
  for (const [kid, alg] of [
    ['rsa', 'RS256'],
    ['ec', 'ES256'],
    ['ed', 'EdDSA'],
  ] as const) {
    published.push(await newKey(kid, alg))
  }
  host = createServer((_req, res) => {
    asked += 1
    res.setHeader('Content-Type', 'application/json').end(JSON.stringify({ keys: published }))
  }).listen(0, '127.0.0.1')
  await once(host, 'listening')
  const jwks = `http://127.0.0.1:${(host.address() as AddressInfo).port}/jwks`
  server = await startStorage({
    args: ['--jwks-url', jwks, '--jwt-issuer', ISSUER, '--jwt-audience', 'pawl'],
    policies: [{ action: ['select', 'insert'], role: 'authenticated', bucket: 'open', prefix: '{sub}/' }],
  })
  await ok(server.admin.createBucket('open'))
})
afterAll(async () => {
  await server?.close()
  host?.closeAllConnections()
  host?.close()
})

let count = 0
/** On every kind of route: a whole object, a resumable upload, JSON, a download. */
async function answersTo(token: string): Promise<Reply[]> {
  count += 1
  const key = `ada/${count}`
  const object = `${server.base}/object/open/${key}`
  return [
    await send(object, 'POST', bearer(token), 'x'),
    await createAt(server, { key: `${key}-tus`, length: 5, token }),
    await send(`${server.base}/object/info/open/${key}`, 'GET', bearer(token)),
    await send(object, 'GET', bearer(token)),
  ]
}

async function expectTaken(token: string): Promise<void> {
  expect((await answersTo(token)).map(({ status }) => status)).toEqual([200, 201, 200, 200])
}

async function expectRefused(token: string): Promise<void> {
  for (const reply of await answersTo(token)) {
    expect(expectProblem(reply, 400)).toMatchObject({
      statusCode: '403',
      error: 'Unauthorized',
      code: 'InvalidJWT',
    })
    expect(reply.text).not.toMatch(/127\.0\.0\.1|node_modules|\.ts/)
  }
}

test.each([
  ['RS256', 'rsa'],
  ['ES256', 'ec'],
  ['EdDSA', 'ed'],
])('a token signed with a key of the set is taken: %s', async (alg, kid) => {
  await expectTaken(await signed(right(), alg, kid))
})

test('a token of the own secret is taken beside them', async () => {
  await expectTaken(await own(right()))
})

describe('refused everywhere, in the shape that clients know, is', () => {
  const stranger = generateKeyPair('ES256')
  const withHeader = (header: object, claims: object): string =>
    `${[header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')}.`
  test.each<[string, () => string | Promise<string>]>([
    ['alg none', () => new UnsecuredJWT(right()).encode()],
    [
      'alg nOnE with a signature of nothing',
      () => withHeader({ alg: 'nOnE' }, { ...right(), role: 'service_role' }),
    ],
    ['HS512 with the right secret', () => own(right(), 'HS512')],
    ['HS256 with the public key as its secret', () => own(right(), 'HS256', JSON.stringify(published[0]))],
    ['a key that names another kind', () => signed(right(), 'ES256', 'ec', 'rsa')],
    ['an unknown key', () => signed(right(), 'ES256', 'ec', 'nobody')],
    [
      "a stranger's key under a known name",
      async () =>
        new SignJWT(right())
          .setProtectedHeader({ alg: 'ES256', kid: 'ec' })
          .sign((await stranger).privateKey),
    ],
    ['the wrong issuer', () => signed({ ...right(), iss: 'https://evil.example' })],
    ['no issuer', () => signed({ ...right(), iss: undefined })],
    ['the wrong audience', () => signed({ ...right(), aud: ['other'] })],
    ['no audience', () => signed({ ...right(), aud: undefined })],
    ['not yet valid', () => signed({ ...right(), nbf: seconds() + 600 })],
    ['expired', () => signed({ ...right(), exp: seconds() - 1 })],
    ['no role', () => signed({ ...right(), role: undefined })],
    ['a role that is none', () => signed({ ...right(), role: 'postgres' })],
    ['no user', () => signed({ ...right(), sub: undefined })],
  ])('%s', async (_, token) => {
    await expectRefused(await token())
  })
})

test('a rotation: a new key is found, and one that is gone is not taken any more', async () => {
  const fresh = await newKey('ec-2', 'ES256')
  const before = await signed(right(), 'ES256', 'ec')
  await expectTaken(before)
  published = [...published.filter(({ kid }) => kid !== 'ec'), fresh]
  // The set is not asked for at each request; who sends unknown keys cannot make it so.
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 60_000 })
  try {
    await expectTaken(await signed(right(), 'ES256', 'ec-2'))
    await expectRefused(await signed(right(), 'ES256', 'ec'))
    const then = asked
    for (let i = 0; i < 5; i += 1) await expectRefused(await signed(right(), 'ES256', 'ec-2', `guess-${i}`))
    expect(asked).toBe(then)
  } finally {
    vi.useRealTimers()
  }
})

test('while the key set is out of reach an upload is told to wait, and nothing of it is lost', async () => {
  const token = await signed(right(), 'RS256', 'rsa')
  const made = await createAt(server, { key: 'ada/wait', length: 5, token })
  const url = new URL(made.headers.location ?? '', server.url).href
  expect((await patch(url, 0, 'he', bearer(token))).status).toBe(204)
  const port = (host.address() as AddressInfo).port
  host.closeAllConnections()
  await new Promise((resolve) => host.close(resolve))
  // What is known of the set is used for ten minutes.
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 30 * 60_000 })
  try {
    expect((await patch(url, 2, 'llo', bearer(token))).status).toBe(503)
    expect((await send(url, 'HEAD', { ...TUS, ...bearer(token) })).status).toBe(423)
    expect((await send(`${server.base}/object/open/ada/wait`, 'GET', bearer(token))).status).toBe(503)
    host.listen(port, '127.0.0.1')
    await once(host, 'listening')
    expect((await patch(url, 2, 'llo', bearer(token))).status).toBe(204)
  } finally {
    vi.useRealTimers()
  }
})

async function newKey(kid: string, alg: string): Promise<JWK> {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true })
  keys.set(kid, privateKey)
  return { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' }
}

async function signed(claims: object, alg = 'EdDSA', key = 'ed', kid = key): Promise<string> {
  const privateKey = keys.get(key)
  if (privateKey === undefined) throw new Error(`there is no key ${key}`)
  return new SignJWT(claims as JWTPayload).setProtectedHeader({ alg, kid }).sign(privateKey)
}

function own(claims: JWTPayload, alg = 'HS256', secret = SECRET): Promise<string> {
  return new SignJWT(claims).setProtectedHeader({ alg }).sign(new TextEncoder().encode(secret))
}
