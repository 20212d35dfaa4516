import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { encodeBase64 } from '../http/base64.ts'
import { MalformedHeader } from '../malformed.ts'
import { formatUploadMetadata, parseUploadMetadata } from './metadata.ts'

const read = (value: string | undefined) => [...parseUploadMetadata(value)]
const encode = (text: string) => encodeBase64(new TextEncoder().encode(text))

describe('Upload-Metadata is read', () => {
  test('as the example of the specification says', () => {
    expect(read('filename d29ybGRfZG9taW5hdGlvbl9wbGFuLnBkZg==,is_confidential')).toEqual([
      ['filename', 'world_domination_plan.pdf'],
      ['is_confidential', ''],
    ])
  })

  test.each([undefined, '', ' ', '\t  '])('as no metadata from %j', (value) => {
    expect(read(value)).toEqual([])
  })

  test('with an empty value after a key alone and after a key and its space', () => {
    expect(read('a,b ,c')).toEqual([
      ['a', ''],
      ['b', ''],
      ['c', ''],
    ])
  })

  test('with blanks around commas, as when repeated headers were joined', () => {
    expect(read(' a YQ== , b Yg==\t,\tc')).toEqual([
      ['a', 'a'],
      ['b', 'b'],
      ['c', ''],
    ])
  })

  test('in header order, keys apart by case', () => {
    expect(read('b,a,B,1').map(([key]) => key)).toEqual(['b', 'a', 'B', '1'])
  })

  test('byte for byte: byte order mark, NUL, combining marks and emoji stay', () => {
    for (const text of ['\ufeffname', '\0', 'e\u0301', 'é', '👩‍👩‍👧', '\r\n']) {
      expect(read(`k ${encode(text)}`)).toEqual([['k', text]])
    }
  })

  test('with keys that would be special in an object', () => {
    const keys = ['__proto__', 'constructor', 'toString', 'hasOwnProperty']
    const metadata = parseUploadMetadata(keys.map((key) => `${key} ${encode(key)}`).join(','))
    expect([...metadata]).toEqual(keys.map((key) => [key, key]))
    expect(metadata.get('valueOf')).toBeUndefined()
    expect(Object.prototype.toString.call({})).toBe('[object Object]')
  })
})

describe('Upload-Metadata is refused', () => {
  test.each([
    ['a repeated key', 'a YQ==,b,a Yg=='],
    ['a repeated key without values', 'a,a'],
    ['an empty pair', 'a,,b'],
    ['a trailing comma', 'a,'],
    ['a comma alone', ','],
    ['a key with a control character', 'a\u0001 YQ=='],
    ['a key with a tab', 'a\tYQ=='],
    ['a key with a non-ASCII character', 'clé YQ=='],
    ['a no-break space as blank', '\u00a0'],
    ['characters outside the alphabet', 'a YQ=?'],
    ['the URL-safe alphabet', `a ${encode('>>>???').replaceAll('+', '-').replaceAll('/', '_')}`],
    ['missing padding', 'a YQ'],
    ['too much padding', 'a YWI=='],
    ['padding alone', 'a ===='],
    ['padding inside', 'a YQ==YQ=='],
    ['trailing bits that are not zero', 'a YR=='],
    ['two spaces before the value', 'a  YQ=='],
    ['a space inside the value', 'a YQ == '],
    ['text after the value', 'a YQ== YQ=='],
    ['a byte that is not UTF-8', 'a /w=='],
    ['an overlong UTF-8 form', 'a wIA='],
    ['a surrogate in UTF-8', 'a 7aCA'],
    ['UTF-8 that ends early', 'a 8J+S'],
  ])('for %s', (_, value) => {
    expect(() => parseUploadMetadata(value)).toThrow(
      expect.objectContaining({ name: 'MalformedHeader', header: 'Upload-Metadata' }),
    )
  })
})

describe('Upload-Metadata is written', () => {
  test('as the specification spells it, a value that is empty left out', () => {
    expect(
      formatUploadMetadata([
        ['filename', 'world_domination_plan.pdf'],
        ['is_confidential', ''],
      ]),
    ).toBe('filename d29ybGRfZG9taW5hdGlvbl9wbGFuLnBkZg==,is_confidential')
    expect(formatUploadMetadata([])).toBe('')
  })

  test('never with what could not be read back', () => {
    for (const key of ['', ' ', 'a b', 'a,b', 'é', 'a\r\nX-Injected: 1']) {
      expect(() => formatUploadMetadata([[key, 'v']])).toThrow(RangeError)
    }
    expect(() => formatUploadMetadata([['a', 'lone \ud800']])).toThrow(RangeError)
    expect(() =>
      formatUploadMetadata([
        ['a', '1'],
        ['a', '1'],
      ]),
    ).toThrow(RangeError)
  })
})

describe('Upload-Metadata, whatever it holds,', () => {
  const key = fc.oneof(
    fc.stringMatching(/^[!-+\--~]{1,20}$/),
    fc.constantFrom('__proto__', 'constructor', 'filename', '0'),
  )
  const pairs = fc.uniqueArray(
    fc.tuple(
      key,
      fc.string({ unit: 'binary' }).filter((text) => text.isWellFormed()),
    ),
    { selector: ([name]) => name },
  )

  test('comes back as it was written', () => {
    fc.assert(
      fc.property(pairs, (metadata) => {
        expect(read(formatUploadMetadata(metadata))).toEqual(metadata)
      }),
      { numRuns: 2000 },
    )
  })

  test('is a map that writes back to the same map, or a MalformedHeader', () => {
    const header = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string({ unit: fc.constantFrom(...'abYQ=+/ ,\t') }),
      fc.array(fc.tuple(key, fc.base64String()).map((pair) => pair.join(' '))).map((list) => list.join(', ')),
    )
    fc.assert(
      fc.property(header, (value) => {
        try {
          const metadata = parseUploadMetadata(value)
          expect(read(formatUploadMetadata(metadata))).toEqual([...metadata])
        } catch (error) {
          if (!(error instanceof MalformedHeader)) throw error
        }
      }),
      { numRuns: 5000 },
    )
  })

  // Quadratic work on a megabyte takes minutes; the bound leaves room for a busy machine.
  const megabyte = 2 ** 20
  test.each([
    ['one long value', `a ${encode('x'.repeat((megabyte / 4) * 3))}`],
    ['many keys', Array.from({ length: megabyte / 8 }, (_, i) => `key${i}`).join(',')],
    ['commas', ','.repeat(megabyte)],
    ['blanks', ' '.repeat(megabyte)],
    ['blanks inside a pair', `a${' '.repeat(megabyte)}b`],
    ['blanks after a key that repeats', `a,a${' '.repeat(megabyte)}`],
    ['one long key', 'k'.repeat(megabyte)],
    ['one long bad key', `${'k'.repeat(megabyte)}\u0000`],
    ['one long bad value', `a ${'A'.repeat(megabyte)}?`],
  ])('takes linear time on a megabyte of %s', (_, value) => {
    const start = Date.now()
    try {
      parseUploadMetadata(value)
    } catch (error) {
      if (!(error instanceof MalformedHeader)) throw error
      expect(error.message.length).toBeLessThan(200)
    }
    expect(Date.now() - start).toBeLessThan(1000)
  })
})
