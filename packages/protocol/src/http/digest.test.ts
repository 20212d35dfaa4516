import { expect, test } from 'vitest'
import { decodeBase64 } from './base64-decode.ts'
import { formatReprDigest } from './digest.ts'

test('Repr-Digest is written as the examples of RFC 9530 are', () => {
  const sha256 = 'RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg='
  const sha512 = 'YMAam51Jz/jOATT6/zvHrLVgOYTGFy1d6GJiOHTohq4yP+pgk4vf2aCsyRZOtw8MjkM7iw7yZ/WkppmM44T3qg=='
  expect(formatReprDigest('sha-256', decodeBase64(sha256) ?? new Uint8Array())).toBe(`sha-256=:${sha256}:`)
  expect(formatReprDigest('sha-512', decodeBase64(sha512) ?? new Uint8Array())).toBe(`sha-512=:${sha512}:`)
})

test('a digest of the wrong length is never written', () => {
  expect(() => formatReprDigest('sha-256', new Uint8Array(64))).toThrow(RangeError)
  expect(() => formatReprDigest('sha-512', new Uint8Array(32))).toThrow(RangeError)
})
