/** What is found without sharp, and how much of a file may be read. */
import { describe, expect, test } from 'vitest'
import { samples } from '../testing/samples.ts'
import { inspect } from './inspect.ts'
import { MediaBytes } from './media-bytes.ts'

const bytesOf = (bytes: Buffer): MediaBytes =>
  new MediaBytes(bytes.length, async (start, end) => bytes.subarray(start, end))

describe('without sharp', () => {
  test('pictures are what they are all the same, and without a thumbnail', async () => {
    for (const { name, type, mediaType, bytes, facts } of await samples()) {
      const { thumbnail: _, ...found } = facts
      const seen = await inspect(bytesOf(bytes), type, undefined)
      expect(seen, name).toMatchObject({ kind: 'fine', type, mediaType, facts: found, thumbnail: undefined })
    }
  })

  test('a picture whose end is missing is damaged', async () => {
    for (const { name, type, mediaType, bytes } of await samples()) {
      if (mediaType !== 'IMAGE') continue
      const seen = await inspect(bytesOf(bytes.subarray(0, -8)), type, undefined)
      expect(seen, name).toMatchObject({ kind: 'bad', failure: { code: 'DAMAGED_FILE' } })
    }
  })
})

describe('the bytes of a file', () => {
  test('are read in any order, and end where it ends', async () => {
    const all = Buffer.from(Array.from({ length: 1_000_000 }, (_, i) => (i * 7) % 251))
    const bytes = bytesOf(all)
    for (const [start, length] of [
      [0, 10],
      [999_990, 100],
      [5, 300_000],
      [400_000, 10],
      [399_990, 30],
      [2e6, 5],
    ] as const) {
      expect(Buffer.from(await bytes.read(start, length)).equals(all.subarray(start, start + length))).toBe(
        true,
      )
    }
    expect(Buffer.from(await bytes.tail(7)).equals(all.subarray(-7))).toBe(true)
  })

  test('are not read without end', async () => {
    const bytes = new MediaBytes(2 ** 40, async (start, end) => new Uint8Array(Math.min(end - start, 1)))
    const reading = async (): Promise<void> => {
      for (let at = 0; ; at += 2 ** 26) await bytes.read(at, 2 ** 26)
    }
    await expect(reading()).rejects.toMatchObject({ code: 'PROCESSING_LIMIT_EXCEEDED' })
  })
})
