/** What is found without sharp, and how much of a file may be read. */
import { describe, expect, test } from 'vitest'
import { samples, zip } from '../testing/samples.ts'
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

/** An archive of one file in the form for large ones: every size that can stands elsewhere. */
function largeZip(claims: bigint, content = Buffer.from('hello')): Buffer {
  const small = zip([{ name: 'a', content }])
  const start = small.lastIndexOf(Buffer.from('504b0102', 'hex'))
  const entry = small.subarray(start, start + 47)
  entry.writeUInt32LE(0xffffffff, 24)
  entry.writeUInt16LE(12, 30)
  const extra = Buffer.alloc(12)
  extra.writeUInt16LE(1, 0)
  extra.writeUInt16LE(8, 2)
  extra.writeBigUInt64LE(claims, 4)
  const end = Buffer.alloc(56)
  end.write('PK\x06\x06')
  end.writeBigUInt64LE(59n, 40)
  end.writeBigUInt64LE(BigInt(start), 48)
  const locator = Buffer.alloc(20)
  locator.write('PK\x06\x07')
  locator.writeBigUInt64LE(BigInt(start + 59), 8)
  const last = Buffer.from(small.subarray(-22))
  last.fill(0xff, 12, 20)
  return Buffer.concat([small.subarray(0, start), entry, extra, end, locator, last])
}

describe('an archive in the form for large ones', () => {
  const look = (bytes: Buffer) => inspect(bytesOf(bytes), 'application/zip', undefined)

  test('is read like any other', async () => {
    expect(await look(largeZip(5n))).toMatchObject({ kind: 'fine', mediaType: 'ARCHIVE' })
    const bomb = { kind: 'bad', failure: { code: 'PROCESSING_LIMIT_EXCEEDED' } }
    expect(await look(largeZip(2n ** 40n))).toMatchObject(bomb)
    expect(await look(largeZip(2n ** 64n - 1n))).toMatchObject(bomb)
  })

  test('without its other end, or with one that makes no sense, is damaged', async () => {
    const whole = largeZip(5n)
    const damaged = { kind: 'bad', failure: { code: 'DAMAGED_FILE' } }
    for (const at of [whole.length - 42, whole.length - 98]) {
      const broken = Buffer.from(whole)
      broken[at] = 0
      expect(await look(broken), String(at)).toMatchObject(damaged)
    }
  })
})

describe('an SVG', () => {
  const look = (text: string) => inspect(bytesOf(Buffer.from(text)), 'image/svg+xml', undefined)

  test('may have comments behind its end', async () => {
    const comments = '<!-- a --> <!--\n-->\n'.repeat(100)
    expect(await look(`<svg width="1"></svg>\n${comments}`)).toMatchObject({ kind: 'fine' })
    expect(await look(`<svg width="1"></svg><!-->`)).toMatchObject({ kind: 'bad' })
  })

  test('with many comments and something behind them is refused as fast as any', async () => {
    const start = Date.now()
    expect(await look(`<svg></svg>${'<!---->'.repeat(30)}x`)).toMatchObject({
      kind: 'bad',
      failure: { code: 'DAMAGED_FILE' },
    })
    expect(Date.now() - start).toBeLessThan(1000)
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
