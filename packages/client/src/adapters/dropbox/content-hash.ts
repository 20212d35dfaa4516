/** https://www.dropbox.com/developers/reference/content-hash */
import { encodeBase64 } from '@pawl/protocol'
import type { Digest } from '../../digest.ts'

const BLOCK = 4 * 1024 * 1024

/** The content hash of what is in memory, in hex. */
export async function contentHash(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const hashes: Uint8Array[] = []
  for (let at = 0; at < bytes.length; at += BLOCK)
    hashes.push(new Uint8Array(await crypto.subtle.digest('SHA-256', bytes.subarray(at, at + BLOCK))))
  const all = new Uint8Array(hashes.length * 32)
  for (const [index, hash] of hashes.entries()) all.set(hash, index * 32)
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', all))
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** A file's content hash as Dropbox writes it. */
export function digestOf(hex: unknown): Digest | undefined {
  if (typeof hex !== 'string' || !/^[0-9a-f]{64}$/.test(hex)) return undefined
  const bytes = Uint8Array.from(hex.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16))
  return { algorithm: 'dropbox', value: encodeBase64(bytes) }
}
