/**
 * What every blob store promises, as tests: each implementation calls this with a way to make itself.
 *
 * Long, because it is one list: whoever writes a store reads all of it.
 */
import { createHash } from 'node:crypto'
import { crc32 as zlibCrc32 } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type BlobStore, newSegmentId, type SegmentId, type SegmentWriter } from './blob-store.ts'
import { all, collect, emptySegment, sampleBytes } from './sample-bytes.ts'

async function filled(store: BlobStore, bytes: Uint8Array): Promise<SegmentId> {
  const segment = newSegmentId()
  const writer = await store.openWriter(segment)
  await writer.write([bytes])
  await end(writer)
  return segment
}

/** Writes, and makes it count. */
async function write(writer: SegmentWriter, chunks: readonly Uint8Array[]): Promise<void> {
  await writer.write(chunks)
  await writer.flush?.(false)
}

async function end(writer: SegmentWriter): Promise<void> {
  await writer.flush?.(true)
  await writer.close()
}

async function contentOf(store: BlobStore, segment: SegmentId): Promise<Buffer> {
  return collect(store.read(segment, 0, (await store.inspect(segment))?.length ?? 0))
}

/**
 * @param make - a new, opened store
 * @param runs - of what is tried with random steps
 */
export function blobStoreContract(make: () => Promise<BlobStore>, runs = 100): void {
  describe('a segment', () => {
    test('begins empty, and tells when bytes came last', async () => {
      const store = await make()
      const before = Date.now()
      const segment = await emptySegment(store)
      expect((await store.inspect(segment))?.length).toBe(0)
      const writer = await store.openWriter(segment)
      await write(writer, [sampleBytes(1)])
      await writer.close()
      const state = await store.inspect(segment)
      expect(state?.length).toBe(1)
      // File systems keep time in coarse steps.
      expect(state?.modifiedAt).toBeGreaterThan(before - 1000)
      expect(state?.modifiedAt).toBeLessThan(Date.now() + 1000)
    })

    test('that was never made is not there', async () => {
      const store = await make()
      expect(await store.inspect(newSegmentId())).toBeUndefined()
    })

    test('is made by its first writer', async () => {
      const store = await make()
      const segment = newSegmentId()
      const writer = await store.openWriter(segment)
      expect(writer.length).toBe(0)
      await write(writer, [sampleBytes(3)])
      await writer.close()
      expect(await contentOf(store, segment)).toEqual(sampleBytes(3))
    })

    test('is gone once removed, and removing it again is fine', async () => {
      const store = await make()
      const segment = await filled(store, sampleBytes(10))
      await store.remove(segment)
      await store.remove(segment)
      await store.remove(newSegmentId())
      expect(await store.inspect(segment)).toBeUndefined()
      expect(await all(store.list())).toEqual([])
    })

    test('is listed with all others in ascending order', async () => {
      const store = await make()
      const segments = Array.from({ length: 300 }, newSegmentId)
      for (const segment of segments) {
        const writer = await store.openWriter(segment)
        await write(writer, [sampleBytes(1)])
        await writer.close()
      }
      expect(await all(store.list())).toEqual([...segments].sort())
    })
  })

  describe('a writer', () => {
    test('puts chunks one after the other, write after write', async () => {
      const store = await make()
      const segment = newSegmentId()
      const writer = await store.openWriter(segment)
      const bytes = sampleBytes(1000)
      await write(writer, [bytes.subarray(0, 1), bytes.subarray(1, 300)])
      expect(writer.length).toBe(300)
      await write(writer, [bytes.subarray(300)])
      expect(writer.length).toBe(1000)
      await writer.close()
      expect((await store.inspect(segment))?.length).toBe(1000)
      expect(await contentOf(store, segment)).toEqual(bytes)
    })

    test('goes on at the end of what an earlier one left', async () => {
      const store = await make()
      const bytes = sampleBytes(20)
      const segment = await filled(store, bytes.subarray(0, 7))
      const writer = await store.openWriter(segment)
      expect(writer.length).toBe(7)
      await write(writer, [bytes.subarray(7)])
      await writer.close()
      expect(await contentOf(store, segment)).toEqual(bytes)
    })

    test('leaves nothing to the caller’s buffer once it resolved', async () => {
      const store = await make()
      const segment = newSegmentId()
      const writer = await store.openWriter(segment)
      const reused = sampleBytes(100)
      await writer.write([reused])
      reused.fill(0)
      await end(writer)
      expect(await contentOf(store, segment)).toEqual(sampleBytes(100))
    })

    test('takes no chunks, empty chunks and thousands of chunks', async () => {
      const store = await make()
      const segment = newSegmentId()
      const writer = await store.openWriter(segment)
      const bytes = sampleBytes(5000)
      await write(writer, [])
      await write(writer, [Buffer.alloc(0), Buffer.alloc(0)])
      await write(
        writer,
        Array.from({ length: 5000 }, (_, at) => [bytes.subarray(at, at + 1), Buffer.alloc(0)]).flat(),
      )
      await writer.close()
      expect(await contentOf(store, segment)).toEqual(bytes)
    })

    test('takes bytes back and goes on from there', async () => {
      const store = await make()
      const segment = newSegmentId()
      const writer = await store.openWriter(segment)
      const bytes = sampleBytes(100)
      await write(writer, [bytes.subarray(0, 60), sampleBytes(40, 2)])
      await writer.truncate(60)
      expect(writer.length).toBe(60)
      await write(writer, [bytes.subarray(60)])
      await writer.close()
      expect(await contentOf(store, segment)).toEqual(bytes)
    })

    test('takes back to nothing what an earlier writer left', async () => {
      const store = await make()
      const segment = await filled(store, sampleBytes(10))
      const writer = await store.openWriter(segment)
      await writer.truncate(0)
      expect(writer.length).toBe(0)
      await write(writer, [sampleBytes(5, 3)])
      await end(writer)
      expect(await contentOf(store, segment)).toEqual(sampleBytes(5, 3))
    })

    test('never makes a segment longer by cutting it', async () => {
      const store = await make()
      const segment = newSegmentId()
      const writer = await store.openWriter(segment)
      await write(writer, [sampleBytes(10)])
      await writer.truncate(20)
      expect(writer.length).toBe(10)
      await writer.close()
      await store.truncate(segment, 30)
      expect(await contentOf(store, segment)).toEqual(sampleBytes(10))
    })

    test('does not mix its bytes with those of others that write at the same time', async () => {
      const store = await make()
      const segments = await Promise.all(
        Array.from({ length: 20 }, async (_, seed) => {
          const segment = newSegmentId()
          const writer = await store.openWriter(segment)
          const bytes = sampleBytes(3000, seed)
          for (let at = 0; at < 3000; at += 500) await write(writer, [bytes.subarray(at, at + 500)])
          await writer.close()
          return segment
        }),
      )
      for (const [seed, segment] of segments.entries()) {
        expect(await contentOf(store, segment)).toEqual(sampleBytes(3000, seed))
      }
    })

    test('whatever is written, cut and reopened, the bytes are what a plain buffer would hold', async () => {
      const store = await make()
      const step = fc.oneof(
        fc.record({ write: fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 5 }) }),
        fc.record({ cut: fc.nat(600) }),
        fc.constant('reopen' as const),
      )
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
          const segment = newSegmentId()
          let writer = await store.openWriter(segment)
          let model = Buffer.alloc(0)
          for (const step of steps) {
            if (step === 'reopen') {
              await writer.close()
              writer = await store.openWriter(segment)
            } else if ('write' in step) {
              await write(writer, step.write)
              model = Buffer.concat([model, ...step.write])
            } else {
              await writer.truncate(step.cut)
              model = model.subarray(0, step.cut)
            }
            expect(writer.length).toBe(model.byteLength)
          }
          await writer.close()
          expect(await contentOf(store, segment)).toEqual(Buffer.from(model))
        }),
        { numRuns: runs },
      )
    })
  })

  describe('durability', () => {
    test('sync tells how many bytes it covered', async () => {
      const store = await make()
      const segment = await filled(store, sampleBytes(123))
      expect(await store.sync(segment)).toBe(123)
      expect(await store.sync(segment)).toBe(123)
    })

    test('what a writer wrote is synced and sealed while it is open', async () => {
      const store = await make()
      const segment = newSegmentId()
      const writer = await store.openWriter(segment)
      await write(writer, [sampleBytes(10)])
      expect(await store.sync(segment)).toBe(10)
      await write(writer, [sampleBytes(5)])
      await expect(store.seal(segment, 10)).rejects.toMatchObject({ name: 'StoreError', code: 'damaged' })
      await store.seal(segment, 15)
      await writer.close()
      await store.seal(segment, 15)
      expect(await store.sync(segment)).toBe(15)
    })

    test('a writer may be closed while it is being synced', async () => {
      const store = await make()
      const segment = newSegmentId()
      const writer = await store.openWriter(segment)
      await write(writer, [sampleBytes(100_000)])
      const [synced] = await Promise.all([store.sync(segment), writer.close()])
      expect(synced).toBe(100_000)
    })

    test('a missing segment cannot be synced, cut or sealed', async () => {
      const store = await make()
      const missing = { name: 'StoreError', code: 'missing' }
      await expect(store.sync(newSegmentId())).rejects.toMatchObject(missing)
      await expect(store.truncate(newSegmentId(), 0)).rejects.toMatchObject(missing)
      await expect(store.seal(newSegmentId(), 0)).rejects.toMatchObject(missing)
      expect(await all(store.list())).toEqual([])
    })

    test('a segment is sealed at its length only, once or again', async () => {
      const store = await make()
      const segment = await filled(store, sampleBytes(10))
      const damaged = { name: 'StoreError', code: 'damaged' }
      await expect(store.seal(segment, 9)).rejects.toMatchObject(damaged)
      await expect(store.seal(segment, 11)).rejects.toMatchObject(damaged)
      await store.seal(segment, 10)
      await store.seal(segment, 10)
      expect(await contentOf(store, segment)).toEqual(sampleBytes(10))
    })

    test('a cut segment ends where it was cut', async () => {
      const store = await make()
      const segment = await filled(store, sampleBytes(10))
      await store.truncate(segment, 4)
      expect((await store.inspect(segment))?.length).toBe(4)
      expect(await contentOf(store, segment)).toEqual(sampleBytes(10).subarray(0, 4))
    })

    test('trust is recorded without an error', async () => {
      await expect((await make()).trust()).resolves.toBeUndefined()
    })
  })

  describe('reading', () => {
    const SIZE = 700_000

    test('any range gives exactly its bytes', async () => {
      const store = await make()
      const bytes = sampleBytes(SIZE)
      const segment = await filled(store, bytes)
      await fc.assert(
        fc.asyncProperty(fc.nat(SIZE), fc.nat(SIZE), async (a, b) => {
          const [start, end] = a < b ? [a, b] : [b, a]
          const read = await collect(store.read(segment, start, end))
          // Buffer.equals: a readable difference of 700,000 bytes helps nobody.
          expect(read.equals(bytes.subarray(start, end))).toBe(true)
        }),
        {
          numRuns: 50,
          examples: [
            [0, 0],
            [5, 5],
            [SIZE, SIZE],
            [0, SIZE],
            [SIZE - 1, SIZE],
          ],
        },
      )
    })

    test('bytes that are not there are a StoreError, never a short answer', async () => {
      const store = await make()
      const segment = await filled(store, sampleBytes(10))
      await expect(collect(store.read(segment, 5, 11))).rejects.toMatchObject({ code: 'damaged' })
      await expect(collect(store.read(segment, 50, 60))).rejects.toMatchObject({ code: 'damaged' })
      await expect(collect(store.read(newSegmentId(), 0, 1))).rejects.toMatchObject({ code: 'missing' })
    })

    test('a reader that leaves early harms nobody', async () => {
      const store = await make()
      const segment = await filled(store, sampleBytes(SIZE))
      for await (const _ of store.read(segment, 0, SIZE)) break
      store.read(segment, 0, SIZE).destroy()
      expect((await collect(store.read(segment, 0, SIZE))).byteLength).toBe(SIZE)
    })
  })

  describe('the digest', () => {
    test('is that of all pieces one after the other', async () => {
      const store = await make()
      const bytes = sampleBytes(2_500_000)
      const pieces = [
        { segment: await filled(store, bytes.subarray(0, 1_500_000)), length: 1_500_000 },
        { segment: await filled(store, Buffer.alloc(0)), length: 0 },
        { segment: await filled(store, bytes.subarray(1_500_000)), length: 1_000_000 },
      ]
      const algorithms = ['sha-256', 'sha-512', 'sha', 'md5', 'crc32', 'crc32c'] as const
      expect(await store.digest(pieces, algorithms)).toEqual({
        'sha-256': createHash('sha256').update(bytes).digest('hex'),
        'sha-512': createHash('sha512').update(bytes).digest('hex'),
        sha: createHash('sha1').update(bytes).digest('hex'),
        md5: createHash('md5').update(bytes).digest('hex'),
        crc32: zlibCrc32(bytes).toString(16).padStart(8, '0'),
        crc32c: expect.stringMatching(/^[0-9a-f]{8}$/),
      })
    })

    test('knows the check values of the two CRCs', async () => {
      const store = await make()
      const piece = { segment: await filled(store, Buffer.from('123456789')), length: 9 }
      expect(await store.digest([piece], ['crc32', 'crc32c'])).toEqual({
        crc32: 'cbf43926',
        crc32c: 'e3069283',
      })
    })

    test('can follow a writer, from the beginning or from anywhere', async () => {
      const store = await make()
      const bytes = sampleBytes(1_000_000)
      const segment = newSegmentId()
      const writer = await store.openWriter(segment)
      const whole = store.follow(segment, 0, ['sha-256'])
      await write(writer, [bytes.subarray(0, 300_000)])
      whole.advance(writer.length)
      const rest = store.follow(segment, writer.length, ['md5'])
      await write(writer, [bytes.subarray(300_000)])
      await writer.close()
      expect(await whole.finish(1_000_000)).toEqual({
        'sha-256': createHash('sha256').update(bytes).digest('hex'),
      })
      expect(await rest.finish(1_000_000)).toEqual({
        md5: createHash('md5').update(bytes.subarray(300_000)).digest('hex'),
      })
    })

    test('that follows can be cancelled, and then has no result', async () => {
      const store = await make()
      const segment = await filled(store, sampleBytes(10))
      const following = store.follow(segment, 0, ['sha-256'])
      following.advance(5)
      following.cancel()
      await expect(following.finish(10)).rejects.toMatchObject({ name: 'StoreError' })
    })

    test('of no pieces is that of no bytes', async () => {
      expect(await (await make()).digest([], ['md5'])).toEqual({ md5: createHash('md5').digest('hex') })
    })

    test('of bytes that are not there is an error', async () => {
      const store = await make()
      const segment = await filled(store, sampleBytes(10))
      await expect(store.digest([{ segment, length: 11 }], ['md5'])).rejects.toMatchObject({
        name: 'StoreError',
      })
      await expect(store.digest([{ segment: newSegmentId(), length: 1 }], ['md5'])).rejects.toMatchObject({
        name: 'StoreError',
      })
      // One that failed is not in the way of the next.
      expect((await store.digest([{ segment, length: 10 }], ['md5'])).md5).toMatch(/^[0-9a-f]{32}$/)
    })
  })
}

/**
 * Of stores that know their limit.
 * @param make - a new, opened store; with `room`, it may hold that many bytes in all
 */
export function fullStoreContract(make: (room: number) => Promise<BlobStore>): void {
  describe('a store that is full', () => {
    test('says how much still fits', async () => {
      const store = await make(1000)
      expect(await store.freeBytes()).toBe(1000)
      await filled(store, sampleBytes(400))
      expect(await store.freeBytes()).toBe(600)
    })

    test('keeps a prefix, tells its exact length, and goes on when there is room again', async () => {
      const store = await make(1000)
      const other = await filled(store, sampleBytes(300, 9))
      const bytes = sampleBytes(900)
      const segment = newSegmentId()
      const writer = await store.openWriter(segment)
      await writer.write([bytes.subarray(0, 500)])
      const rest = [bytes.subarray(500, 600), bytes.subarray(600, 900)]
      await expect(writer.write(rest)).rejects.toMatchObject({ name: 'StoreError', code: 'no-space' })
      const kept = writer.length
      expect(kept).toBeGreaterThanOrEqual(500)
      expect(kept).toBeLessThan(900)
      expect((await store.inspect(segment))?.length).toBe(kept)
      expect(await contentOf(store, segment)).toEqual(bytes.subarray(0, kept))
      await store.remove(other)
      await writer.write([bytes.subarray(kept)])
      await writer.close()
      expect(await contentOf(store, segment)).toEqual(bytes)
    })
  })
}
