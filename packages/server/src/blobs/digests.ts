/** Digests of stored bytes, by the names of RFC 9530. */
import { createHash } from 'node:crypto'
import { crc32, crc32c } from '@node-rs/crc32'
import type { DigestAlgorithm } from '@pawl/protocol'

export type { DigestAlgorithm }

/** Lower-case hex by algorithm; what is not there was not computed. */
export type Digests = { readonly [A in DigestAlgorithm]?: string }

/** A digest that is computed behind a writer, off the event loop, from bytes that are already stored. */
export interface FollowingDigest {
  /** The segment's first `length` bytes are there and stay. */
  advance(length: number): void
  /** Reads what is left up to `length` and ends. @throws StoreError when bytes are missing or it was cancelled */
  finish(length: number): Promise<Digests>
  /** Ends it without a result. */
  cancel(): void
}

export interface Hasher {
  update(bytes: Uint8Array): void
  /** Ends it. */
  hex(): string
}

const OPENSSL_NAMES = { 'sha-256': 'sha256', 'sha-512': 'sha512', sha: 'sha1', md5: 'md5' } as const

export function hasherFor(algorithm: DigestAlgorithm): Hasher {
  if (algorithm === 'crc32' || algorithm === 'crc32c') {
    const next = algorithm === 'crc32' ? crc32 : crc32c
    let state = 0
    return {
      update(bytes) {
        state = next(bytes, state)
      },
      hex: () => state.toString(16).padStart(8, '0'),
    }
  }
  const hash = createHash(OPENSSL_NAMES[algorithm])
  return { update: (bytes) => void hash.update(bytes), hex: () => hash.digest('hex') }
}

/** Digests of bytes that are in memory anyway. */
export function digestOf(chunks: Iterable<Uint8Array>, algorithms: readonly DigestAlgorithm[]): Digests {
  const hashers = algorithms.map((name) => [name, hasherFor(name)] as const)
  for (const chunk of chunks) for (const [, hasher] of hashers) hasher.update(chunk)
  return Object.fromEntries(hashers.map(([name, hasher]) => [name, hasher.hex()])) as Digests
}
