import type { Digest } from '../digest.ts'

/** The sha-256 of a `Repr-Digest` header (RFC 9530, section 3), if it has one. */
export function parseReprDigest(header: string | undefined): Digest | undefined {
  const value = /(?:^|,)\s*sha-256=:([A-Za-z0-9+/]+={0,2}):/.exec(header ?? '')?.[1]
  return value === undefined ? undefined : { algorithm: 'sha-256', value }
}
