/** Pseudo-random bytes that tests can make again at any place, to compare what came back with what was sent. */
import { createCipheriv, createHash, randomInt } from 'node:crypto'

export const KIB = 1024
export const MIB = 1024 * KIB
export const GIB = 1024 * MIB

const BLOCK = 16

/** Endless bytes named by a seed. */
export interface Content {
  /** Bytes `start` to `end`, exclusive. */
  bytes(start: number, end: number): Buffer
  /** The lower-case hex sha-256 of the first `length` bytes. */
  sha256(length: number): string
}

export function contentOf(seed: string): Content {
  const key = createHash('sha256').update(seed).digest()
  const bytes = (start: number, end: number): Buffer => {
    const counter = Buffer.alloc(BLOCK)
    counter.writeBigUInt64BE(BigInt(Math.floor(start / BLOCK)), 8)
    const skip = start % BLOCK
    const cipher = createCipheriv('aes-256-ctr', key, counter)
    return cipher.update(Buffer.alloc(skip + end - start)).subarray(skip)
  }
  return {
    bytes,
    sha256(length) {
      const hash = createHash('sha256')
      for (const [start, end] of pieces(0, length)) hash.update(bytes(start, end))
      return hash.digest('hex')
    },
  }
}

/** The range from `start` to `end` in pieces that fit into memory. */
export function* pieces(start: number, end: number, size = MIB): Generator<[number, number]> {
  for (let at = start; at < end; at += size) yield [at, Math.min(end, at + size)]
}

export interface Chance {
  readonly seed: number
  /** A whole number from `min` to `max`, both possible. */
  between(min: number, max: number): number
}

/** Chance that can be repeated: its seed is printed, and PAWL_TEST_SEED sets it. */
export function chance(what: string): Chance {
  const seed = Number(process.env.PAWL_TEST_SEED ?? randomInt(2 ** 31))
  console.log(`${what}: PAWL_TEST_SEED=${seed}`)
  let state = seed >>> 0
  const next = (): number => {
    // mulberry32
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
  return { seed, between: (min, max) => min + Math.floor(next() * (max - min + 1)) }
}
