import { crc32 as zlibCrc32 } from 'node:zlib'
import { expect, test } from 'vitest'
import { crc32, fingerprintOf, pieceStarts } from '../src/fingerprint.ts'

const bytes = (size: number) => Uint8Array.from({ length: size }, (_, index) => (index * 31) % 251)
const file = (content: Uint8Array<ArrayBuffer>, name = 'a.bin', lastModified = 1) =>
  new File([content], name, { lastModified })

test('the checksum is the one of zlib, in one go or in pieces', () => {
  const data = bytes(5000)
  expect(crc32(data)).toBe(zlibCrc32(data))
  expect(crc32(data.subarray(2000), crc32(data.subarray(0, 2000)))).toBe(zlibCrc32(data))
})

test('name, size, date and content each make another file', async () => {
  const data = bytes(1_000_000)
  const same = await fingerprintOf(file(data))
  expect(await fingerprintOf(file(bytes(1_000_000)))).toBe(same)
  expect(await fingerprintOf(file(data, 'b.bin'))).not.toBe(same)
  expect(await fingerprintOf(file(data, 'a.bin', 2))).not.toBe(same)
  expect(await fingerprintOf(file(data.slice(1)))).not.toBe(same)
  for (const place of [0, 999_999]) {
    const other = bytes(1_000_000)
    other[place] = (other[place] ?? 0) ^ 1
    expect(await fingerprintOf(file(other))).not.toBe(same)
  }
})

test.each([0, 1, 16_384, 16_385, 100_000, 262_144, 5e11])(
  'pieces of %d bytes reach both ends and stay inside',
  (size) => {
    const starts = pieceStarts(size)
    expect(starts.length).toBeLessThanOrEqual(16)
    expect(starts.every((start) => start >= 0 && start < size)).toBe(true)
    if (size > 0) {
      expect(starts[0]).toBe(0)
      expect((starts.at(-1) ?? 0) + 16_384).toBeGreaterThanOrEqual(size)
    }
  },
)
