import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { formatContentRange, formatUnsatisfiedRange, parseRange } from './range.ts'

/** The ranges as `start-end`, or the kind. */
function read(value: string | undefined, size: number): string {
  const result = parseRange(value, size)
  return result.kind === 'ranges'
    ? result.ranges.map(({ start, end }) => `${start}-${end}`).join()
    : result.kind
}

describe('Range', () => {
  test.each([
    ['bytes=0-499', '0-499'],
    ['bytes=500-999', '500-999'],
    ['bytes=-500', '9500-9999'],
    ['bytes=9500-', '9500-9999'],
    ['bytes=0-0,-1', '0-0,9999-9999'],
    ['bytes= 0-999, 4500-5499, -1000', '0-999,4500-5499,9000-9999'],
    ['bytes=500-600,601-999', '500-600,601-999'],
    ['bytes=500-700,601-999', '500-700,601-999'],
  ])('%s of 10,000 bytes is what RFC 9110 says', (value, ranges) => {
    expect(read(value, 10_000)).toBe(ranges)
  })

  test.each([
    ['bytes=5-100', '5-9'],
    ['bytes=9-9', '9-9'],
    ['bytes=-100', '0-9'],
    ['bytes=0-', '0-9'],
    [`bytes=0-${'9'.repeat(400)}`, '0-9'],
    [`bytes=-${'9'.repeat(400)}`, '0-9'],
    ['bytes=007-0008', '7-8'],
    ['bytes=20-30,1-2', '1-2'],
    ['bytes=-0,1-2', '1-2'],
  ])('%s of 10 bytes is cut to what exists', (value, ranges) => {
    expect(read(value, 10)).toBe(ranges)
  })

  test('keeps the order that was asked for', () => {
    expect(read('bytes=8-9,0-1,4-5', 10)).toBe('8-9,0-1,4-5')
  })

  test.each(['bytes=10-', 'bytes=10-20', 'bytes=-0', 'bytes=20-,-0,30-40', `bytes=${'9'.repeat(400)}-`])(
    '%s of 10 bytes cannot be satisfied',
    (value) => {
      expect(read(value, 10)).toBe('unsatisfiable')
    },
  )

  test.each([
    undefined,
    '',
    'bytes',
    'bytes=',
    'bytes=,',
    'bytes=-',
    'bytes=--1',
    'bytes=1',
    'bytes=2-1',
    'bytes=0-1,5-4',
    'bytes=0-1;2-3',
    'bytes=0 - 1',
    'bytes=a-b',
    'bytes=0x1-2',
    'bytes=+1-2',
    'bytes=1.5-2',
    'bytes=0-1\n',
    'bytes =0-1',
    'bytes: 0-1',
    'items=0-1',
    'bytes=0-1,items=2-3',
  ])('%j is ignored', (value) => {
    expect(read(value, 10)).toBe('whole')
  })

  test('knows its unit in any case, and empty elements of its list', () => {
    expect(read('Bytes=0-1', 10)).toBe('0-1')
    expect(read('bytes=,0-1, ,\t2-3,', 10)).toBe('0-1,2-3')
  })

  test('of an empty representation: a first byte cannot be satisfied, a suffix is the whole', () => {
    expect(read('bytes=0-', 0)).toBe('unsatisfiable')
    expect(read('bytes=0-0', 0)).toBe('unsatisfiable')
    expect(read('bytes=-0', 0)).toBe('unsatisfiable')
    expect(read('bytes=-5', 0)).toBe('whole')
    expect(read('bytes=0-0,-5', 0)).toBe('whole')
  })

  test('with more than sixteen ranges is ignored', () => {
    const singles = (count: number) => `bytes=${Array.from({ length: count }, (_, i) => `${2 * i}-${2 * i}`)}`
    expect(parseRange(singles(16), 1000)).toMatchObject({ kind: 'ranges' })
    expect(read(singles(17), 1000)).toBe('whole')
    expect(read(`bytes=${'9000-,'.repeat(17)}`, 1000)).toBe('whole')
  })

  test('of more than 4,096 characters is ignored', () => {
    expect(read('bytes=0-1'.padEnd(4096), 10)).toBe('0-1')
    expect(read('bytes=0-1'.padEnd(4097), 10)).toBe('whole')
  })

  test('with more than two ranges that overlap is ignored', () => {
    expect(read('bytes=0-,0-', 10)).toBe('0-9,0-9')
    expect(read('bytes=0-5,5-9', 10)).toBe('0-5,5-9')
    expect(read('bytes=0-,0-,0-', 10)).toBe('whole')
    expect(read('bytes=0-3,3-6,6-9', 10)).toBe('whole')
    expect(read('bytes=0-1,1-2,5-6,6-7', 10)).toBe('whole')
    expect(read('bytes=0-1,1-2,20-30,25-35', 10)).toBe('0-1,1-2')
  })

  test('of a megabyte is ignored at once', () => {
    const start = Date.now()
    for (const piece of ['0-1,', ',', ' ', '0', '-']) {
      expect(read(`bytes=${piece.repeat(2 ** 20 / piece.length)}`, 10)).toBe('whole')
    }
    expect(Date.now() - start).toBeLessThan(1000)
  })

  test('never leads outside the representation, nor to more than twice its size', () => {
    const position = fc.oneof(fc.nat({ max: 30 }), fc.nat({ max: Number.MAX_SAFE_INTEGER }), fc.constant(''))
    const header = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string({ unit: fc.constantFrom(...'0123456789-, ') }).map((set) => `bytes=${set}`),
      fc
        .array(fc.tuple(position, position), { minLength: 1, maxLength: 18 })
        .map((specs) => `bytes=${specs.map((spec) => spec.join('-'))}`),
    )
    const size = fc.oneof(fc.nat({ max: 30 }), fc.nat({ max: Number.MAX_SAFE_INTEGER }))
    fc.assert(
      fc.property(header, size, (value, bytes) => {
        const result = parseRange(value, bytes)
        if (result.kind !== 'ranges') return
        expect(result.ranges.length).toBeGreaterThan(0)
        let total = 0n
        for (const { start, end } of result.ranges) {
          expect(Number.isSafeInteger(start) && Number.isSafeInteger(end)).toBe(true)
          expect(0 <= start && start <= end && end < bytes).toBe(true)
          total += BigInt(end - start + 1)
        }
        expect(total <= 2n * BigInt(bytes)).toBe(true)
      }),
      { numRuns: 10_000 },
    )
  })

  test('of one range that fits comes back as it was written', () => {
    const range = fc
      .tuple(fc.nat({ max: 2 ** 52 }), fc.nat({ max: 2 ** 52 - 1 }), fc.nat({ max: 1000 }))
      .map(([start, length, rest]) => ({ start, end: start + length, size: start + length + 1 + rest }))
      .filter(({ size }) => Number.isSafeInteger(size))
    fc.assert(
      fc.property(range, ({ start, end, size }) => {
        expect(parseRange(`bytes=${start}-${end}`, size)).toEqual({
          kind: 'ranges',
          ranges: [{ start, end }],
        })
      }),
      { numRuns: 1000 },
    )
  })
})

describe('Content-Range', () => {
  test('is written as the examples of RFC 9110 are', () => {
    expect(formatContentRange({ start: 42, end: 1233 }, 1234)).toBe('bytes 42-1233/1234')
    expect(formatUnsatisfiedRange(1234)).toBe('bytes */1234')
  })
})
