import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { MAX_INTEGER } from '../http/structured-field.ts'
import {
  formatUploadComplete,
  formatUploadLimit,
  parseByteField,
  parseUploadComplete,
  parseUploadLimit,
} from './fields.ts'

describe('Upload-Offset and Upload-Length', () => {
  test.each([
    ['0', 0],
    ['00', 0],
    ['  12  ', 12],
    ['7;why=not', 7],
    ['999999999999999', MAX_INTEGER],
  ])('%j is %d', (value, count) => {
    expect(parseByteField(value)).toBe(count)
  })

  test.each(['', '-1', '1.0', '1,2', '1e3', '"1"', '?1', '1000000000000000', '+1', '0x1', '1 2', '@1', '１'])(
    '%j is ignored',
    (value) => {
      expect(parseByteField(value)).toBeUndefined()
    },
  )
})

describe('Upload-Complete', () => {
  test('is a boolean and nothing else', () => {
    expect(parseUploadComplete('?1')).toBe(true)
    expect(parseUploadComplete('?0;a=b')).toBe(false)
    for (const value of ['1', 'true', '?2', '?', '?1, ?0', '', undefined])
      expect(parseUploadComplete(value)).toBeUndefined()
    expect(parseUploadComplete(formatUploadComplete(true))).toBe(true)
    expect(parseUploadComplete(formatUploadComplete(false))).toBe(false)
  })
})

describe('Upload-Limit', () => {
  test('is written and read', () => {
    const limits = { maxSize: 10, minAppendSize: 2, maxAge: 60 }
    expect(formatUploadLimit(limits)).toBe('max-size=10, min-append-size=2, max-age=60')
    expect(parseUploadLimit(formatUploadLimit(limits))).toEqual(limits)
    expect(formatUploadLimit({ maxAge: 5 }, 'expires')).toBe('expires=5')
    expect(parseUploadLimit('expires=5')).toEqual({ maxAge: 5 })
  })

  test('without a limit says min-size=0, and no number that an Integer cannot be', () => {
    expect(formatUploadLimit({})).toBe('min-size=0')
    expect(formatUploadLimit({ maxSize: Number.MAX_SAFE_INTEGER })).toBe('max-size=999999999999999')
    expect(() => formatUploadLimit({ maxSize: 1.5 })).toThrow(RangeError)
    expect(() => formatUploadLimit({ maxSize: -1 })).toThrow(RangeError)
  })

  test('ignores unknown members, and all of itself when a known one has another type', () => {
    expect(parseUploadLimit('max-size=1, new="x", other=(1 2)')).toEqual({ maxSize: 1 })
    for (const value of [
      'max-size=1.0',
      'max-size',
      'max-size="1"',
      'max-size=-1',
      'max-size=(1)',
      'max-size=1,',
    ])
      expect(parseUploadLimit(value)).toBeUndefined()
    expect(parseUploadLimit('')).toEqual({})
  })

  test('survives the way there and back', () => {
    const size = fc.option(fc.nat({ max: MAX_INTEGER }), { nil: undefined })
    fc.assert(
      fc.property(
        fc.record({ maxSize: size, minSize: size, maxAppendSize: size, minAppendSize: size, maxAge: size }),
        (limits) => {
          const there = parseUploadLimit(formatUploadLimit(limits))
          const empty = Object.values(limits).every((limit) => limit === undefined)
          expect(there).toEqual(empty ? { minSize: 0 } : limits)
        },
      ),
    )
  })
})
