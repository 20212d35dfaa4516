/** Hashes that are fed bit by bit, by the name of their algorithm. */
import type { Digest } from '../digest.ts'
import { tableCrc32 } from './crc32.ts'
import { sha1 } from './sha1.ts'

export interface Hasher {
  update(bytes: Uint8Array): void
  digest(): Uint8Array
}

const CASTAGNOLI = 0x82f63b78
/** Dropbox hashes blocks of this size, then their hashes: https://www.dropbox.com/developers/reference/content-hash */
const DROPBOX_BLOCK = 4 * 1024 * 1024

/** Undefined where this runtime has none: browsers hash only what is in memory as a whole. */
export function hasherOf(algorithm: Digest['algorithm']): Hasher | undefined {
  if (algorithm === 'crc32c') return crc32c()
  if (algorithm === 'quickxor') return quickXor()
  const crypto = globalThis.process?.getBuiltinModule?.('node:crypto')
  if (crypto === undefined) return algorithm === 'sha' ? sha1() : undefined
  switch (algorithm) {
    case 'md5':
    case 'sha-256':
    case 'sha-512':
      return crypto.createHash(algorithm.replace('-', ''))
    case 'sha':
      return crypto.createHash('sha1')
    case 'dropbox':
      return inBlocks(() => crypto.createHash('sha256'))
  }
  return undefined
}

function crc32c(): Hasher {
  const next = tableCrc32(CASTAGNOLI)
  let crc = 0
  return {
    update: (bytes) => {
      crc = next(bytes, crc)
    },
    digest: () => {
      const bytes = new Uint8Array(4)
      new DataView(bytes.buffer).setUint32(0, crc)
      return bytes
    },
  }
}

/** The hash of the hashes of blocks. */
function inBlocks(create: () => Hasher): Hasher {
  const whole = create()
  let block = create()
  let filled = 0
  const close = () => {
    whole.update(block.digest())
    block = create()
    filled = 0
  }
  return {
    update: (bytes) => {
      for (let rest = bytes; rest.length > 0; ) {
        const now = rest.subarray(0, DROPBOX_BLOCK - filled)
        block.update(now)
        filled += now.length
        rest = rest.subarray(now.length)
        if (filled === DROPBOX_BLOCK) close()
      }
    },
    digest: () => {
      if (filled > 0) close()
      return whole.digest()
    },
  }
}

/**
 * The hash of OneDrive: 160 bits, each byte exclusive-ored in 11 bits further on, and the length at the end.
 * https://learn.microsoft.com/onedrive/developer/code-snippets/quickxorhash
 */
function quickXor(): Hasher {
  const BITS = 160
  // Bytes that far apart meet at one place: they are gathered first and put there once.
  const gathered = new Uint8Array(BITS)
  let size = 0
  return {
    update: (bytes) => {
      let at = size % BITS
      for (let i = 0; i < bytes.length; i++) {
        gathered[at] = (gathered[at] ?? 0) ^ (bytes[i] ?? 0)
        at = at + 1 === BITS ? 0 : at + 1
      }
      size += bytes.length
    },
    digest: () => {
      const hash = new Uint8Array(BITS / 8)
      const mix = (index: number, value: number) => {
        hash[index % hash.length] = (hash[index % hash.length] ?? 0) ^ value
      }
      for (const [index, byte] of gathered.entries()) {
        const bit = (index * 11) % BITS
        mix(bit >> 3, byte << (bit & 7))
        mix((bit >> 3) + 1, byte >> (8 - (bit & 7)))
      }
      const length = new Uint8Array(8)
      new DataView(length.buffer).setBigUint64(0, BigInt(size), true)
      for (const [index, byte] of length.entries()) mix(hash.length - length.length + index, byte)
      return hash
    },
  }
}
