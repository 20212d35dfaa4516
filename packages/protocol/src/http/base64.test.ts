import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { encodeBase64 } from './base64.ts'
import { decodeBase64 } from './base64-decode.ts'

const ascii = (text: string) => new TextEncoder().encode(text)

describe('base64', () => {
  test.each([
    ['', ''],
    ['f', 'Zg=='],
    ['fo', 'Zm8='],
    ['foo', 'Zm9v'],
    ['foob', 'Zm9vYg=='],
    ['fooba', 'Zm9vYmE='],
    ['foobar', 'Zm9vYmFy'],
  ])('keeps the test vector %j of RFC 4648', (text, encoded) => {
    expect(encodeBase64(ascii(text))).toBe(encoded)
    expect(decodeBase64(encoded)).toEqual(ascii(text))
  })

  test('uses all 64 characters of the standard alphabet', () => {
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
    const bytes = decodeBase64(alphabet)
    expect(bytes?.length).toBe(48)
    expect(encodeBase64(bytes ?? new Uint8Array())).toBe(alphabet)
  })

  test.each([
    'Z',
    'Zg',
    'Zg=',
    'Zh==',
    'Zm9=',
    '=',
    '==',
    '====',
    'Z===',
    'Zg==Zg==',
    'Zm9v\n',
    ' Zg=',
    'Zm-_',
    'Zm9é',
  ])('refuses %j', (text) => {
    expect(decodeBase64(text)).toBeUndefined()
  })

  test('gives back the bytes that were encoded', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(decodeBase64(encodeBase64(bytes))).toEqual(bytes)
      }),
      { numRuns: 2000 },
    )
  })

  test('knows one text per value: what decodes encodes to itself', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string({ unit: fc.constantFrom(...'AQgZz09+/=') }),
      fc.base64String(),
    )
    fc.assert(
      fc.property(text, (value) => {
        const bytes = decodeBase64(value)
        if (bytes !== undefined) expect(encodeBase64(bytes)).toBe(value)
      }),
      { numRuns: 5000 },
    )
  })
})
