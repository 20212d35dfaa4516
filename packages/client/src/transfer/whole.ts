/** The digest of the whole body. */
import { encodeBase64 } from '@pawl/protocol'
import type { Digest } from '../digest.ts'
import type { Grid } from './grid.ts'
import type { Source } from './source.ts'
import { readCell } from './verify.ts'

const BLOCK = 1024 * 1024
/** Without a hash that can be fed bit by bit, bodies above this are not hashed: they would have to be held whole. */
const WHOLE = 64 * BLOCK

/** The CRC-32, from what was read while sending; only cells that were not read in one piece are read again. */
export async function crc32Of(source: Source, grid: Grid): Promise<Digest> {
  for (const index of grid.unknown()) await readCell(source, grid, index)
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, grid.whole() ?? 0)
  return { algorithm: 'crc32', value: encodeBase64(bytes) }
}

/** A hash of the body by reading it; undefined where this runtime cannot compute it. */
export async function hashOf(
  source: Source,
  algorithm: Digest['algorithm'],
  signal: AbortSignal,
): Promise<Digest | undefined> {
  if (algorithm !== 'sha-256' && algorithm !== 'sha-512') return undefined
  const crypto = globalThis.process?.getBuiltinModule?.('node:crypto')
  if (crypto === undefined) {
    if (source.size > WHOLE || globalThis.crypto?.subtle === undefined) return undefined
    const hash = await globalThis.crypto.subtle.digest(algorithm, await source.read(0, source.size))
    return { algorithm, value: encodeBase64(new Uint8Array(hash)) }
  }
  const hash = crypto.createHash(algorithm.replace('-', ''))
  for (let at = 0; at < source.size; at += BLOCK) {
    signal.throwIfAborted()
    hash.update(await source.read(at, Math.min(at + BLOCK, source.size)))
  }
  return { algorithm, value: hash.digest('base64') }
}
