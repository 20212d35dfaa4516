import { encodeBase64 } from '@pawl/protocol'
import type { Digest } from '../digest.ts'

const LENGTHS = { md5: 32, 'sha-256': 64, dropbox: 64 } as const

/** A digest that a provider writes in hex; undefined for anything else. */
export function hexDigest(algorithm: keyof typeof LENGTHS, hex: unknown): Digest | undefined {
  if (typeof hex !== 'string' || hex.length !== LENGTHS[algorithm] || !/^[0-9a-f]+$/i.test(hex))
    return undefined
  const bytes = Uint8Array.from(hex.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16))
  return { algorithm, value: encodeBase64(bytes) }
}
