import { PassThrough, Readable } from 'node:stream'
import { expect, test } from 'vitest'
import { MemoryStore } from '../blobs/memory/memory-store.ts'
import { collect, sampleBytes } from '../blobs/sample-bytes.ts'
import { openMemoryCatalog } from '../catalog/sqlite/memory-catalog.ts'
import { type Machine, startProcess } from './mortal.ts'
import { sampleEngine, storedUpload } from './sample-engine.ts'
import { uploadsOver } from './uploads.ts'

const BYTES = sampleBytes(100)

/** An upload of 100 bytes, of which 40 are there and synced, on a disk whose next syncs fail as asked. */
async function onFailingDisk() {
  const machine: Machine = {
    catalog: openMemoryCatalog(),
    blobs: new MemoryStore(),
    durable: new Map(),
    unsynced: new Map(),
    trusted: true,
  }
  const failing = new Set<string>()
  const process = startProcess(machine, {
    callsLeft: undefined,
    diesAfterEffect: false,
    fault: (step) => (failing.delete(step) ? 'no-space' : 'none'),
    part: () => 0,
  })
  const engine = sampleEngine(process.catalog, process.blobs)
  const upload = await storedUpload(engine, BYTES.subarray(0, 40), { length: 100, expiresAt: 1e12 })
  engine.durability.note(upload, 40)
  await engine.durability.settle(upload)
  const uploads = uploadsOver(engine)
  const append = (offset: number, body: Readable = Readable.from([BYTES.subarray(offset)])) =>
    uploads.append(upload.id, () => true, {
      offset,
      declared: 100 - offset,
      length: undefined,
      ends: 'at-length',
      checksum: undefined,
      open: () => body,
      signal: new AbortController().signal,
    })
  const look = () => uploads.inspect(upload.id, () => true)
  return { machine, engine, upload, append, look, failing }
}

test('an upload whose last sync failed is not published, and goes on from what an earlier one covered', async () => {
  const { machine, engine, upload, append, look, failing } = await onFailingDisk()
  failing.add('blobs.seal')
  await expect(append(40)).rejects.toMatchObject({ code: 'unavailable' })
  expect(await look()).toMatchObject({ kind: 'open', offset: 40 })
  // The disk does not fail any more, and would call the lost bytes durable.
  expect(await engine.finisher.finishLeft()).toBe(0)
  await expect(append(100)).rejects.toMatchObject({ code: 'offset-mismatch', offset: 40 })

  expect(await append(40)).toMatchObject({ kind: 'finished', offset: 100 })
  expect(machine.unsynced.size).toBe(0)
  expect(machine.durable.get(upload.segment)).toBe(100)
  expect(await collect(engine.blobs.read(upload.segment, 0, 100))).toEqual(BYTES)
})

test('a request that writes while a sync fails is cut off, and the next one begins behind what is durable', async () => {
  const { engine, upload, append, look, failing } = await onFailingDisk()
  const body = new PassThrough()
  const writing = append(40, body)
  body.write(BYTES.subarray(40, 90))
  await expect.poll(look).toMatchObject({ kind: 'open', offset: 90 })
  failing.add('blobs.sync')
  await expect(engine.durability.settle(upload)).rejects.toMatchObject({ code: 'unsynced' })
  expect(await look()).toMatchObject({ kind: 'open', offset: 40 })
  expect(await writing).toEqual({ kind: 'cut' })
  expect(await append(40)).toMatchObject({ kind: 'finished', offset: 100 })
})

test('the next process knows which bytes do not count', async () => {
  const { machine, upload, append, failing } = await onFailingDisk()
  failing.add('blobs.seal')
  await expect(append(40)).rejects.toMatchObject({ code: 'unavailable' })
  const restarted = uploadsOver(sampleEngine(machine.catalog, machine.blobs))
  expect(await restarted.inspect(upload.id, () => true)).toMatchObject({ kind: 'open', offset: 40 })
})

test('a cancelled upload leaves nothing of it behind', async () => {
  const { engine, upload, append, failing } = await onFailingDisk()
  failing.add('blobs.seal')
  await expect(append(40)).rejects.toMatchObject({ code: 'unavailable' })
  await uploadsOver(engine).cancel(upload.id, () => true)
  expect(engine.durability.cutTo(upload.id)).toBeUndefined()
})
