/** What becomes of parts that no record names, on a server that completes only all parts that were ever sent. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { type S3, startS3 } from '@pawl/emulators/s3'
import fc from 'fast-check'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import type { Catalog } from '../../catalog/catalog.ts'
import { openMemoryCatalog } from '../../catalog/sqlite/memory-catalog.ts'
import { newSegmentId, type SegmentId } from '../blob-store.ts'
import { sampleBytes } from '../sample-bytes.ts'
import type { PartPlan } from './part-plan.ts'
import { type LooseS3Store, s3StoreAt } from './testing/s3-stores.ts'

// Thousands of calls, beside whatever else the machine does.
vi.setConfig({ testTimeout: 120_000 })

const KIB = 2 ** 10
/** Much smaller than S3 allows: few bytes make many parts. */
const plan: PartPlan = () => ({ least: 5 * KIB, target: 5 * KIB })

let s3: S3
let catalog: Catalog
let store: LooseS3Store
const stores: LooseS3Store[] = []
const bytes = sampleBytes(32 * KIB)
const wrong = Buffer.alloc(5 * KIB, 0xee)

beforeAll(async () => {
  s3 = await startS3()
  s3.wantsEveryPart = true
  s3.leastPart = 5 * KIB
})
afterAll(() => s3.close())
beforeEach(async () => {
  s3.objects.clear()
  s3.sessions.clear()
  catalog = openMemoryCatalog()
  store = await another()
})
afterEach(async () => {
  s3.hold = () => undefined
  s3.now = () => new Date()
  for (const each of stores.splice(0)) await each.close()
})

/** As another node has. */
async function another(options: Parameters<typeof s3StoreAt>[1] = {}): Promise<LooseS3Store> {
  const made = await s3StoreAt(s3, { prefix: 'p/', plan, ...options }, catalog)
  stores.push(made)
  return made
}

/** Appends what the segment does not have yet, up to `end`. */
async function append(segment: SegmentId, end: number): Promise<void> {
  const writer = await store.openWriter(segment)
  await writer.write([bytes.subarray(writer.length, end)])
  await writer.flush?.(true)
  await writer.close()
}

/** Sends bytes that are never recorded, as a process that dies in between. */
async function stray(segment: SegmentId, content: Uint8Array = wrong): Promise<void> {
  const record = catalog.recordParts
  const writer = await store.openWriter(segment)
  catalog.recordParts = () => Promise.reject(new Error('the process is gone'))
  try {
    await writer.write([content])
    await expect(writer.flush?.(true)).rejects.toThrow('the process is gone')
  } finally {
    catalog.recordParts = record
  }
}

/** Parts and a tail, with strays before, between and behind them. */
async function strayed(): Promise<{ readonly segment: SegmentId; readonly size: number }> {
  const segment = newSegmentId()
  // Taken back, as those of a body that is longer than it may be.
  const writer = await store.openWriter(segment)
  await writer.write([wrong, wrong, wrong])
  await writer.flush?.(false)
  await writer.truncate(0)
  await writer.close()
  await append(segment, 11 * KIB)
  await stray(segment, Buffer.concat([wrong, wrong]))
  await append(segment, 17 * KIB)
  await append(segment, 18 * KIB + 3)
  await stray(segment)
  return { segment, size: 18 * KIB + 3 }
}

function isWhole(segment: SegmentId, size: number): boolean {
  return s3.objects.get(`p/segments/${segment}`)?.bytes.equals(bytes.subarray(0, size)) === true
}

/** What is in the bucket besides objects and the marker. */
function leftovers(): string[] {
  const tails = [...s3.objects.keys()].filter((key) => key.startsWith('p/tails/'))
  return [...s3.sessions.keys(), ...tails]
}

test('strays before, between and behind parts and a tail are in no object, and nothing is left of them', async () => {
  const { segment, size } = await strayed()
  const sent = s3.requests.reduce((sum, request) => sum + request.size, 0)
  await store.seal(segment, size)
  expect(isWhole(segment, size)).toBe(true)
  // S3 copies: nothing but names and lists of parts goes there.
  expect(s3.requests.reduce((sum, request) => sum + request.size, 0) - sent).toBeLessThan(5 * KIB)
  expect(await catalog.storedSegment(segment)).toMatchObject({ sealed: true, rescue: undefined })
  await stores.pop()?.close()
  expect(leftovers()).toEqual([])
})

test('where nothing strays it costs no call', async () => {
  const segment = newSegmentId()
  await append(segment, 14 * KIB)
  const before = store.calls.length
  await store.seal(segment, 14 * KIB)
  expect(store.calls.slice(before)).toEqual(['CompleteMultipartUpload', 'HeadObject'])
})

test('a part that fails leaves those behind it as strays, and the object is whole', async () => {
  const segment = newSegmentId()
  let parts = 0
  s3.inject = (call) => {
    if (call !== 'send') return undefined
    parts += 1
    // The second one and its repeats; the third is stored.
    return parts === 2 || parts > 3 ? { status: 500 } : undefined
  }
  await expect(append(segment, 16 * KIB)).rejects.toMatchObject({ name: 'StoreError' })
  s3.inject = () => undefined
  await append(segment, 16 * KIB)
  await store.seal(segment, 16 * KIB)
  expect(isWhole(segment, 16 * KIB)).toBe(true)
})

test('wherever a process is frozen or dies, another makes the object, and it harms nobody when it wakes up', async () => {
  for (let at = 0; ; at += 1) {
    const { segment, size } = await strayed()
    const [late, other] = [await another(), await another()]
    const woken = Promise.withResolvers<void>()
    const frozen = Promise.withResolvers<boolean>()
    let asked = -1
    s3.hold = () => {
      asked += 1
      if (asked !== at) return undefined
      frozen.resolve(true)
      return woken.promise
    }
    const sealing = late.seal(segment, size).then(
      () => frozen.resolve(false),
      () => undefined,
    )
    const reached = await frozen.promise
    await other.seal(segment, size)
    expect(isWhole(segment, size), `frozen at call ${at}`).toBe(true)
    woken.resolve()
    await sealing
    expect(isWhole(segment, size), `woken at call ${at}`).toBe(true)
    await other.seal(segment, size)
    for (const each of [late, other]) await each.close()
    expect(leftovers(), `after call ${at}`).toEqual([])
    if (reached) continue
    // Completing, listing, completing, copying, looking and completing again: all of it was interrupted.
    expect(at).toBeGreaterThan(10)
    return
  }
})

test('in whatever order calls of several processes and of a late part arrive, there is one whole object', async () => {
  await fc.assert(
    fc.asyncProperty(fc.infiniteStream(fc.nat(1000)), async (choices) => {
      const { segment, size } = await strayed()
      // What a call waits for is so many turns of the event loop: whatever else comes by then may go first.
      const turns = async (most: number): Promise<void> => {
        for (let left = (choices.next().value ?? 0) % most; left > 0; left -= 1) await nextTurn()
      }
      const nodes = [await another(), await another()]
      const { session = '' } = (await catalog.storedSegment(segment)) ?? {}
      // What a frozen node had on its way arrives now, if it still can.
      s3.hold = () => turns(20)
      const late = turns(300).then(() =>
        fetch(`${s3.endpoint}/bucket/p/segments/${segment}?uploadId=${session}&partNumber=77`, {
          method: 'PUT',
          body: wrong,
        }),
      )
      const seals = await Promise.allSettled([...nodes.map((node) => node.seal(segment, size)), late])
      const faults = seals.flatMap((seal) => (seal.status === 'rejected' ? [seal.reason.code] : []))
      expect(faults.filter((code) => code !== 'unavailable')).toEqual([])
      s3.hold = () => undefined
      for (const node of nodes) {
        await node.seal(segment, size)
        expect(isWhole(segment, size)).toBe(true)
        await node.close()
      }
      expect(leftovers()).toEqual([])
    }),
    { numRuns: 15 },
  )
})

test('a multipart upload for copies that somebody aborts is made again; bytes that are gone are told', async () => {
  const { segment, size } = await strayed()
  let aborted = 0
  s3.hold = (call) => {
    // The first copy out of the mixture.
    if (call === 'send' && s3.objects.has(`p/segments/${segment}`) && aborted === 0) {
      aborted = s3.sessions.size
      s3.sessions.clear()
    }
    return undefined
  }
  await store.seal(segment, size)
  s3.hold = () => undefined
  expect([aborted, isWhole(segment, size)]).toEqual([1, true])

  const lost = await strayed()
  s3.sessions.clear()
  await expect(store.seal(lost.segment, lost.size)).rejects.toMatchObject({ code: 'missing' })
})

test('an upload in the middle of it is left alone by tidying, and removed with all it has', async () => {
  const { segment, size } = await strayed()
  const reached = Promise.withResolvers<void>()
  const gone = Promise.withResolvers<void>()
  s3.hold = (call) => {
    // A copy out of the mixture.
    if (call !== 'send' || !s3.objects.has(`p/segments/${segment}`)) return undefined
    reached.resolve()
    return gone.promise
  }
  const dying = store.seal(segment, size).catch(() => undefined)
  await reached.promise
  const hours = (count: number): void => {
    const at = Date.now() + count * 3_600_000
    s3.now = () => new Date(at)
  }
  hours(5)
  const other = await another({ now: () => Date.now() + 10 * 3_600_000 })
  await other.tidy()
  expect(s3.sessions.size).toBe(1)
  await other.remove(segment)
  gone.resolve()
  await dying
  expect([leftovers(), [...s3.objects.keys()]]).toEqual([[], ['p/store.json']])
})
