import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { newSegmentId, type SegmentId } from '../blobs/blob-store.ts'
import { DiskStore } from '../blobs/disk/disk-store.ts'
import { all, collect, emptySegment, sampleBytes } from '../blobs/sample-bytes.ts'
import type { Catalog } from '../catalog/catalog.ts'
import { sampleUpload } from '../catalog/sample-records.ts'
import { openMemoryCatalog } from '../catalog/sqlite/memory-catalog.ts'
import type { Allowance } from '../catalog/usage.ts'
import { createLog } from '../log.ts'
import { Readers } from '../objects/readers.ts'
import { type Fate, startProcess } from './mortal.ts'
import { findings } from './repair.ts'
import { sampleEngine, storedUpload } from './sample-engine.ts'
import { openPaired, type RunningEngine, startEngine } from './start.ts'
import { sweep } from './sweep.ts'
import type { UploadId, UploadRecord } from './upload.ts'

const BYTES = sampleBytes(100)
const DAY = 24 * 60 * 60 * 1000
const FAR = 4_000_000_000_000

let folder: string
let catalog: Catalog
const closing: (() => Promise<void>)[] = []

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pawl-repair-'))
  catalog = openMemoryCatalog({ quotas: true })
  // A first start, so that the boot is known.
  const first = await start('boot a')
  await first.close()
})
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
  await catalog.close()
  await rm(folder, { recursive: true })
})

function disk(boot: string): DiskStore {
  const blobs = new DiskStore({ folder, reserve: 0, boot })
  closing.push(() => blobs.close())
  return blobs
}

async function start(
  boot: string,
  blobs: DiskStore = disk(boot),
  allowance: Allowance = {},
): Promise<RunningEngine> {
  const engine = await startEngine({
    catalog,
    blobs,
    log: createLog('silent'),
    now: Date.now,
    limits: { maxSize: 1e9, ttl: DAY, everyAck: false },
    idleTimeout: 60_000,
    allowance,
  })
  let closed: Promise<void> | undefined
  const close = () => {
    closed ??= engine.closeTransfers().then(() => engine.close())
    return closed
  }
  closing.push(close)
  return { ...engine, close }
}

/** An upload as a killed process leaves it: 100 bytes expected. */
async function left(bytes: Uint8Array | undefined, given: Partial<UploadRecord> = {}): Promise<UploadRecord> {
  const blobs = disk('boot a')
  const upload = await storedUpload({ catalog, blobs }, bytes ?? Buffer.alloc(0), {
    length: 100,
    expiresAt: FAR,
    ...given,
  })
  if (bytes === undefined) await blobs.remove(upload.segment)
  return upload
}

async function found(boot: string): Promise<string[]> {
  const blobs = disk(boot)
  const { trusted } = await openPaired(catalog, blobs)
  return (await all(findings(catalog, blobs, trusted))).map(({ kind }) => kind)
}

async function stored(segment: SegmentId): Promise<Buffer | undefined> {
  const blobs = disk('boot a')
  const length = (await blobs.inspect(segment))?.length
  return length === undefined ? undefined : collect(blobs.read(segment, 0, length))
}

async function stateOf({ id }: UploadRecord): Promise<string | undefined> {
  return (await catalog.findUpload(id))?.state.kind
}

/** Everything that a start may change. */
async function snapshot(): Promise<unknown> {
  const blobs = disk('boot a')
  const segments = await all(blobs.list())
  return {
    uploads: await catalog.unfinished(undefined, 1000),
    counts: await catalog.counts(),
    rows: await catalog.segments(undefined, 1000),
    files: await Promise.all(segments.map(async (id) => [id, (await blobs.inspect(id))?.length])),
  }
}

test('nothing is found where nothing is wrong', async () => {
  await left(BYTES.subarray(0, 40))
  const whole = await left(BYTES)
  const engine = await start('boot a')
  expect(await stateOf(whole)).toBe('complete')
  await engine.close()
  expect(await found('boot a')).toEqual([])
})

describe('an open upload', () => {
  test('of the same boot keeps every byte that is there', async () => {
    const upload = await left(BYTES.subarray(0, 40))
    const { uploads } = await start('boot a')
    expect(await uploads.inspect(upload.id, () => true)).toMatchObject({ kind: 'open', offset: 40 })
  })

  test('of unknown length counts with the bytes that are there, not with what a killed process set aside', async () => {
    const upload = await left(BYTES.subarray(0, 40), { length: undefined })
    const allowance = { ownerBytes: 100 }
    expect(await catalog.reserve(upload.id, 1000, 1, allowance)).toBe(100)
    await start('boot a', disk('boot a'), allowance)
    const fits = (length: number) => catalog.insertUpload(sampleUpload({ length }), allowance)
    expect(await fits(61)).toMatchObject({ what: 'ownerBytes' })
    expect(await fits(60)).toBeUndefined()
  })

  test('of another boot is cut back to what was durable', async () => {
    const upload = await left(BYTES.subarray(0, 40), { durable: 25 })
    expect(await found('boot b')).toEqual(['cut'])
    const { uploads } = await start('boot b')
    expect(await uploads.inspect(upload.id, () => true)).toMatchObject({ kind: 'open', offset: 25 })
    expect(await stored(upload.segment)).toEqual(BYTES.subarray(0, 25))
  })

  test('of another boot is not published, however long its file is', async () => {
    const upload = await left(Buffer.concat([BYTES.subarray(0, 25), Buffer.alloc(75)]), { durable: 25 })
    const { uploads } = await start('boot b')
    expect(await stateOf(upload)).toBe('open')
    expect(await uploads.inspect(upload.id, () => true)).toMatchObject({ offset: 25 })
  })

  test('that has all its bytes is published', async () => {
    const upload = await left(BYTES)
    expect(await found('boot a')).toEqual(['unfinished'])
    await start('boot a')
    expect(await stateOf(upload)).toBe('complete')
  })

  test('without a file has no bytes yet: nothing is wrong with it', async () => {
    const upload = await left(undefined)
    expect(await found('boot a')).toEqual([])
    expect(await found('boot b')).toEqual([])
    const { uploads } = await start('boot a')
    expect(await uploads.inspect(upload.id, () => true)).toMatchObject({ kind: 'open', offset: 0 })
    expect(await stored(upload.segment)).toBeUndefined()
  })

  test('of no bytes is finished without a file, from wherever it stood', async () => {
    const uploads = [await left(undefined, { length: 0 }), await left(undefined, { length: 0 })]
    await catalog.beginFinish(uploads[1]?.id as UploadId, 0)
    expect(await found('boot a')).toEqual(['unfinished', 'unfinished'])
    await start('boot a')
    for (const upload of uploads) expect(await stateOf(upload)).toBe('complete')
    expect(await found('boot a')).toEqual([])
  })

  test('of no bytes that is part of others keeps an empty file', async () => {
    const upload = await left(undefined, { length: 0, concat: { kind: 'partial' } })
    await (await start('boot a')).close()
    expect(await stateOf(upload)).toBe('sealed')
    expect(await stored(upload.segment)).toEqual(Buffer.alloc(0))
    expect(await found('boot a')).toEqual([])
  })

  test('whose checksummed request wrote nothing before a crash goes on', async () => {
    const upload = await left(undefined, { rollback: 0 })
    expect(await found('boot b')).toEqual(['take-back'])
    await (await start('boot b')).close()
    expect(await catalog.findUpload(upload.id)).toMatchObject({
      rollback: undefined,
      state: { kind: 'open' },
    })
  })

  test('whose file is shorter than it was durable goes on from what is there', async () => {
    const upload = await left(BYTES.subarray(0, 30), { durable: 60 })
    expect(await found('boot a')).toEqual(['shorter'])
    const { uploads } = await start('boot a')
    expect(await uploads.inspect(upload.id, () => true)).toMatchObject({ kind: 'open', offset: 30 })
    expect((await catalog.findUpload(upload.id))?.durable).toBe(30)
  })

  test('whose file is gone though bytes of it were durable has failed', async () => {
    const upload = await left(undefined, { durable: 60 })
    expect(await found('boot a')).toEqual(['lost'])
    const { uploads } = await start('boot a')
    await expect(uploads.inspect(upload.id, () => true)).rejects.toMatchObject({ code: 'gone' })
  })

  test('whose file is longer than it can be has failed', async () => {
    const upload = await left(sampleBytes(101))
    expect(await found('boot a')).toEqual(['lost'])
    await start('boot a')
    expect(await stateOf(upload)).toBe('failed')
  })

  test.each([
    ['the same boot', 'boot a', 40],
    ['another boot', 'boot b', 30],
  ])('in whose checksummed request the process died loses that request: %s', async (_, boot, offset) => {
    const upload = await left(BYTES.subarray(0, 70), { durable: 30, rollback: 40 })
    expect(await found(boot)).toEqual(['take-back'])
    const { uploads } = await start(boot)
    expect(await uploads.inspect(upload.id, () => true)).toMatchObject({ kind: 'open', offset })
    expect(await stored(upload.segment)).toEqual(BYTES.subarray(0, offset))
    expect((await catalog.findUpload(upload.id))?.rollback).toBeUndefined()
  })

  test('in whose checksummed request the process died is not published, though all bytes are there', async () => {
    const upload = await left(BYTES, { rollback: 40 })
    const { uploads } = await start('boot a')
    expect(await uploads.inspect(upload.id, () => true)).toMatchObject({ kind: 'open', offset: 40 })
  })
})

describe('an upload that was being finished', () => {
  test.each(['boot a', 'boot b'])('is finished: %s', async (boot) => {
    const upload = await left(BYTES)
    await catalog.beginFinish(upload.id, 100)
    expect(await found(boot)).toEqual(['unfinished'])
    const { objects } = await start(boot)
    const object = await objects.find(upload.bucket, upload.key)
    expect(object?.size).toBe(100)
    expect(await stored(upload.segment)).toEqual(BYTES)
  })

  test('and whose file lost bytes or is gone has failed', async () => {
    const [short, gone] = [await left(BYTES.subarray(0, 99)), await left(undefined)]
    for (const { id } of [short, gone]) await catalog.beginFinish(id, 100)
    await start('boot a')
    expect([await stateOf(short), await stateOf(gone)]).toEqual(['failed', 'failed'])
  })
})

describe('bytes and rows that do not match', () => {
  test('an orphan is kept for seven days, then swept', async () => {
    const orphan = newSegmentId()
    const blobs = disk('boot a')
    const writer = await blobs.openWriter(orphan)
    await writer.write([BYTES])
    await writer.close()
    expect(await found('boot a')).toEqual(['orphan'])
    const begin = Date.now()
    await (await start('boot a')).close()
    expect(await found('boot a')).toEqual([])
    const early = sampleEngine(catalog, blobs, () => begin + 7 * DAY - 1000)
    expect(await sweep(early, new Readers())).toMatchObject({ segments: 0 })
    expect(await stored(orphan)).toEqual(BYTES)
    const late = sampleEngine(catalog, blobs, () => Date.now() + 7 * DAY)
    expect(await sweep(late, new Readers())).toMatchObject({ segments: 1 })
    expect(await stored(orphan)).toBeUndefined()
  })

  test('an object whose file is gone is told, and nothing is changed', async () => {
    const upload = await left(BYTES)
    await (await start('boot a')).close()
    await disk('boot a').remove(upload.segment)
    expect(await found('boot a')).toEqual(['missing'])
    await (await start('boot a')).close()
    expect(await found('boot a')).toEqual(['missing'])
    expect(await catalog.findObject(upload.bucket, upload.key)).toBeDefined()
  })

  test('a lost upload is told once', async () => {
    await left(undefined, { durable: 60 })
    expect(await found('boot a')).toEqual(['lost'])
  })

  test('many of each are all found', async () => {
    const blobs = disk('boot a')
    for (let n = 0; n < 20; n += 1) {
      await emptySegment(blobs)
      await left(undefined)
      await left(BYTES)
    }
    const counts = (await found('boot a')).reduce<Record<string, number>>((sum, kind) => {
      sum[kind] = (sum[kind] ?? 0) + 1
      return sum
    }, {})
    expect(counts).toEqual({ orphan: 20, unfinished: 20 })
    await (await start('boot a')).close()
    expect(await found('boot a')).toEqual([])
  })
})

test('looking changes nothing', async () => {
  await left(BYTES.subarray(0, 40), { durable: 25 })
  await left(BYTES.subarray(0, 30), { durable: 60 })
  await left(BYTES.subarray(0, 70), { rollback: 40 })
  await left(undefined)
  await left(undefined, { durable: 60 })
  await left(BYTES)
  await emptySegment(disk('boot a'))
  const before = await snapshot()
  expect((await found('boot b')).length).toBeGreaterThanOrEqual(6)
  expect(await snapshot()).toEqual(before)
  expect(await found('boot a')).toContain('unfinished')
})

test('a crash at any step of repair is mended by the next start', async () => {
  const outcomes = new Set<string>()
  for (let callsLeft = 1; callsLeft <= 24; callsLeft += 1) {
    const uploads = [
      await left(BYTES.subarray(0, 40), { durable: 25 }),
      await left(BYTES.subarray(0, 30), { durable: 60 }),
      await left(BYTES.subarray(0, 70), { durable: 30, rollback: 40 }),
      await left(undefined),
      await left(BYTES, { durable: 100 }),
    ]
    const fate: Fate = { callsLeft, diesAfterEffect: callsLeft % 2 === 0, fault: () => 'none', part: () => 0 }
    const blobs = disk('boot b')
    // The store itself tells which boot it is: the machine behind the process only lends it.
    const { trusted } = await blobs.open()
    const dying = startProcess({ catalog, blobs, durable: new Map(), unsynced: new Map(), trusted }, fate)
    const died = await startEngine({
      catalog: dying.catalog,
      blobs: dying.blobs,
      log: createLog('silent'),
      now: Date.now,
      limits: { maxSize: 1e9, ttl: DAY, everyAck: false },
      idleTimeout: 60_000,
    }).then(
      (engine) => engine.closeTransfers().then(() => engine.close()),
      () => 'died',
    )
    outcomes.add(String(died))
    const engine = await start(`boot ${callsLeft}`)
    const offsets = await Promise.all(
      uploads.map(async ({ id }) => (await engine.uploads.inspect(id, () => true)).offset),
    )
    expect(offsets).toEqual([25, 30, 30, 0, 100])
    await engine.close()
    for (const { id } of uploads) await catalog.endUpload(id, ['open'], { kind: 'cancelled' }, 0)
  }
  expect(outcomes).toContain('died')
}, 120_000)

describe('a blob folder that is not the catalog’s', () => {
  test('keeps the server from starting, and nothing is taken for lost', async () => {
    const upload = await left(BYTES.subarray(0, 40), { durable: 40 })
    const other = await mkdtemp(join(tmpdir(), 'pawl-other-'))
    closing.push(() => rm(other, { recursive: true }))
    const wrong = new DiskStore({ folder: other, reserve: 0, boot: 'boot a' })
    closing.push(() => wrong.close())
    await expect(start('boot a', wrong)).rejects.toMatchObject({
      name: 'StoreError',
      code: 'damaged',
      message: expect.stringMatching(/not the one this catalog belongs to/),
    })
    expect(await stateOf(upload)).toBe('open')
    const { uploads } = await start('boot a')
    expect(await uploads.inspect(upload.id, () => true)).toMatchObject({ offset: 40 })
  })

  test('is noticed as well when its marker is damaged', async () => {
    await writeFile(join(folder, 'store.json'), 'not json')
    await expect(start('boot a')).rejects.toMatchObject({ code: 'damaged' })
  })
})
