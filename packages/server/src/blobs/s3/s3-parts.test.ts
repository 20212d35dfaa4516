/** What the store in S3 does with parts and tails: what counts, in what order, and what each request costs. */
import { createHash } from 'node:crypto'
import { type S3, startS3 } from '@pawl/emulators/s3'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import type { Catalog } from '../../catalog/catalog.ts'
import { openMemoryCatalog } from '../../catalog/sqlite/memory-catalog.ts'
import { newSegmentId, type SegmentId } from '../blob-store.ts'
import { collect, sampleBytes } from '../sample-bytes.ts'
import type { PartPlan } from './part-plan.ts'
import { type LooseS3Store, s3StoreAt } from './testing/s3-stores.ts'

// Many bytes pass, beside whatever else the machine does.
vi.setConfig({ testTimeout: 120_000 })

const MIB = 2 ** 20
const HOUR = 3_600_000

let s3: S3
let catalog: Catalog
let store: LooseS3Store
const stores: LooseS3Store[] = []
const bytes = sampleBytes(36 * MIB)

beforeAll(async () => {
  s3 = await startS3()
})
afterAll(() => s3.close())
beforeEach(async () => {
  s3.objects.clear()
  s3.sessions.clear()
  catalog = openMemoryCatalog()
  store = await another()
})
afterEach(async () => {
  s3.inject = () => undefined
  s3.hold = () => undefined
  s3.now = () => new Date()
  for (const each of stores.splice(0)) await each.close()
})

/** A store over the same catalog and the same objects, as another node has. */
async function another(options: Parameters<typeof s3StoreAt>[1] = {}): Promise<LooseS3Store> {
  const made = await s3StoreAt(s3, { prefix: 'p/', ...options }, catalog)
  stores.push(made)
  return made
}

/** One request: appends what the segment does not have yet, up to `end`. */
async function append(segment: SegmentId, end: number, to = store): Promise<void> {
  const writer = await to.openWriter(segment)
  try {
    for (let at = writer.length; at < end; at += MIB)
      await writer.write([bytes.subarray(at, Math.min(at + MIB, end))])
    await writer.flush?.(true)
  } finally {
    await writer.close()
  }
}

function objectOf(segment: SegmentId): Buffer | undefined {
  return s3.objects.get(`p/segments/${segment}`)?.bytes
}

function tailsOf(segment: SegmentId): string[] {
  return [...s3.objects.keys()].filter((key) => key.startsWith(`p/tails/${segment}.`))
}

async function lengthOf(segment: SegmentId): Promise<number | undefined> {
  return (await store.inspect(segment))?.length
}

test('a long upload is one multipart upload, and in the end one ordinary object and nothing else', async () => {
  const segment = newSegmentId()
  await append(segment, 22 * MIB)
  await append(segment, 23 * MIB)
  await append(segment, 30 * MIB + 7)
  expect(s3.sessions.size).toBe(1)
  await store.seal(segment, 30 * MIB + 7)
  expect(objectOf(segment)?.equals(bytes.subarray(0, 30 * MIB + 7))).toBe(true)
  await stores.pop()?.close()
  expect(s3.sessions.size).toBe(0)
  expect(tailsOf(segment)).toEqual([])
})

test('a request of 6 MiB costs one call, once there are parts', async () => {
  const segment = newSegmentId()
  await append(segment, 6 * MIB)
  await append(segment, 17 * MIB)
  for (let n = 3; n <= 5; n += 1) {
    const before = store.calls.length
    await append(segment, 17 * MIB + (n - 2) * 6 * MIB)
    expect(store.calls.slice(before).filter((call) => call !== 'DeleteObject')).toEqual(['UploadPart'])
    expect(store.calls.length - before).toBeLessThanOrEqual(2)
  }
  expect(await lengthOf(segment)).toBe(35 * MIB)
})

test('a small upload never becomes a multipart upload', async () => {
  const segment = newSegmentId()
  const before = store.calls.length
  await append(segment, 3 * MIB)
  await store.seal(segment, 3 * MIB)
  expect(store.calls.slice(before).slice(0, 2)).toEqual(['PutObject', 'CopyObject'])
  expect(objectOf(segment)?.equals(bytes.subarray(0, 3 * MIB))).toBe(true)
})

test('a look at how long it is costs no call', async () => {
  const segment = newSegmentId()
  await append(segment, MIB)
  const before = store.calls.length
  for (let n = 0; n < 10; n += 1) expect(await lengthOf(segment)).toBe(MIB)
  expect(store.calls.length).toBe(before)
})

test('parts go out side by side, and no more than four of one upload', async () => {
  const gate = Promise.withResolvers<void>()
  let waiting = 0
  let most = 0
  const four = Promise.withResolvers<void>()
  s3.hold = (call) => {
    if (call !== 'send') return undefined
    waiting += 1
    most = Math.max(most, waiting)
    if (waiting === 4) four.resolve()
    return gate.promise.finally(() => {
      waiting -= 1
    })
  }
  const segment = newSegmentId()
  const appending = append(segment, 36 * MIB)
  await four.promise
  gate.resolve()
  await appending
  expect(most).toBe(4)
  await store.seal(segment, 36 * MIB)
  expect(objectOf(segment)?.equals(bytes.subarray(0, 36 * MIB))).toBe(true)
})

test('a part that fails takes those behind it with it: what counts is a prefix, and the rest comes again', async () => {
  const segment = newSegmentId()
  let parts = 0
  s3.inject = (call) => {
    if (call !== 'send') return undefined
    parts += 1
    // The second one and its repeats; the third and fourth are stored.
    return parts === 2 || parts > 4 ? { status: 500 } : undefined
  }
  await expect(append(segment, 34 * MIB)).rejects.toMatchObject({ name: 'StoreError', code: 'unavailable' })
  s3.inject = () => undefined
  expect(await lengthOf(segment)).toBe(8 * MIB)
  await append(segment, 34 * MIB)
  await store.seal(segment, 34 * MIB)
  expect(objectOf(segment)?.equals(bytes.subarray(0, 34 * MIB))).toBe(true)
})

test('a tail is there until its bytes are recorded elsewhere, whatever fails in between', async () => {
  const segment = newSegmentId()
  await append(segment, 2 * MIB)
  const [tail] = tailsOf(segment)
  s3.inject = (call) => (call === 'send' ? { status: 500 } : undefined)
  await expect(append(segment, 3 * MIB)).rejects.toMatchObject({ name: 'StoreError' })
  await expect(append(segment, 30 * MIB)).rejects.toMatchObject({ name: 'StoreError' })
  s3.inject = () => undefined
  expect(tailsOf(segment)).toEqual([tail])
  expect(await lengthOf(segment)).toBe(2 * MIB)
  // A node that has nothing in memory reads it from S3.
  const node = await another()
  await append(segment, 30 * MIB, node)
  await node.seal(segment, 30 * MIB)
  expect(objectOf(segment)?.equals(bytes.subarray(0, 30 * MIB))).toBe(true)
  await node.close()
  expect(tailsOf(segment)).toEqual([])
})

test('a catalog that fails after the bytes are stored costs nothing but sending them again', async () => {
  const segment = newSegmentId()
  await append(segment, 2 * MIB)
  const tails = tailsOf(segment)
  const record = catalog.recordParts.bind(catalog)
  catalog.recordParts = () => Promise.reject(new Error('the catalog is away'))
  await expect(append(segment, 20 * MIB)).rejects.toThrow('the catalog is away')
  catalog.recordParts = record
  expect(tailsOf(segment)).toEqual(expect.arrayContaining(tails))
  expect(await lengthOf(segment)).toBe(2 * MIB)
  await append(segment, 20 * MIB)
  await store.seal(segment, 20 * MIB)
  expect(objectOf(segment)?.equals(bytes.subarray(0, 20 * MIB))).toBe(true)
})

test('a writer that wakes up late changes nothing: its parts are stored, and in no object', async () => {
  const segment = newSegmentId()
  await append(segment, 17 * MIB)
  const gate = Promise.withResolvers<void>()
  const sent = Promise.withResolvers<void>()
  s3.hold = (call) => {
    if (call !== 'send') return undefined
    sent.resolve()
    return gate.promise
  }
  const late = await store.openWriter(segment)
  await late.write([sampleBytes(30 * MIB, 9)])
  const woken = late.flush?.(true)
  await sent.promise
  s3.hold = () => undefined
  const node = await another()
  await append(segment, 34 * MIB, node)
  gate.resolve()
  await expect(woken).rejects.toMatchObject({ name: 'CatalogError', code: 'fenced' })
  expect(late.length).toBe(17 * MIB)
  await late.close()
  await node.seal(segment, 34 * MIB)
  expect(objectOf(segment)?.equals(bytes.subarray(0, 34 * MIB))).toBe(true)
})

test('bytes of a request are taken back to where it began, also when the tail of then is in a part', async () => {
  const segment = newSegmentId()
  await append(segment, 19 * MIB)
  await append(segment, 20 * MIB)
  const writer = await store.openWriter(segment)
  await writer.write([sampleBytes(15 * MIB, 4)])
  await writer.flush?.(false)
  expect(writer.length).toBe(35 * MIB)
  await writer.truncate(20 * MIB)
  expect(writer.length).toBe(20 * MIB)
  await writer.write([sampleBytes(15 * MIB, 5)])
  await writer.truncate(20 * MIB)
  await writer.flush?.(true)
  await writer.close()
  await append(segment, 33 * MIB)
  await store.seal(segment, 33 * MIB)
  expect(objectOf(segment)?.equals(bytes.subarray(0, 33 * MIB))).toBe(true)
})

test('bytes are taken back also when the answer to their record was lost', async () => {
  for (const end of [3, 30]) {
    const segment = newSegmentId()
    await append(segment, 2 * MIB)
    const writer = await store.openWriter(segment)
    const recorded = catalog.recordParts
    const recording = vi.spyOn(catalog, 'recordParts').mockImplementationOnce(async (hold, growth) => {
      await recorded(hold, growth)
      throw new Error('the answer was lost')
    })
    const writing = async (): Promise<void> => {
      for (let at = 2; at < end; at += 1) await writer.write([bytes.subarray(at * MIB, (at + 1) * MIB)])
      await writer.flush?.(false)
    }
    await expect(writing()).rejects.toThrow('the answer was lost')
    await writer.truncate(2 * MIB)
    expect(await lengthOf(segment)).toBe(2 * MIB)
    await writer.close()
    recording.mockRestore()
    await append(segment, 20 * MIB)
    await store.seal(segment, 20 * MIB)
    expect(objectOf(segment)?.equals(bytes.subarray(0, 20 * MIB))).toBe(true)
  }
})

test('two that seal at once, and one that seals again, make one object', async () => {
  const segment = newSegmentId()
  await append(segment, 17 * MIB)
  await append(segment, 18 * MIB)
  const node = await another()
  await Promise.all([store.seal(segment, 18 * MIB), node.seal(segment, 18 * MIB)])
  await node.seal(segment, 18 * MIB)
  expect(objectOf(segment)?.equals(bytes.subarray(0, 18 * MIB))).toBe(true)
})

test('sealing goes on where a lost answer left it', async () => {
  const segment = newSegmentId()
  await append(segment, 18 * MIB)
  const before = s3.requests.filter(({ call }) => call === 'finish').length
  s3.inject = (call, index) => (call === 'finish' && index === before ? 'lost answer' : undefined)
  await store.seal(segment, 18 * MIB)
  s3.inject = () => undefined
  await store.seal(segment, 18 * MIB)
  expect(objectOf(segment)?.equals(bytes.subarray(0, 18 * MIB))).toBe(true)
})

test('sealing goes on where a process died behind completing, with a tail that it cannot copy any more', async () => {
  const segment = newSegmentId()
  await append(segment, 17 * MIB)
  await append(segment, 18 * MIB)
  const seal = catalog.sealParts.bind(catalog)
  catalog.sealParts = () => Promise.reject(new Error('the process is gone'))
  await expect(store.seal(segment, 18 * MIB)).rejects.toThrow('the process is gone')
  catalog.sealParts = seal
  await store.seal(segment, 18 * MIB)
  expect(objectOf(segment)?.equals(bytes.subarray(0, 18 * MIB))).toBe(true)
})

test('bytes are taken back to what is in parts, also when the tail was there before', async () => {
  const segment = newSegmentId()
  await append(segment, 17 * MIB)
  await append(segment, 18 * MIB)
  const writer = await store.openWriter(segment)
  await writer.truncate(17 * MIB)
  expect(writer.length).toBe(17 * MIB)
  await writer.close()
  expect(await lengthOf(segment)).toBe(17 * MIB)
  await append(segment, 18 * MIB)
  await store.seal(segment, 18 * MIB)
  expect(objectOf(segment)?.equals(bytes.subarray(0, 18 * MIB))).toBe(true)
})

test('a multipart upload that someone aborted is told as lost bytes', async () => {
  const segment = newSegmentId()
  await append(segment, 18 * MIB)
  s3.sessions.clear()
  await expect(store.seal(segment, 18 * MIB)).rejects.toMatchObject({ code: 'missing' })
})

test('bytes that change on their way do not count', async () => {
  const segment = newSegmentId()
  s3.inject = (call) => (call === 'send' ? 'damage' : undefined)
  await expect(append(segment, 18 * MIB)).rejects.toMatchObject({ name: 'StoreError' })
  await expect(append(segment, MIB)).rejects.toMatchObject({ name: 'StoreError' })
  expect(await lengthOf(segment)).toBe(0)
})

test('memory has an end: many uploads at once take turns, and all arrive whole', async () => {
  const small = await another({ memory: 4 * MIB })
  const segments = Array.from({ length: 4 }, newSegmentId)
  const writers = await Promise.all(segments.map((segment) => small.openWriter(segment)))
  let most = 0
  await Promise.all(
    writers.map(async (writer) => {
      for (let at = 0; at < 7 * MIB; at += MIB / 2) {
        await writer.write([bytes.subarray(at, at + MIB / 2)])
        most = Math.max(most, small.waitingBytes)
      }
      await writer.flush?.(true)
      await writer.close()
    }),
  )
  // What a tail brings back for a moment, and one chunk of each, come on top.
  expect(most).toBeLessThan(24 * MIB)
  expect(small.waitingBytes).toBe(0)
  for (const segment of segments) {
    await small.seal(segment, 7 * MIB)
    expect(objectOf(segment)?.equals(bytes.subarray(0, 7 * MIB))).toBe(true)
  }
})

test('what was to be a part is no longer counted as waiting once its request has failed, wherever that was', async () => {
  const plan: PartPlan = () => ({ least: 20 * MIB, target: 20 * MIB })
  for (const node of [store, await another({ plan })]) {
    for (const failing of ['begin', 'send'] as const) {
      s3.inject = (call) => (call === failing ? { status: 500 } : undefined)
      await expect(append(newSegmentId(), 36 * MIB, node)).rejects.toMatchObject({ code: 'unavailable' })
    }
    s3.inject = () => undefined
    // No number for the part that comes next.
    const reserving = vi.spyOn(catalog, 'reserveParts').mockRejectedValue(new Error('out of reach'))
    const holding = vi.spyOn(catalog, 'holdSegment').mockImplementation(async (segment) => {
      const stored = await catalog.storedSegment(segment)
      return stored && { segment, fence: 1, stored, numbers: { first: 1, count: 0 } }
    })
    await expect(append(newSegmentId(), 36 * MIB, node)).rejects.toThrow('out of reach')
    reserving.mockRestore()
    holding.mockRestore()
    expect(node.waitingBytes).toBe(0)
  }
})

test('a digest of what passes in parts and tails is that of the bytes', async () => {
  const segment = newSegmentId()
  const following = store.follow(segment, 0, ['sha-256'])
  for (const end of [MIB, 3 * MIB, 22 * MIB, 23 * MIB]) await append(segment, end)
  const sha = (end: number): string => createHash('sha256').update(bytes.subarray(0, end)).digest('hex')
  expect(await following.finish(23 * MIB)).toEqual({ 'sha-256': sha(23 * MIB) })
  // What another node wrote did not pass here: it is read once, when it can be.
  const partly = store.follow(segment, 23 * MIB, ['sha-256'])
  await append(segment, 24 * MIB, await another())
  await expect(partly.finish(24 * MIB)).rejects.toMatchObject({ name: 'StoreError' })
  await store.seal(segment, 24 * MIB)
  expect(await store.digest([{ segment, length: 24 * MIB }], ['sha-256'])).toEqual({
    'sha-256': sha(24 * MIB),
  })
})

test('a connection that breaks while reading is made again from there', async () => {
  const segment = newSegmentId()
  await append(segment, 6 * MIB)
  await store.seal(segment, 6 * MIB)
  s3.inject = (call, index) => (call === 'probe' && index % 2 === 0 ? 'lost answer' : undefined)
  const read = await collect(store.read(segment, MIB, 6 * MIB))
  expect(read.equals(bytes.subarray(MIB, 6 * MIB))).toBe(true)
})

test('while S3 is away nothing is told, and all goes on when it is back', async () => {
  const segment = newSegmentId()
  await append(segment, MIB)
  s3.inject = () => ({ status: 503 })
  await expect(append(segment, 2 * MIB)).rejects.toMatchObject({ code: 'unavailable' })
  await expect(lengthOf(segment)).rejects.toMatchObject({ code: 'unavailable' })
  await expect(store.freeBytes()).rejects.toMatchObject({ code: 'unavailable' })
  await expect(store.seal(segment, MIB)).rejects.toMatchObject({ code: 'unavailable' })
  s3.inject = () => undefined
  await append(segment, 2 * MIB)
  expect(await lengthOf(segment)).toBe(2 * MIB)
})

test('while the bucket is not ours nothing is told, however often it is asked', async () => {
  const segment = newSegmentId()
  await append(segment, MIB)
  s3.inject = () => ({ status: 403 })
  await expect(append(segment, 2 * MIB)).rejects.toMatchObject({ code: 'unavailable' })
  for (let n = 0; n < 3; n += 1) {
    await expect(lengthOf(segment)).rejects.toMatchObject({ code: 'unavailable' })
    await expect(store.freeBytes()).rejects.toMatchObject({ code: 'unavailable' })
  }
  s3.inject = () => undefined
  expect(await lengthOf(segment)).toBe(MIB)
})

test('removing takes away all that has the segment’s name', async () => {
  const segment = newSegmentId()
  await append(segment, 18 * MIB)
  await append(segment, 19 * MIB)
  const sealed = newSegmentId()
  await append(sealed, MIB)
  await store.seal(sealed, MIB)
  await store.remove(segment)
  await store.remove(sealed)
  expect(
    [...s3.objects.keys()].filter((key) => key.startsWith('p/segments') || key.startsWith('p/tails')),
  ).toEqual([])
  expect(s3.sessions.size).toBe(0)
})

test('multipart uploads and tails that died with a process are taken away, and nothing else', async () => {
  s3.page = 2
  let now = Date.now()
  const tidy = await another({ now: () => now })
  const open = newSegmentId()
  await append(open, 18 * MIB)
  await append(open, 19 * MIB)
  const sealed = newSegmentId()
  await append(sealed, 18 * MIB)
  await store.seal(sealed, 18 * MIB)
  // Left by processes that died: another session of each, and tails of one that is sealed.
  for (const segment of [open, sealed, newSegmentId()]) {
    const key = `p/segments/${segment}`
    s3.sessions.set(`left-${segment}`, { key, begunAt: new Date(), parts: new Map() })
    await store.tidy()
  }
  const left = { bytes: Buffer.from('x'), etag: '"x"', modifiedAt: new Date() }
  s3.objects.set(`p/tails/${sealed}.1.99`, left)
  s3.objects.set(`p/tails/${open}.1.99`, left)
  expect(await tidy.tidy()).toBe(0)
  now += 2 * HOUR
  expect(await tidy.tidy()).toBe(4)
  s3.page = 1000
  expect([...s3.sessions.values()].map(({ key }) => key)).toEqual([`p/segments/${open}`])
  expect(tailsOf(sealed)).toEqual([])
  await append(open, 30 * MIB)
  await store.seal(open, 30 * MIB)
  expect(objectOf(open)?.equals(bytes.subarray(0, 30 * MIB))).toBe(true)
})

test('requests of any size, on any node, with deaths in between, make the bytes of the client', async () => {
  let seed = 7
  const random = (below: number): number => {
    seed = (seed * 48_271) % 2_147_483_647
    return seed % below
  }
  for (let run = 0; run < 3; run += 1) {
    const segment = newSegmentId()
    const size = (14 + random(20)) * MIB + random(1000)
    const nodes = [store, await another({ memory: 8 * MIB })]
    for (let at = 0; at < size; ) {
      const node = nodes[random(2)] ?? store
      const writer = await node.openWriter(segment)
      expect(writer.length).toBe(at)
      const most = [100, 3 * MIB, 30 * MIB][random(3)] ?? 1
      const end = Math.min(size, at + 1 + random(most))
      for (let from = at; from < end; from += 700_000)
        await writer.write([bytes.subarray(from, Math.min(end, from + 700_000))])
      // A process that dies leaves its last bytes unrecorded, and never closes.
      if (random(3) > 0) {
        await writer.flush?.(random(2) === 0)
        await writer.close()
      }
      at = (await store.inspect(segment))?.length ?? 0
      expect(at).toBeLessThanOrEqual(end)
    }
    await store.seal(segment, size)
    expect(objectOf(segment)?.equals(bytes.subarray(0, size))).toBe(true)
  }
})

test('parts that are too large for memory are made of pieces, over any requests', async () => {
  const plan: PartPlan = (number) =>
    number === 1 ? { least: 5 * MIB, target: 8 * MIB } : { least: 20 * MIB, target: 20 * MIB }
  const segment = newSegmentId()
  const node = await another({ plan, memory: 24 * MIB })
  const digest = node.follow(segment, 0, ['sha-256'])
  for (const end of [18, 19, 24, 30, 36]) await append(segment, end * MIB, node)
  expect(
    [...s3.sessions.values()].map(({ parts }) => [...parts.values()].map((part) => part.bytes.length / MIB)),
  ).toEqual([[8, 22]])
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  expect(await digest.finish(36 * MIB)).toEqual({ 'sha-256': sha256 })
  expect(node.waitingBytes).toBe(0)
  await node.seal(segment, 36 * MIB)
  expect(objectOf(segment)?.equals(bytes)).toBe(true)
  await node.close()
  expect([s3.sessions.size, tailsOf(segment)]).toEqual([0, []])
})

test('a redirect leads to the bytes, under the headers that it was signed with', async () => {
  const segment = newSegmentId()
  await append(segment, MIB)
  await store.seal(segment, MIB)
  const url = await store.redirect(segment, 60, {
    contentType: 'text/plain',
    contentEncoding: undefined,
    contentDisposition: 'inline; filename="a.txt"',
    cacheControl: 'no-cache',
  })
  expect(new URL(url).searchParams.get('response-content-type')).toBe('text/plain')
  expect(new URL(url).searchParams.get('X-Amz-Expires')).toBe('60')
  const answer = await fetch(url)
  expect(Buffer.from(await answer.arrayBuffer()).equals(bytes.subarray(0, MIB))).toBe(true)
})
