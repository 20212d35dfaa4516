import fc from 'fast-check'
import { expect, it } from 'vitest'
import { FilesError } from './errors.ts'
import { parseToken, type SessionToken } from './session.ts'

const token: SessionToken = {
  pawl: 1,
  provider: 'tus',
  place: 'https://example.com/files/',
  key: 'a.bin',
  contentType: 'text/plain',
  body: { size: 5, lastModified: 1, cells: [[0, 'AAAAAA==']] },
  plan: { shape: 'parts', partSize: 5, parts: [{ number: 1, size: 5, etag: 'x' }] },
  session: { urls: ['https://example.com/files/1'] },
}

it('reads back what was written, from an object and from text', () => {
  expect(parseToken(token)).toEqual(token)
  expect(parseToken(JSON.stringify(token))).toEqual(token)
})

it('reads back when a body was modified, wherever that lies', () => {
  for (const lastModified of [-86_400_000, 1_700_000_000_000.25]) {
    const modified = { ...token, body: { ...token.body, lastModified } }
    expect(parseToken(JSON.stringify(modified))).toEqual(modified)
  }
  for (const lastModified of [9e15, '1', null]) {
    expect(() => parseToken({ ...token, body: { ...token.body, lastModified } })).toThrow('no time')
  }
})

it('reads back what only the token remembers of the largest upload', () => {
  const parts = Array.from({ length: 10_000 }, (_, index) => ({
    number: index + 1,
    size: 500 * 2 ** 20,
    etag: '"0123456789abcdef0123456789abcdef"',
  }))
  const cells: SessionToken['body']['cells'] = [[0, 'A'.repeat(87_384)]]
  const large: SessionToken = {
    ...token,
    body: { size: 5000 * 2 ** 30, cells },
    plan: { shape: 'parts', partSize: 500 * 2 ** 20, parts },
  }
  expect(parseToken(JSON.stringify(large))).toEqual(large)
})

it('never throws anything but a FilesError, whatever it is given', () => {
  fc.assert(
    fc.property(fc.oneof(fc.anything(), fc.json(), fc.string()), (input) => {
      try {
        parseToken(input)
      } catch (error) {
        expect(error).toBeInstanceOf(FilesError)
      }
    }),
  )
})

it('refuses a token with any field missing or of another kind', () => {
  const fields = ['pawl', 'provider', 'place', 'key', 'contentType', 'body', 'plan', 'session']
  fc.assert(
    fc.property(
      fc.constantFrom(...fields),
      fc.constantFrom(undefined, () => 1),
      (field, value) => {
        expect(() => parseToken({ ...token, [field]: value })).toThrow('token')
      },
    ),
    { examples: [['pawl', undefined]] },
  )
})

it('refuses a later version, a text that is too long, and sizes that are none', () => {
  expect(() => parseToken({ ...token, pawl: 2 })).toThrow('version')
  expect(() => parseToken('x'.repeat(2_000_000))).toThrow('longer')
  for (const size of [-1, 1.5, Number.NaN, 2 ** 60, '5']) {
    expect(() => parseToken({ ...token, body: { ...token.body, size } })).toThrow('whole number')
  }
})
