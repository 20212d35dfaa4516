import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { MalformedHeader } from '../malformed.ts'
import { formatUploadConcat, parseUploadConcat, type UploadConcat } from './concat.ts'

describe('Upload-Concat', () => {
  test('is absent on an ordinary upload', () => {
    expect(parseUploadConcat(undefined)).toBeUndefined()
  })

  test('is read as the examples of the specification say', () => {
    expect(parseUploadConcat('partial')).toEqual({ kind: 'partial' })
    expect(parseUploadConcat('final;/files/a /files/b')).toEqual({
      kind: 'final',
      uploads: ['/files/a', '/files/b'],
    })
  })

  test('takes absolute URLs, one alone, the same one twice and superfluous spaces', () => {
    expect(parseUploadConcat('final; https://tus.example/a?b=c;d,e   ../a ../a ')).toEqual({
      kind: 'final',
      uploads: ['https://tus.example/a?b=c;d,e', '../a', '../a'],
    })
  })

  test.each([
    '',
    ' ',
    'Partial',
    'partial ',
    'partial;/a',
    'final',
    'final;',
    'final;   ',
    'final /a',
    'FINAL;/a',
    'final;/a\t/b',
    'final;/a\r\n/b',
    'final;/é',
    'final;/a\u00a0/b',
  ])('refuses %j', (value) => {
    expect(() => parseUploadConcat(value)).toThrow(
      expect.objectContaining({ name: 'MalformedHeader', header: 'Upload-Concat' }),
    )
  })

  test('joins at most 10,000 uploads', () => {
    const list = (count: number) => `final;${'/a '.repeat(count)}`
    expect(parseUploadConcat(list(10_000))).toMatchObject({ kind: 'final' })
    expect(() => parseUploadConcat(list(10_001))).toThrow(MalformedHeader)
    expect(() => parseUploadConcat(list(300_000))).toThrow(MalformedHeader)
    const tooMany: UploadConcat = { kind: 'final', uploads: ['/a', ...Array<string>(10_000).fill('/a')] }
    expect(() => formatUploadConcat(tooMany)).toThrow(RangeError)
  })

  test('is never written with what could not be read back', () => {
    for (const url of ['', '/a b', '/é', '/a\r\nX-Injected: 1']) {
      expect(() => formatUploadConcat({ kind: 'final', uploads: [url] })).toThrow(RangeError)
    }
  })

  test('comes back as it was written', () => {
    const url = fc.oneof(fc.webUrl(), fc.stringMatching(/^[!-~]{1,40}$/))
    const concat: fc.Arbitrary<UploadConcat> = fc.oneof(
      fc.constant({ kind: 'partial' } as const),
      fc
        .tuple(url, fc.array(url))
        .map(([first, rest]) => ({ kind: 'final', uploads: [first, ...rest] }) as const),
    )
    fc.assert(
      fc.property(concat, (value) => {
        expect(parseUploadConcat(formatUploadConcat(value))).toEqual(value)
      }),
      { numRuns: 2000 },
    )
  })

  test('throws nothing but MalformedHeader, whatever the text', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string({ unit: 'binary' }).map((tail) => `final;${tail}`),
    )
    fc.assert(
      fc.property(text, (value) => {
        try {
          const concat = parseUploadConcat(value)
          if (concat !== undefined) expect(parseUploadConcat(formatUploadConcat(concat))).toEqual(concat)
        } catch (error) {
          if (!(error instanceof MalformedHeader)) throw error
        }
      }),
      { numRuns: 5000 },
    )
  })
})
