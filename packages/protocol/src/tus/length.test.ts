import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { MalformedHeader } from '../malformed.ts'
import { parseByteCount, parseDeclaredLength, parseUploadOffset } from './length.ts'

const max = Number.MAX_SAFE_INTEGER

describe('a byte count', () => {
  test.each([
    ['0', 0],
    ['1', 1],
    ['007', 7],
    ['5368709120', 5_368_709_120],
    ['9007199254740991', max],
  ])('reads %s', (value, count) => {
    expect(parseByteCount('Upload-Length', value)).toBe(count)
  })

  test.each([
    '',
    ' ',
    ' 1',
    '1 ',
    '1\n',
    '+1',
    '-1',
    '-0',
    '1e3',
    '1.0',
    '0x10',
    '1_000',
    '1,1',
    'NaN',
    'Infinity',
    '１', // a full-width digit
    '٣', // an Arabic-Indic digit
    '9007199254740992',
    '9999999999999999',
    '00000000000000001',
    '9'.repeat(400),
  ])('refuses %j', (value) => {
    expect(() => parseByteCount('Upload-Length', value)).toThrow(MalformedHeader)
  })

  test('survives every safe integer', () => {
    fc.assert(
      fc.property(fc.nat({ max }), (count) => {
        expect(parseByteCount('Upload-Length', String(count))).toBe(count)
      }),
      { numRuns: 2000 },
    )
  })

  test('is a safe integer or a MalformedHeader, whatever the text', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string({ unit: fc.constantFrom(...'0123456789 +-.eEx_') }),
      fc.double().map(String),
      fc.bigInt().map(String),
    )
    fc.assert(
      fc.property(text, (value) => {
        try {
          const count = parseByteCount('Upload-Length', value)
          expect(Number.isSafeInteger(count) && count >= 0).toBe(true)
          expect(BigInt(value)).toBe(BigInt(count))
        } catch (error) {
          if (!(error instanceof MalformedHeader)) throw error
          expect(error.header).toBe('Upload-Length')
        }
      }),
      { numRuns: 5000 },
    )
  })
})

describe('Upload-Offset', () => {
  test('is read as bytes', () => {
    expect(parseUploadOffset('70')).toBe(70)
  })

  test('is an error under its own name when missing or malformed', () => {
    for (const value of [undefined, '', 'seventy', '-1']) {
      expect(() => parseUploadOffset(value)).toThrow(
        expect.objectContaining({ name: 'MalformedHeader', header: 'Upload-Offset' }),
      )
    }
  })
})

describe('the declared length', () => {
  const declare = (uploadLength?: string, uploadDeferLength?: string) =>
    parseDeclaredLength({ uploadLength, uploadDeferLength })

  test('is known from Upload-Length, zero included', () => {
    expect(declare('100')).toEqual({ kind: 'known', length: 100 })
    expect(declare('0')).toEqual({ kind: 'known', length: 0 })
  })

  test('is deferred by Upload-Defer-Length: 1', () => {
    expect(declare(undefined, '1')).toEqual({ kind: 'deferred' })
  })

  test.each(['0', '2', '', '01', ' 1', 'true'])('is not deferred by Upload-Defer-Length: %j', (value) => {
    expect(() => declare(undefined, value)).toThrow(
      expect.objectContaining({ header: 'Upload-Defer-Length' }),
    )
  })

  test('is an error when nothing is declared, or both', () => {
    expect(() => declare()).toThrow(MalformedHeader)
    expect(() => declare('100', '1')).toThrow(MalformedHeader)
    expect(() => declare('', '1')).toThrow(MalformedHeader)
  })

  test('is an error when Upload-Length is empty or no byte count', () => {
    for (const value of ['', '-1', '1e3', '9'.repeat(30)]) {
      expect(() => declare(value)).toThrow(expect.objectContaining({ header: 'Upload-Length' }))
    }
  })
})
