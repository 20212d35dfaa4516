import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { encodeBase64 } from '../http/base64.ts'
import { MalformedHeader } from '../malformed.ts'
import { CHECKSUM_ALGORITHMS, parseUploadChecksum } from './checksum.ts'

const bytesOf = { sha1: 20, sha256: 32, sha512: 64, md5: 16, crc32: 4, crc32c: 4 }

describe('Upload-Checksum', () => {
  test('is read as the example of the specification says', () => {
    const { algorithm, digest } = parseUploadChecksum('sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=')
    expect(algorithm).toBe('sha1')
    const hex = [...digest].map((byte) => byte.toString(16).padStart(2, '0')).join('')
    expect(hex).toBe('2aae6c35c94fcfb415dbe95f408b9ce91ee846ed')
  })

  test.each([
    ['nothing', ''],
    ['an unknown algorithm', 'sha3 Kq5sNclPz7QV2+lfQIuc6R7oRu0='],
    ['a name from the prototype of objects', 'constructor AAAAAA=='],
    ['upper case', 'SHA1 Kq5sNclPz7QV2+lfQIuc6R7oRu0='],
    ['an algorithm alone', 'sha1'],
    ['an empty digest', 'sha1 '],
    ['two spaces', 'crc32  AAAAAA=='],
    ['a space before', ' crc32 AAAAAA=='],
    ['a space after', 'crc32 AAAAAA== '],
    ['missing padding', 'crc32 AAAAAA'],
    ['trailing bits that are not zero', 'crc32 AAAAAB=='],
    ['hexadecimal', 'crc32 cbf43926'],
    ['the digest of another algorithm', 'sha256 Kq5sNclPz7QV2+lfQIuc6R7oRu0='],
    ['two checksums', 'crc32 AAAAAA==,crc32c AAAAAA=='],
  ])('refuses %s', (_, value) => {
    expect(() => parseUploadChecksum(value)).toThrow(
      expect.objectContaining({ name: 'MalformedHeader', header: 'Upload-Checksum' }),
    )
  })

  test('gives back every digest that has the length of its algorithm, and refuses all others', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...CHECKSUM_ALGORITHMS),
        fc.constantFrom(...Object.values(bytesOf), 0, 1, 33),
        fc.infiniteStream(fc.nat({ max: 255 })),
        (algorithm, length, bytes) => {
          const digest = Uint8Array.from(bytes.take(length))
          const header = `${algorithm} ${encodeBase64(digest)}`
          if (length === bytesOf[algorithm]) {
            expect(parseUploadChecksum(header)).toEqual({ algorithm, digest })
          } else {
            expect(() => parseUploadChecksum(header)).toThrow(MalformedHeader)
          }
        },
      ),
      { numRuns: 2000 },
    )
  })

  test('throws nothing but MalformedHeader, whatever the text', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc
        .tuple(fc.constantFrom(...CHECKSUM_ALGORITHMS), fc.string({ unit: 'binary' }))
        .map((pair) => pair.join(' ')),
    )
    fc.assert(
      fc.property(text, (value) => {
        try {
          const { algorithm, digest } = parseUploadChecksum(value)
          expect(digest.length).toBe(bytesOf[algorithm])
        } catch (error) {
          if (!(error instanceof MalformedHeader)) throw error
        }
      }),
      { numRuns: 3000 },
    )
  })
})
