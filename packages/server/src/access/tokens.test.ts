import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import {
  type CryptoKey,
  exportJWK,
  exportSPKI,
  generateKeyPair,
  type JWK,
  type JWTPayload,
  SignJWT,
  UnsecuredJWT,
} from 'jose'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type TokenOptions, tokensFrom } from './tokens.ts'

const secret = Buffer.from('a secret of at least 32 bytes, for tests')
const now = Math.floor(Date.now() / 1000)
const plain: TokenOptions = { secret, jwksUrl: undefined, issuer: undefined, audience: undefined }

function hs256(claims: JWTPayload, key: Uint8Array = secret, alg = 'HS256'): Promise<string> {
  return new SignJWT(claims).setProtectedHeader({ alg }).sign(key)
}
const alice = { role: 'authenticated', sub: 'alice' }

describe('A token signed with the secret', () => {
  const tokens = tokensFrom(plain)

  test.each([
    [alice, alice],
    [{ role: 'anon' }, { role: 'anon' }],
    [{ role: 'service_role' }, { role: 'service_role' }],
    [{ ...alice, exp: now + 60, nbf: now - 60, extra: 1 }, alice],
  ])('says who %j is', async (claims, principal) => {
    expect(await tokens.verify(await hs256(claims))).toEqual({ kind: 'valid', principal })
  })

  test.each([
    {},
    { role: 'admin' },
    { role: 'authenticated' },
    { role: 'authenticated', sub: '' },
    { role: 'authenticated', sub: 's'.repeat(256) },
    { sub: 'alice' },
    { role: ['service_role'] },
  ])('is not valid with the claims %j', async (claims) => {
    expect((await tokens.verify(await hs256(claims as JWTPayload))).kind).toBe('invalid')
  })

  test('is not valid before its time', async () => {
    expect((await tokens.verify(await hs256({ ...alice, nbf: now + 60 }))).kind).toBe('invalid')
  })

  test('is told apart when its only fault is that it expired', async () => {
    const verdict = await tokens.verify(await hs256({ ...alice, exp: now - 60 }))
    expect(verdict).toEqual({ kind: 'expired', principal: alice, expiredAt: (now - 60) * 1000 })
  })

  test.each([
    ['signed with another secret', () => hs256({ ...alice, exp: now - 60 }, Buffer.from('x'.repeat(40)))],
    ['not yet valid', () => hs256({ ...alice, exp: now - 60, nbf: now + 60 })],
    ['without a role', () => hs256({ exp: now - 60 })],
  ])('is invalid, not expired, when it is %s as well', async (_, make) => {
    expect((await tokens.verify(await make())).kind).toBe('invalid')
  })

  test('is not valid with a wrong signature, changed claims, or none', async () => {
    const [header = '', payload = '', signature = ''] = (await hs256(alice)).split('.')
    const service = Buffer.from(JSON.stringify({ role: 'service_role' })).toString('base64url')
    for (const token of [
      `${header}.${service}.${signature}`,
      `${header}.${payload}.`,
      `${header}.${payload}`,
      `${header}.${payload}.${signature.slice(1)}A`,
      'x',
      '',
      '..',
      `${header}..${signature}`,
    ]) {
      expect((await tokens.verify(token)).kind).toBe('invalid')
    }
  })

  test('is not valid when its algorithm is "none", in any case', async () => {
    expect((await tokens.verify(new UnsecuredJWT(alice).encode())).kind).toBe('invalid')
    for (const alg of ['none', 'None', 'NONE', 'nOnE']) {
      const header = Buffer.from(JSON.stringify({ alg })).toString('base64url')
      const payload = Buffer.from(JSON.stringify({ role: 'service_role' })).toString('base64url')
      expect((await tokens.verify(`${header}.${payload}.`)).kind).toBe('invalid')
    }
  })

  test.each(['HS384', 'HS512'])('is not valid with the algorithm %s', async (alg) => {
    const long = Buffer.alloc(64, 1)
    const others = tokensFrom({ ...plain, secret: long })
    expect((await others.verify(await hs256(alice, long, alg))).kind).toBe('invalid')
  })

  test('with another key algorithm is not valid while no key set is configured', async () => {
    const { privateKey } = await generateKeyPair('ES256')
    const token = await new SignJWT(alice).setProtectedHeader({ alg: 'ES256' }).sign(privateKey)
    expect((await tokens.verify(token)).kind).toBe('invalid')
  })
})

describe('Issuer and audience', () => {
  const tokens = tokensFrom({ ...plain, issuer: 'https://id.example', audience: 'pawl' })

  test('must be the configured ones', async () => {
    const right = { ...alice, iss: 'https://id.example', aud: 'pawl' }
    expect((await tokens.verify(await hs256(right))).kind).toBe('valid')
    expect((await tokens.verify(await hs256({ ...right, aud: ['other', 'pawl'] }))).kind).toBe('valid')
    for (const { iss, aud, ...rest } of [
      { ...right, iss: 'https://evil.example' },
      { ...right, iss: '' },
      { ...right, aud: 'other' },
      { ...right, aud: '' },
    ]) {
      // An empty one is left out.
      const claims = { ...rest, ...(iss === '' ? {} : { iss }), ...(aud === '' ? {} : { aud }) }
      expect((await tokens.verify(await hs256(claims))).kind).toBe('invalid')
      expect((await tokens.verify(await hs256({ ...claims, exp: now - 60 }))).kind).toBe('invalid')
    }
  })

  test('stand in the keys that are made here', async () => {
    expect((await tokens.verify(await tokens.apiKey('service_role'))).kind).toBe('valid')
    expect(await tokens.apiKey('anon')).toBe(await tokens.apiKey('anon'))
  })
})

describe('A key set', () => {
  let host: Server
  let url = ''
  let answer: () => { status: number; body: string }
  const keys = new Map<string, CryptoKey>()
  let rsaPublicPem = ''

  beforeAll(async () => {
    const jwks: JWK[] = []
    for (const alg of ['RS256', 'ES256', 'EdDSA']) {
      const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true })
      jwks.push({ ...(await exportJWK(publicKey)), kid: alg, alg, use: 'sig' })
      keys.set(alg, privateKey)
      if (alg === 'RS256') rsaPublicPem = await exportSPKI(publicKey)
    }
    answer = () => ({ status: 200, body: JSON.stringify({ keys: jwks }) })
    host = createServer((_req, res) => {
      const { status, body } = answer()
      res.writeHead(status, { 'Content-Type': 'application/json' }).end(body)
    }).listen(0, '127.0.0.1')
    await once(host, 'listening')
    url = `http://127.0.0.1:${(host.address() as AddressInfo).port}/keys`
  })
  afterAll(() => void host.close())

  const sign = (alg: string, kid = alg, claims: JWTPayload = alice): Promise<string> => {
    const key = keys.get(alg)
    if (key === undefined) throw new Error(`no key for ${alg}`)
    return new SignJWT(claims).setProtectedHeader({ alg, kid }).sign(key)
  }

  test.each(['RS256', 'ES256', 'EdDSA'])('verifies %s', async (alg) => {
    const tokens = tokensFrom({ ...plain, jwksUrl: url })
    expect(await tokens.verify(await sign(alg))).toEqual({ kind: 'valid', principal: alice })
    const late = await sign(alg, alg, { ...alice, exp: now - 1 })
    expect((await tokens.verify(late)).kind).toBe('expired')
  })

  test('leaves tokens of the own secret valid', async () => {
    const tokens = tokensFrom({ ...plain, jwksUrl: url })
    expect((await tokens.verify(await tokens.apiKey('anon'))).kind).toBe('valid')
  })

  test('does not make a public key a secret: HS256 signed with the RSA key is not valid', async () => {
    const tokens = tokensFrom({ ...plain, jwksUrl: url })
    expect((await tokens.verify(await hs256(alice, Buffer.from(rsaPublicPem)))).kind).toBe('invalid')
  })

  test('refuses a key it does not have, and other algorithms', async () => {
    const tokens = tokensFrom({ ...plain, jwksUrl: url })
    expect((await tokens.verify(await sign('RS256', 'unknown'))).kind).toBe('invalid')
    expect((await tokens.verify(await sign('RS256', 'ES256'))).kind).toBe('invalid')
    const { privateKey } = await generateKeyPair('ES384')
    const other = await new SignJWT(alice).setProtectedHeader({ alg: 'ES384', kid: 'ES256' }).sign(privateKey)
    expect((await tokens.verify(other)).kind).toBe('invalid')
  })

  test.each([
    ['answers an error', () => ({ status: 500, body: '' })],
    ['answers no JSON', () => ({ status: 200, body: '<html>' })],
    ['answers no key set', () => ({ status: 200, body: '{"keys":5}' })],
  ])('that %s says nothing about a token', async (_, broken) => {
    const whole = answer
    answer = broken
    try {
      const tokens = tokensFrom({ ...plain, jwksUrl: url })
      expect(await tokens.verify(await sign('ES256'))).toEqual({ kind: 'undecided' })
      expect((await tokens.verify(await tokens.apiKey('anon'))).kind).toBe('valid')
    } finally {
      answer = whole
    }
  })

  test('that is out of reach says nothing about a token', async () => {
    const tokens = tokensFrom({ ...plain, jwksUrl: 'http://127.0.0.1:1/keys' })
    expect(await tokens.verify(await sign('ES256'))).toEqual({ kind: 'undecided' })
  })
})
