import { encodeBase64 } from './base64.ts'

/** Length of each algorithm's output, in bytes. */
const DIGEST_BYTES = { 'sha-256': 32, 'sha-512': 64 } as const

/**
 * Writes `Repr-Digest` with one digest: `sha-256=:…:` (RFC 9530, section 3; a byte sequence of RFC 9651).
 *
 * @throws {RangeError} when `digest` is not as long as the algorithm's output
 */
export function formatReprDigest(algorithm: keyof typeof DIGEST_BYTES, digest: Uint8Array): string {
  const bytes = DIGEST_BYTES[algorithm]
  if (digest.length !== bytes) {
    throw new RangeError(`a ${algorithm} digest has ${bytes} bytes, not ${digest.length}`)
  }
  return `${algorithm}=:${encodeBase64(digest)}:`
}
