/**
 * What makes a file "the same file" after a reload: name, size, time of change, and a checksum over pieces spread
 * across it. A changed file with an unchanged name must never be spliced onto the bytes of its older version.
 */

const pieces = 16
const pieceSize = 16 * 1024

/** @throws DOMException when the file cannot be read (it is a folder, was removed or has changed). */
export async function fingerprintOf(file: File): Promise<string> {
  let sum = 0
  for (const start of pieceStarts(file.size)) {
    sum = crc32(new Uint8Array(await file.slice(start, start + pieceSize).arrayBuffer()), sum)
  }
  return [file.size, file.lastModified, sum.toString(16).padStart(8, '0'), file.name].join('/')
}

/** The first piece, the last one, and an even spread in between; every byte of a small file. */
export function pieceStarts(size: number): number[] {
  const count = Math.min(pieces, Math.ceil(size / pieceSize))
  const last = Math.max(0, size - pieceSize)
  return Array.from({ length: count }, (_, index) =>
    count === 1 ? 0 : Math.floor((last * index) / (count - 1)),
  )
}

const table = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1
  return value
})

/** CRC-32 as in zlib; `sum` is the checksum of what came before. */
export function crc32(bytes: Uint8Array, sum = 0): number {
  let value = ~sum
  for (const byte of bytes) value = (value >>> 8) ^ (table[(value ^ byte) & 0xff] ?? 0)
  return ~value >>> 0
}
