import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { MemoryStore } from '../blobs/memory/memory-store.ts'
import { collect, sampleBytes } from '../blobs/sample-bytes.ts'
import { openMemoryCatalog } from '../catalog/sqlite/memory-catalog.ts'
import { type Fate, type Fault, type Machine, startProcess } from './mortal.ts'
import { type SampleEngine, sampleEngine, storedUpload } from './sample-engine.ts'

const BYTES = sampleBytes(100)

function newMachine(): Machine {
  return {
    catalog: openMemoryCatalog(),
    blobs: new MemoryStore(),
    durable: new Map(),
    unsynced: new Map(),
    trusted: true,
  }
}

/** An engine that meets `faults` by the name of the step, once each, or dies after so many calls. */
function engineOn(machine: Machine, given: { faults?: Record<string, Fault>; fate?: Partial<Fate> } = {}) {
  const faults = { ...given.faults }
  const process = startProcess(machine, {
    callsLeft: undefined,
    diesAfterEffect: false,
    fault(step) {
      const fault = faults[step] ?? 'none'
      delete faults[step]
      return fault
    },
    part: () => 0,
    ...given.fate,
  })
  return { ...sampleEngine(process.catalog, process.blobs), process }
}

async function contentOf({ catalog, blobs }: SampleEngine, key: string): Promise<Buffer | undefined> {
  const object = await catalog.findObject('files', key)
  if (object === undefined) return undefined
  const pieces: Buffer[] = []
  for (const { segment, length } of object.segments)
    pieces.push(await collect(blobs.read(segment, 0, length)))
  return Buffer.concat(pieces)
}

describe('finishing', () => {
  test('publishes the bytes with an answer that is stored, and tells it once', async () => {
    const engine = engineOn(newMachine())
    const upload = await storedUpload(engine, BYTES)
    const finished = await engine.finisher.finish(upload, 100)
    const stored = await engine.catalog.findUpload(upload.id)
    expect(stored?.state).toEqual({ kind: 'complete', answer: 'answer' in finished && finished.answer })
    expect(await contentOf(engine, upload.key)).toEqual(BYTES)
    // The repeat may not know what the first one knew of the digests.
    expect(finished).toMatchObject(await engine.finisher.finish(upload, 100))
    expect(engine.published).toHaveLength(1)
  })

  test('asked for by many at once runs once', async () => {
    const engine = engineOn(newMachine())
    const upload = await storedUpload(engine, BYTES)
    const all = await Promise.all(Array.from({ length: 20 }, () => engine.finisher.finish(upload, 100)))
    expect(new Set(all.map((finished) => JSON.stringify(finished))).size).toBe(1)
    expect(engine.published).toHaveLength(1)
    expect((await engine.catalog.counts()).objects).toBe(1)
  })

  test('makes the bytes durable before any row says that they are all there', async () => {
    const machine = newMachine()
    const engine = engineOn(machine, { faults: { 'blobs.seal': 'unavailable' } })
    const upload = await storedUpload(engine, BYTES)
    await expect(engine.finisher.finish(upload, 100)).rejects.toMatchObject({ code: 'unavailable' })
    expect((await engine.catalog.findUpload(upload.id))?.state.kind).toBe('open')
  })

  test('of an upload of no bytes needs no file', async () => {
    const machine = newMachine()
    const engine = engineOn(machine)
    const upload = await storedUpload(engine, Buffer.alloc(0))
    await machine.blobs.remove(upload.segment)
    expect(await engine.finisher.finish(upload, 0)).toMatchObject({ kind: 'published' })
    expect(await contentOf(engine, upload.key)).toEqual(Buffer.alloc(0))
  })

  test('of a partial upload seals it, and publishes nothing', async () => {
    const engine = engineOn(newMachine())
    const upload = await storedUpload(engine, BYTES, { concat: { kind: 'partial' } })
    expect(await engine.finisher.finish(upload, 100)).toEqual({ kind: 'sealed' })
    expect(await engine.finisher.finish(upload, 100)).toEqual({ kind: 'sealed' })
    expect((await engine.catalog.counts()).objects).toBe(0)
  })
})

describe('a crash', () => {
  test.each(
    [1, 2, 3, 4, 5].flatMap((calls) => [
      [calls, false],
      [calls, true],
    ]) as [number, boolean][],
  )(
    'at step %i (after its effect: %s) is mended by the same steps again',
    async (callsLeft, diesAfterEffect) => {
      const machine = newMachine()
      const upload = await storedUpload(machine, BYTES)
      const dying = engineOn(machine, { fate: { callsLeft, diesAfterEffect } })
      await dying.finisher.finish(upload, 100).catch(() => {})
      const next = engineOn(machine)
      const now = await machine.catalog.findUpload(upload.id)
      expect(now).toBeDefined()
      const finished = await next.finisher.finish(now ?? upload, 100)
      expect(finished).toMatchObject({ kind: 'published' })
      expect(await contentOf(next, upload.key)).toEqual(BYTES)
      expect((await machine.catalog.counts()).objects).toBe(1)
      expect(await machine.catalog.segments(undefined, 10)).toEqual([{ id: upload.segment, refs: 1 }])
    },
  )
})

describe('a passing fault', () => {
  test.each(['catalog.beginFinish', 'catalog.publish', 'blobs.seal'])(
    'of %s keeps every byte, and a repeat finishes',
    async (step) => {
      const engine = engineOn(newMachine(), { faults: { [step]: 'unavailable' } })
      const upload = await storedUpload(engine, BYTES)
      await expect(engine.finisher.finish(upload, 100)).rejects.toMatchObject({ code: 'unavailable' })
      expect(await engine.catalog.findObject('files', upload.key)).toBeUndefined()
      expect(await engine.finisher.finish(upload, 100)).toMatchObject({ kind: 'published' })
      expect(await contentOf(engine, upload.key)).toEqual(BYTES)
    },
  )

  test('is got over without a client', async () => {
    const engine = engineOn(newMachine(), { faults: { 'catalog.publish': 'unavailable' } })
    const upload = await storedUpload(engine, BYTES)
    await engine.finisher.finish(upload, 100).catch(() => {})
    expect(await engine.finisher.finishLeft()).toBe(1)
    expect(await contentOf(engine, upload.key)).toEqual(BYTES)
    expect(await engine.finisher.finishLeft()).toBe(0)
  })
})

describe('a failure that is final', () => {
  test('is stored when another upload took the key, and is told again and again', async () => {
    const engine = engineOn(newMachine())
    const [first, second] = [
      await storedUpload(engine, BYTES, { key: 'k' }),
      await storedUpload(engine, sampleBytes(50, 2), { key: 'k' }),
    ]
    await engine.finisher.finish(first, 100)
    for (let n = 0; n < 3; n += 1)
      await expect(engine.finisher.finish(second, 50)).rejects.toMatchObject({ code: 'conflict' })
    expect((await engine.catalog.findUpload(second.id))?.state).toMatchObject({
      kind: 'failed',
      failure: { code: 'conflict' },
    })
    expect(await contentOf(engine, 'k')).toEqual(BYTES)
    expect(await engine.catalog.releasedSegments(0, 10)).toEqual([second.segment])
    expect(await engine.finisher.finishLeft()).toBe(0)
  })

  test('of two that finish at once is for exactly one', async () => {
    const engine = engineOn(newMachine())
    const uploads = [
      await storedUpload(engine, BYTES, { key: 'k' }),
      await storedUpload(engine, BYTES, { key: 'k' }),
    ]
    const results = await Promise.allSettled(uploads.map((upload) => engine.finisher.finish(upload, 100)))
    expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
  })

  test('is a digest that the bytes do not have; the right one passes', async () => {
    const engine = engineOn(newMachine())
    const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')
    const demand = (digest: string) => ({ digests: { wanted: [], demanded: { 'sha-256': digest } } })
    const wrong = await storedUpload(engine, BYTES, demand(sha256(sampleBytes(100, 2))))
    const right = await storedUpload(engine, BYTES, demand(sha256(BYTES)))
    await expect(engine.finisher.finish(wrong, 100)).rejects.toMatchObject({ code: 'digest-mismatch' })
    expect(await engine.catalog.findObject('files', wrong.key)).toBeUndefined()
    expect(await engine.finisher.finish(right, 100)).toMatchObject({ kind: 'published' })
  })

  test.each([
    [
      'shorter',
      (machine: Machine, segment: Parameters<Machine['blobs']['remove']>[0]) =>
        machine.blobs.truncate(segment, 40),
    ],
    [
      'gone',
      (machine: Machine, segment: Parameters<Machine['blobs']['remove']>[0]) => machine.blobs.remove(segment),
    ],
  ])('is the loss of bytes that were durable: the file is %s', async (_, damage) => {
    const machine = newMachine()
    const engine = engineOn(machine)
    const upload = await storedUpload(engine, BYTES)
    await machine.catalog.beginFinish(upload.id, 100)
    await damage(machine, upload.segment)
    await expect(engine.finisher.finish(upload, 100)).rejects.toMatchObject({ code: 'bytes-lost' })
    expect((await machine.catalog.findUpload(upload.id))?.state.kind).toBe('failed')
  })

  test('is not the lack of bytes of an upload that is still open: it goes on from what is there', async () => {
    const machine = newMachine()
    const engine = engineOn(machine)
    const upload = await storedUpload(engine, BYTES)
    await machine.blobs.truncate(upload.segment, 40)
    await expect(engine.finisher.finish(upload, 100)).rejects.toMatchObject({ code: 'finishing' })
    expect((await machine.catalog.findUpload(upload.id))?.state.kind).toBe('open')
  })
})
