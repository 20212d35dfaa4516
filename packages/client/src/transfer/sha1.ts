/** SHA-1 (RFC 3174), fed bit by bit: for runtimes that only hash what is in memory as a whole. */
import type { Hasher } from './hashers.ts'

const BLOCK = 64

export function sha1(): Hasher {
  const state = Uint32Array.of(0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0)
  const words = new Uint32Array(80)
  const block = new Uint8Array(BLOCK)
  const view = new DataView(block.buffer)
  let filled = 0
  let size = 0

  function mix(view: DataView, at: number): void {
    for (let i = 0; i < 16; i++) words[i] = view.getUint32(at + i * 4)
    for (let i = 16; i < 80; i++) {
      const x = word(i - 3) ^ word(i - 8) ^ word(i - 14) ^ word(i - 16)
      words[i] = (x << 1) | (x >>> 31)
    }
    let [a = 0, b = 0, c = 0, d = 0, e = 0] = state
    for (let i = 0; i < 80; i++) {
      const [f, k] =
        i < 20
          ? [(b & c) | (~b & d), 0x5a827999]
          : i < 40
            ? [b ^ c ^ d, 0x6ed9eba1]
            : i < 60
              ? [(b & c) | (b & d) | (c & d), 0x8f1bbcdc]
              : [b ^ c ^ d, 0xca62c1d6]
      const next = (((a << 5) | (a >>> 27)) + f + e + k + word(i)) | 0
      e = d
      d = c
      c = (b << 30) | (b >>> 2)
      b = a
      a = next
    }
    for (const [i, value] of [a, b, c, d, e].entries()) state[i] = (state[i] ?? 0) + value
  }
  function word(i: number): number {
    return words[i] ?? 0
  }

  return {
    update: (bytes) => {
      size += bytes.length
      let at = 0
      if (filled > 0) {
        at = Math.min(BLOCK - filled, bytes.length)
        block.set(bytes.subarray(0, at), filled)
        filled += at
        if (filled < BLOCK) return
        mix(view, 0)
      }
      const whole = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
      for (; at + BLOCK <= bytes.length; at += BLOCK) mix(whole, at)
      block.set(bytes.subarray(at))
      filled = bytes.length - at
    },
    digest: () => {
      block.fill(0, filled)
      block[filled] = 0x80
      if (filled >= BLOCK - 8) {
        mix(view, 0)
        block.fill(0)
      }
      view.setBigUint64(BLOCK - 8, BigInt(size) * 8n)
      mix(view, 0)
      const digest = new DataView(new ArrayBuffer(20))
      for (const [i, value] of state.entries()) digest.setUint32(i * 4, value)
      return new Uint8Array(digest.buffer)
    },
  }
}
