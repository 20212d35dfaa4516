import { MalformedHeader } from '../malformed.ts'
import { encodeBase64 } from './base64.ts'
import { decodeBase64 } from './base64-decode.ts'

/**
 * Digest algorithms by the names of RFC 9530's registry (`crc32` stands in for the checksum that many
 * storage services know and the registry does not), with the length of their output in bytes.
 */
export const DIGEST_BYTES = {
  'sha-256': 32,
  'sha-512': 64,
  sha: 20,
  md5: 16,
  crc32: 4,
  crc32c: 4,
} as const

export type DigestAlgorithm = keyof typeof DIGEST_BYTES

/**
 * Writes `Repr-Digest` with one digest: `sha-256=:…:` (RFC 9530, section 3; a byte sequence of RFC 9651).
 *
 * @throws {RangeError} when `digest` is not as long as the algorithm's output
 */
export function formatReprDigest(algorithm: DigestAlgorithm, digest: Uint8Array): string {
  const bytes = DIGEST_BYTES[algorithm]
  if (digest.length !== bytes) {
    throw new RangeError(`a ${algorithm} digest has ${bytes} bytes, not ${digest.length}`)
  }
  return `${algorithm}=:${encodeBase64(digest)}:`
}

/**
 * Reads a `Repr-Digest` or `Content-Digest` that a client sends (RFC 9530, sections 2 and 3). Only digests
 * that still prove something count, sha-256 and sha-512; others are passed over, as section 5 allows.
 *
 * @throws {MalformedHeader} when a member is not `name=:base64:`, or a digest has the wrong length
 */
export function parseReprDigest(
  header: string,
  value: string,
): ReadonlyMap<'sha-256' | 'sha-512', Uint8Array> {
  const digests = new Map<'sha-256' | 'sha-512', Uint8Array>()
  for (const member of value.split(',')) {
    const match = /^[ \t]*([a-z*][a-z0-9_.*-]{0,63})=:([A-Za-z0-9+/=]{0,512}):[ \t]*$/.exec(member)
    const digest = match?.[2] === undefined ? undefined : decodeBase64(match[2])
    if (digest === undefined) throw new MalformedHeader(header, 'must be a list of name=:base64:', member)
    const name = match?.[1]
    if (name !== 'sha-256' && name !== 'sha-512') continue
    if (digest.length !== DIGEST_BYTES[name]) {
      throw new MalformedHeader(header, `must have ${DIGEST_BYTES[name]} bytes for ${name}`, member)
    }
    digests.set(name, digest)
  }
  return digests
}

/**
 * Reads `Want-Repr-Digest` (RFC 9530, section 4): the algorithms known here that are wanted at all, whatever
 * their order of preference. Members that make no sense are passed over: a wish can go unfulfilled.
 */
export function parseWantReprDigest(value: string): readonly DigestAlgorithm[] {
  const wanted = new Set<DigestAlgorithm>()
  for (const member of value.split(',')) {
    const [, name, weight] = /^[ \t]*([a-z0-9-]{1,16})=(\d{1,2})[ \t]*$/.exec(member) ?? []
    if (name !== undefined && name in DIGEST_BYTES && Number(weight) > 0) wanted.add(name as DigestAlgorithm)
  }
  return [...wanted]
}
