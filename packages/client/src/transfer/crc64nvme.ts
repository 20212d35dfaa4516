/**
 * CRC-64/NVME (the one of S3's `CRC64NVME`), continuable and combinable. NVM Command Set Specification 1.0, 5.2.1.3.4.
 *
 * No runtime has a native one. Tables process eight bytes a step on 32-bit halves, because a `bigint` costs more
 * than a byte does: about 400 MB/s on one core. They are built at the first call: importing touches no global.
 */
const POLYNOMIAL = 0x9a6c9329ac4bc9b5n
const [HIGH, LOW] = [0x9a6c9329, 0xac4bc9b5]

/** Table k holds what a byte becomes when k zero bytes follow it: low halves, then high halves. */
let tables: readonly [low: Uint32Array, high: Uint32Array] | undefined

/** The CRC of what `before` covered followed by `bytes`. */
export function crc64nvme(bytes: Uint8Array, before = 0n): bigint {
  tables ??= build()
  const [l, h] = tables
  let low = ~Number(before & 0xffffffffn)
  let high = ~Number(before >> 32n)
  let i = 0
  for (const end = bytes.length - 7; i < end; i += 8) {
    const a = low ^ word(bytes, i)
    const b = high ^ word(bytes, i + 4)
    const i7 = 1792 + (a & 255)
    const i6 = 1536 + ((a >>> 8) & 255)
    const i5 = 1280 + ((a >>> 16) & 255)
    const i4 = 1024 + (a >>> 24)
    const i3 = 768 + (b & 255)
    const i2 = 512 + ((b >>> 8) & 255)
    const i1 = 256 + ((b >>> 16) & 255)
    const i0 = b >>> 24
    low = at(l, i7) ^ at(l, i6) ^ at(l, i5) ^ at(l, i4) ^ at(l, i3) ^ at(l, i2) ^ at(l, i1) ^ at(l, i0)
    high = at(h, i7) ^ at(h, i6) ^ at(h, i5) ^ at(h, i4) ^ at(h, i3) ^ at(h, i2) ^ at(h, i1) ^ at(h, i0)
  }
  for (; i < bytes.length; i++) {
    const index = (low ^ (bytes[i] ?? 0)) & 255
    low = ((low >>> 8) | (high << 24)) ^ at(l, index)
    high = (high >>> 8) ^ at(h, index)
  }
  return (BigInt(~high >>> 0) << 32n) | BigInt(~low >>> 0)
}

function build(): readonly [Uint32Array, Uint32Array] {
  const low = new Uint32Array(8 * 256)
  const high = new Uint32Array(8 * 256)
  for (let i = 0; i < 256; i++) {
    let [l, h] = [i, 0]
    for (let bit = 0; bit < 8; bit++) {
      const odd = l & 1
      l = (l >>> 1) | (h << 31)
      h = h >>> 1
      if (odd) [l, h] = [l ^ LOW, h ^ HIGH]
    }
    low[i] = l
    high[i] = h
  }
  for (let i = 256; i < 8 * 256; i++) {
    const [l, h] = [at(low, i - 256), at(high, i - 256)]
    low[i] = ((l >>> 8) | (h << 24)) ^ at(low, l & 255)
    high[i] = (h >>> 8) ^ at(high, l & 255)
  }
  return [low, high]
}

/** Of tables only: one function for bytes too would be half as fast. */
function at(table: Uint32Array, index: number): number {
  return table[index] ?? 0
}

function word(bytes: Uint8Array, i: number): number {
  return (
    (bytes[i] ?? 0) | ((bytes[i + 1] ?? 0) << 8) | ((bytes[i + 2] ?? 0) << 16) | ((bytes[i + 3] ?? 0) << 24)
  )
}

/**
 * What n bytes behind a stretch do to its CRC: x^(8n) modulo the polynomial. Worth keeping where many stretches
 * have one length.
 */
export function shiftOf(bytes: number): bigint {
  let power = 1n << 55n // x^8: one byte
  let shift = 1n << 63n // x^0
  for (let n = bytes; n > 0; n = Math.floor(n / 2)) {
    if (n % 2 === 1) shift = multiply(shift, power)
    power = multiply(power, power)
  }
  return shift
}

/** The CRC of two stretches one after the other, from the CRC of each and the shift of the second's length. */
export function combineCrc64nvme(first: bigint, second: bigint, shift: bigint): bigint {
  return multiply(first, shift) ^ second
}

/** Product of two polynomials, bit-reversed, modulo the polynomial. */
function multiply(a: bigint, b: bigint): bigint {
  let product = 0n
  let shifted = b
  for (let left = a; left !== 0n; left = (left << 1n) & 0xffffffffffffffffn) {
    if (left >> 63n) product ^= shifted
    shifted = shifted & 1n ? (shifted >> 1n) ^ POLYNOMIAL : shifted >> 1n
  }
  return product
}
