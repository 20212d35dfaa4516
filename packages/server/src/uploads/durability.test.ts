import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { type BlobStore, StoreError } from '../blobs/blob-store.ts'
import { MemoryStore } from '../blobs/memory/memory-store.ts'
import { sampleBytes } from '../blobs/sample-bytes.ts'
import { openMemoryCatalog } from '../catalog/sqlite/memory-catalog.ts'
import { Durability } from './durability.ts'
import { storedUpload } from './sample-engine.ts'

const MIB = 1024 * 1024

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

/** An upload of 100 bytes over a store whose syncs the test lets through, or fails. */
async function slowDisk() {
  const catalog = openMemoryCatalog()
  const memory = new MemoryStore()
  const upload = await storedUpload({ catalog, blobs: memory }, sampleBytes(100))
  const syncs: PromiseWithResolvers<void>[] = []
  const blobs: BlobStore = new Proxy(memory, {
    get(target, name) {
      if (name === 'sync') {
        return async (...args: Parameters<BlobStore['sync']>) => {
          const length = await target.sync(...args)
          const gate = Promise.withResolvers<void>()
          syncs.push(gate)
          await gate.promise
          return length
        }
      }
      const member: unknown = Reflect.get(target, name)
      return typeof member === 'function' ? member.bind(target) : member
    },
  })
  const errors: unknown[] = []
  const durability = new Durability(blobs, catalog, (error) => errors.push(error))
  const another = () => storedUpload({ catalog, blobs: memory }, sampleBytes(100))
  const durable = async () => (await catalog.findUpload(upload.id))?.durable
  return { upload, another, durability, durable, syncs, errors }
}

const settled = () => vi.advanceTimersByTimeAsync(0)

test('a little is synced after two seconds, much at once', async () => {
  const { upload, durability, durable, syncs } = await slowDisk()
  durability.note(upload, 100)
  await vi.advanceTimersByTimeAsync(1999)
  expect(syncs).toHaveLength(0)
  await vi.advanceTimersByTimeAsync(1)
  expect(syncs).toHaveLength(1)
  expect(await durable()).toBe(0)
  syncs[0]?.resolve()
  await settled()
  expect(await durable()).toBe(100)

  durability.note(upload, 100 + 32 * MIB)
  await settled()
  expect(syncs).toHaveLength(2)
})

test('a watch tells what is synced also once nothing waits for a sync', async () => {
  const { upload, durability, syncs } = await slowDisk()
  const watch = durability.watch(upload)
  durability.note(upload, 100)
  expect(watch.synced).toBe(0)
  await vi.advanceTimersByTimeAsync(2000)
  syncs[0]?.resolve()
  await settled()
  durability.note(upload, 101)
  expect(watch.synced).toBe(100)
  watch.close()
})

test('one sync runs at a time, however much arrives meanwhile', async () => {
  const { upload, durability, syncs } = await slowDisk()
  for (let n = 1; n <= 5; n += 1) durability.note(upload, n * 40 * MIB)
  await vi.advanceTimersByTimeAsync(10_000)
  expect(syncs).toHaveLength(1)
})

test('two uploads are synced in the background at a time, the others in their turn', async () => {
  const { another, durability, syncs } = await slowDisk()
  for (let n = 0; n < 4; n += 1) durability.note(await another(), 100)
  await vi.advanceTimersByTimeAsync(10_000)
  expect(syncs).toHaveLength(2)
  syncs[1]?.resolve()
  await settled()
  expect(syncs).toHaveLength(3)
  syncs[0]?.reject(new StoreError('unavailable', 'EIO'))
  await settled()
  expect(syncs).toHaveLength(4)
})

test('who settles or forgets an upload does not wait for its turn in the background', async () => {
  const { another, durability, syncs } = await slowDisk()
  const [busy, alsoBusy, settling, forgotten] = [
    await another(),
    await another(),
    await another(),
    await another(),
  ]
  for (const one of [busy, alsoBusy, settling, forgotten]) durability.note(one, 100)
  await vi.advanceTimersByTimeAsync(2000)
  expect(syncs).toHaveLength(2)
  await durability.forget(forgotten.id)
  const settlement = durability.settle(settling)
  await settled()
  expect(syncs).toHaveLength(3)
  syncs[2]?.resolve()
  await settlement
  // Nobody is left to be synced when those two are done.
  for (const sync of syncs) sync.resolve()
  await vi.advanceTimersByTimeAsync(10_000)
  expect(syncs).toHaveLength(3)
})

test('a disk that fails is not asked without end, but every two seconds', async () => {
  const { upload, durability, syncs, errors } = await slowDisk()
  durability.note(upload, 40 * MIB)
  await settled()
  syncs[0]?.reject(new StoreError('unavailable', 'EIO'))
  await settled()
  for (let n = 0; n < 10; n += 1) durability.note(upload, (50 + n) * MIB)
  await settled()
  expect(syncs).toHaveLength(1)
  expect(errors).toHaveLength(1)
  await vi.advanceTimersByTimeAsync(2000)
  expect(syncs).toHaveLength(2)
})

test('who takes bytes back waits for the sync that may still call them durable', async () => {
  for (const begin of ['background', 'settle'] as const) {
    const { upload, durability, durable, syncs } = await slowDisk()
    durability.note(upload, 100)
    if (begin === 'settle') void durability.settle(upload)
    else await vi.advanceTimersByTimeAsync(2000)
    await settled()
    let forgotten = false
    const forgetting = durability.forget(upload.id).then(() => {
      forgotten = true
    })
    await settled()
    expect(forgotten).toBe(false)
    syncs[0]?.resolve()
    await forgetting
    expect(await durable()).toBe(100)
  }
})

test('settling makes all that was noted durable, or says that it could not', async () => {
  const { upload, durability, durable, syncs } = await slowDisk()
  durability.note(upload, 100)
  const failing = durability.settle(upload)
  await settled()
  syncs[0]?.reject(new StoreError('unavailable', 'EIO'))
  await expect(failing).rejects.toMatchObject({ code: 'unavailable' })
  const working = durability.settle(upload)
  await settled()
  syncs[1]?.resolve()
  await working
  expect(await durable()).toBe(100)
  await durability.settle(upload)
  expect(syncs).toHaveLength(2)
})

test('closing makes durable what is not yet, and reports what it cannot', async () => {
  const { upload, durability, syncs, errors } = await slowDisk()
  durability.note(upload, 100)
  const closing = durability.close()
  await settled()
  syncs[0]?.reject(new StoreError('unavailable', 'EIO'))
  await closing
  expect(errors).toHaveLength(1)
})

test('who takes bytes back waits also for a sync that has yet to wait for another', async () => {
  const { upload, durability, durable, syncs } = await slowDisk()
  durability.note(upload, 40 * MIB)
  await settled()
  const settling = durability.settle(upload)
  await settled()
  expect(syncs).toHaveLength(1)
  let forgotten = false
  const forgetting = durability.forget(upload.id).then(() => {
    forgotten = true
  })
  syncs[0]?.resolve()
  await settled()
  expect(syncs).toHaveLength(2)
  expect(forgotten).toBe(false)
  syncs[1]?.resolve()
  await Promise.all([settling, forgetting])
  expect(await durable()).toBe(100)
})

test('a sync that fails takes back nothing that was made durable before, whatever the writer knows of it', async () => {
  const { upload, durability, durable, syncs } = await slowDisk()
  durability.note(upload, 100)
  const looked = durability.settle(upload)
  await settled()
  syncs[0]?.resolve()
  await looked
  expect(await durable()).toBe(100)

  // The writer's record is from before.
  expect(upload.durable).toBe(0)
  durability.note(upload, 150)
  const failing = durability.settle(upload)
  await settled()
  syncs[1]?.reject(new StoreError('unsynced', 'the disk is away'))
  await expect(failing).rejects.toMatchObject({ code: 'unsynced' })
  expect(durability.cutTo(upload.id)).toBe(100)
})
