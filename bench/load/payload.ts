/**
 * The bytes that are uploaded: pseudo-random, the same on every machine, made before anything is timed. A
 * position decides the byte, so a digest of what came back tells whether every byte is where it belongs.
 */
import { createCipheriv, createHash } from 'node:crypto'

/** Not a multiple of any block size: bytes that a server put a block too far never look right by accident. */
const PERIOD = 64 * 1024 * 1024 - 4093
/** Few writes, and still small enough to be cut into requests. */
const PIECE = 4 * 1024 * 1024

const bytes = createCipheriv('aes-128-ctr', Buffer.alloc(16, 'pawl'), Buffer.alloc(16)).update(
  Buffer.alloc(PERIOD),
)

/** The bytes from `start` on, as views that copy nothing. */
export function* pieces(start: number, length: number): Generator<Uint8Array> {
  for (let at = start; at < start + length; ) {
    const from = at % PERIOD
    const size = Math.min(PIECE, start + length - at, PERIOD - from)
    yield bytes.subarray(from, from + size)
    at += size
  }
}

/** The same as one view; the start is moved where it would run over the end of the period. */
export function small(index: number, length: number): Uint8Array {
  const from = (index * 7919) % (PERIOD - length)
  return bytes.subarray(from, from + length)
}

/** sha-256 in hexadecimal of what `pieces` yields. */
export function digestOf(parts: Iterable<Uint8Array>): string {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest('hex')
}
