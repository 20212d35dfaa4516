import { startS3 } from '@pawl/emulators/s3'
import { describe, expect, test } from 'vitest'
import { type BlobStore, newSegmentId, type SegmentId, StoreError } from '../blobs/blob-store.ts'
import { MemoryStore } from '../blobs/memory/memory-store.ts'
import { s3StoreAt } from '../blobs/s3/testing/s3-stores.ts'
import { all, sampleBytes } from '../blobs/sample-bytes.ts'
import { openPostgresCatalog } from '../catalog/postgres/postgres-catalog.ts'
import { POSTGRES_BIN, startPostgres } from '../catalog/postgres/testing/postgres-server.ts'
import { openMemoryCatalog } from '../catalog/sqlite/memory-catalog.ts'
import { Readers } from '../objects/readers.ts'
import { Leases } from './lease.ts'
import { type SampleEngine, sampleEngine, storedUpload } from './sample-engine.ts'
import { SharedLeases } from './shared-leases.ts'
import { RELEASE_GRACE_MS, sweep } from './sweep.ts'
import type { UploadRecord } from './upload.ts'

const TTL = 1000
const BYTES = sampleBytes(100)

/** An engine whose clock stands where the test says; bytes written now have that time too. */
function newEngine(change: (blobs: MemoryStore) => BlobStore = (blobs) => blobs) {
  const clock = { now: 0 }
  const blobs = new MemoryStore({ now: () => clock.now })
  const engine = sampleEngine(openMemoryCatalog(), change(blobs), () => clock.now, TTL)
  return { clock, engine }
}

/** Store methods that fail for some segments. */
function failing(
  blobs: MemoryStore,
  method: 'remove' | 'inspect',
  fails: (id: SegmentId) => boolean,
): BlobStore {
  return new Proxy(blobs, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name)
      if (typeof member !== 'function') return member
      return (...args: unknown[]) => {
        if (name === method && fails(args[0] as SegmentId))
          return Promise.reject(new StoreError('unavailable', 'this file cannot be reached'))
        return Reflect.apply(member, target, args) as unknown
      }
    },
  })
}

/** An upload of 100 bytes of which 40 are there, written at the present time of the clock. */
async function begun({ engine, clock }: ReturnType<typeof newEngine>, given: Partial<UploadRecord> = {}) {
  return storedUpload(engine, BYTES.subarray(0, 40), {
    length: 100,
    createdAt: clock.now,
    expiresAt: clock.now + TTL,
    ...given,
  })
}

async function stateOf({ catalog }: SampleEngine, { id }: UploadRecord): Promise<string | undefined> {
  return (await catalog.findUpload(id))?.state.kind
}

describe('an upload that nobody goes on with', () => {
  test('expires when its time has come, not before; its bytes go, then its memory', async () => {
    const world = newEngine()
    const { engine, clock } = world
    const upload = await begun(world)
    clock.now = TTL - 1
    expect(await sweep(engine, new Readers())).toMatchObject({ expired: 0 })
    clock.now = TTL
    expect(await sweep(engine, new Readers())).toMatchObject({ expired: 1 })
    expect(await stateOf(engine, upload)).toBe('expired')
    clock.now = TTL + RELEASE_GRACE_MS
    await sweep(engine, new Readers())
    expect(await all(engine.blobs.list())).toEqual([])
    expect(await engine.catalog.segments(undefined, 10)).toEqual([])
    expect(await engine.catalog.findUpload(upload.id)).toBeUndefined()
  })

  test('lives as long after its last byte as was promised, also when only the file knows of it', async () => {
    const world = newEngine()
    const { engine, clock } = world
    const upload = await begun(world)
    clock.now = 900
    const writer = await engine.blobs.openWriter(upload.segment)
    await writer.write([BYTES.subarray(40, 50)])
    clock.now = TTL + 500
    expect(await sweep(engine, new Readers())).toMatchObject({ expired: 0 })
    expect(await engine.catalog.findUpload(upload.id)).toMatchObject({ expiresAt: 900 + TTL })
    clock.now = 900 + TTL
    expect(await sweep(engine, new Readers())).toMatchObject({ expired: 1 })
  })

  test('is left alone while a transfer runs', async () => {
    const world = newEngine()
    const { engine, clock } = world
    const upload = await begun(world)
    const lease = await engine.leases.acquire(upload.id, 'patient')
    clock.now = 10 * TTL
    expect(await sweep(engine, new Readers())).toMatchObject({ expired: 0 })
    lease.release()
    expect(await sweep(engine, new Readers())).toMatchObject({ expired: 1 })
  })

  test('and has all its bytes is published instead', async () => {
    const { engine, clock } = newEngine()
    const upload = await storedUpload(engine, BYTES, { expiresAt: TTL })
    clock.now = 10 * TTL
    await sweep(engine, new Readers())
    expect(await stateOf(engine, upload)).toBe('complete')
  })

  test('and never got its file expires as well', async () => {
    const world = newEngine()
    const { engine, clock } = world
    const upload = await begun(world)
    await engine.blobs.remove(upload.segment)
    clock.now = TTL
    expect(await sweep(engine, new Readers())).toMatchObject({ expired: 1 })
  })

  test('and is sealed expires, but not while an object holds its bytes', async () => {
    const world = newEngine()
    const { engine, clock } = world
    const partial = await storedUpload(engine, BYTES, { concat: { kind: 'partial' }, expiresAt: TTL })
    await engine.finisher.finish(partial, 100)
    clock.now = 10 * TTL
    expect(await sweep(engine, new Readers())).toMatchObject({ expired: 1 })
    expect(await stateOf(engine, partial)).toBe('expired')
  })
})

describe('objects', () => {
  test('are never swept, however old', async () => {
    const { engine, clock } = newEngine()
    const upload = await storedUpload(engine, BYTES, { expiresAt: TTL })
    await engine.finisher.finish(upload, 100)
    clock.now = 1e12
    await sweep(engine, new Readers())
    await sweep(engine, new Readers())
    expect(await engine.catalog.findObject('files', upload.key)).toBeDefined()
    expect(await engine.blobs.inspect(upload.segment)).toMatchObject({ length: 100 })
    expect(await stateOf(engine, upload)).toBe('complete')
  })

  test('that were replaced keep their bytes for an hour, and longer for who still reads', async () => {
    const { engine, clock } = newEngine()
    const first = await storedUpload(engine, BYTES, { key: 'k' })
    await engine.finisher.finish(first, 100)
    const second = await storedUpload(engine, BYTES, { key: 'k', precondition: 'none' })
    clock.now = 5000
    await engine.finisher.finish(second, 100)
    const readers = new Readers()
    readers.enter([first.segment])
    readers.enter([first.segment])
    clock.now = 5000 + RELEASE_GRACE_MS - 1
    expect(await sweep(engine, new Readers())).toMatchObject({ segments: 0 })
    clock.now += 1
    expect(await sweep(engine, readers)).toMatchObject({ segments: 0 })
    readers.leave([first.segment])
    expect(await sweep(engine, readers)).toMatchObject({ segments: 0 })
    readers.leave([first.segment])
    expect(await sweep(engine, readers)).toMatchObject({ segments: 1 })
    expect(await all(engine.blobs.list())).toEqual([second.segment])
  })
})

describe('one round', () => {
  test('takes everything that is due, however much', async () => {
    const world = newEngine()
    for (let n = 0; n < 250; n += 1) await begun(world)
    world.clock.now = TTL
    expect(await sweep(world.engine, new Readers())).toMatchObject({ expired: 250 })
    world.clock.now = TTL + RELEASE_GRACE_MS
    expect(await sweep(world.engine, new Readers())).toMatchObject({ forgotten: 250, segments: 250 })
  })

  test('ends when nothing of what is due can be settled', async () => {
    const world = newEngine()
    const uploads: UploadRecord[] = []
    for (let n = 0; n < 150; n += 1) uploads.push(await begun(world))
    for (const { id } of uploads) await world.engine.leases.acquire(id, 'patient')
    world.clock.now = TTL
    expect(await sweep(world.engine, new Readers())).toMatchObject({ expired: 0 })
    const readers = new Readers()
    const held = Array.from({ length: 150 }, newSegmentId)
    await world.engine.catalog.adoptSegments(held, 0)
    readers.enter(held)
    world.clock.now = TTL + RELEASE_GRACE_MS
    expect(await sweep(world.engine, readers)).toMatchObject({ segments: 0 })
  })

  test('gets past hundreds of long transfers that are older than everything else', async () => {
    const world = newEngine()
    const { engine, clock } = world
    for (let n = 0; n < 150; n += 1) {
      const running = await begun(world)
      await engine.leases.acquire(running.id, 'patient')
      clock.now = 900
      const writer = await engine.blobs.openWriter(running.segment)
      await writer.write([BYTES.subarray(40, 41)])
      clock.now = 0
    }
    const abandoned = await begun(world, { expiresAt: TTL + 1 })
    clock.now = TTL + 1
    await sweep(engine, new Readers())
    expect(await stateOf(engine, abandoned)).toBe('expired')
  })

  test('stops when it is told to', async () => {
    const world = newEngine()
    for (let n = 0; n < 5; n += 1) await begun(world)
    world.clock.now = TTL
    expect(await sweep(world.engine, new Readers(), AbortSignal.abort())).toMatchObject({ expired: 0 })
  })

  test('removes what it can when one file cannot be removed, says so, and gets it later', async () => {
    const stuck = new Set<SegmentId>()
    const world = newEngine((blobs) => failing(blobs, 'remove', (id) => stuck.has(id)))
    const uploads: UploadRecord[] = []
    for (let n = 0; n < 120; n += 1) uploads.push(await begun(world))
    world.clock.now = TTL
    await sweep(world.engine, new Readers())
    const [first] = await world.engine.catalog.releasedSegments(0, 1)
    if (first !== undefined) stuck.add(first)
    world.clock.now = TTL + RELEASE_GRACE_MS
    await expect(sweep(world.engine, new Readers())).rejects.toMatchObject({ name: 'StoreError' })
    expect(await all(world.engine.blobs.list())).toEqual([first])
    stuck.clear()
    await sweep(world.engine, new Readers())
    expect(await all(world.engine.blobs.list())).toEqual([])
  })

  test('expires what it can when one file cannot be looked at', async () => {
    const stuck = new Set<SegmentId>()
    const world = newEngine((blobs) => failing(blobs, 'inspect', (id) => stuck.has(id)))
    const bad = await begun(world, { expiresAt: 1 })
    const good = await begun(world)
    stuck.add(bad.segment)
    world.clock.now = TTL
    await sweep(world.engine, new Readers()).catch(() => {})
    expect(await stateOf(world.engine, good)).toBe('expired')
    expect(await stateOf(world.engine, bad)).toBe('open')
  })

  test('after a crash between file and row finds the row again', async () => {
    const world = newEngine()
    const upload = await begun(world)
    await world.engine.catalog.endUpload(upload.id, ['open'], { kind: 'cancelled' }, 0)
    await world.engine.blobs.remove(upload.segment)
    world.clock.now = RELEASE_GRACE_MS
    expect(await sweep(world.engine, new Readers())).toMatchObject({ segments: 1 })
    expect(await world.engine.catalog.segments(undefined, 10)).toEqual([])
  })
})

test.skipIf(POSTGRES_BIN === undefined)(
  'an upload that got bytes on another node since the sweep read its row does not expire',
  async () => {
    const [server, s3] = await Promise.all([startPostgres(), startS3()])
    const catalog = await openPostgresCatalog({ url: server.url })
    const clock = { now: 0 }
    const blobs = await s3StoreAt(s3, { now: () => clock.now }, catalog)
    const leases = new SharedLeases(new Leases(60_000), catalog.leases, () => {})
    const sample = sampleEngine(catalog, blobs, () => clock.now, TTL)
    const write = async ({ segment }: UploadRecord, from: number): Promise<void> => {
      const writer = await blobs.openWriter(segment)
      await writer.write([BYTES.subarray(from, from + 10)])
      await writer.flush?.(true)
      await writer.close()
    }
    const upload = await storedUpload(sample, new Uint8Array(), { length: 100, createdAt: 0, expiresAt: TTL })
    await write(upload, 0)
    const engine = {
      ...sample,
      leases,
      catalog: {
        ...catalog,
        async expired(now: number, limit: number) {
          const due = await catalog.expired(now, limit)
          // A sweep of many takes its time: this request began before the upload's was over.
          clock.now = TTL - 1
          await write(upload, 10)
          clock.now = TTL
          return due
        },
      },
    }
    clock.now = TTL
    expect(await sweep(engine, new Readers())).toMatchObject({ expired: 0 })
    expect(await catalog.findUpload(upload.id)).toMatchObject({
      state: { kind: 'open' },
      stored: { tail: { length: 20 } },
    })
    clock.now = 2 * TTL
    expect(await sweep({ ...sample, leases }, new Readers())).toMatchObject({ expired: 1 })
    await leases.close()
    await blobs.close()
    await catalog.close()
    await Promise.all([server.close(), s3.close()])
  },
)
