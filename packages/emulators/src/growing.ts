/** Bytes that grow from the front, and the CRC-32C of a whole. */

export class Growing {
  readonly #chunks: Buffer[] = []
  size = 0

  /** Takes a copy: what arrived together in one piece of memory does not keep each other alive. */
  add(bytes: Buffer): void {
    if (bytes.length === 0) return
    this.#chunks.push(Buffer.from(bytes))
    this.size += bytes.length
  }

  bytes(): Buffer {
    return Buffer.concat(this.#chunks)
  }
}

const TABLE = Uint32Array.from({ length: 256 }, (_, index) => {
  let crc = index
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
  return crc >>> 0
})

/** Base64 of the big-endian CRC-32C, as Google writes it. */
export function crc32c(bytes: Buffer): string {
  let crc = 0xffffffff
  for (let i = 0; i < bytes.length; i++) crc = (crc >>> 8) ^ (TABLE[(crc ^ (bytes[i] ?? 0)) & 255] ?? 0)
  const out = Buffer.alloc(4)
  out.writeUInt32BE(~crc >>> 0)
  return out.toString('base64')
}
