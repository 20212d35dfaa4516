import { expect, test } from 'vitest'
import { type BlobStore, StoreError } from '../blobs/blob-store.ts'
import { MemoryStore } from '../blobs/memory/memory-store.ts'
import { collect, sampleBytes } from '../blobs/sample-bytes.ts'
import { CatalogError } from '../catalog/catalog.ts'
import type { PackedPiece } from '../catalog/packs.ts'
import { openMemoryCatalog } from '../catalog/sqlite/memory-catalog.ts'
import { Packer } from './packer.ts'

const LATE = Number.MAX_SAFE_INTEGER

/** A packer over a store that counts its syncs and fails one method when told to. */
function newPacker(packBytes?: number) {
  const catalog = openMemoryCatalog()
  const state = { syncs: 0, fails: undefined as keyof BlobStore | undefined, gone: false }
  const store = new MemoryStore()
  const blobs = new Proxy<BlobStore>(store, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name)
      if (typeof member !== 'function') return member
      return (...args: unknown[]) => {
        if (name === 'sync') state.syncs += 1
        if (name === 'inspect' && state.gone) return Promise.resolve(undefined)
        if (name === state.fails) return Promise.reject(new StoreError('unavailable', `${name} failed`))
        return Reflect.apply(member, target, args) as unknown
      }
    },
  })
  const packer = new Packer({
    catalog,
    blobs,
    now: () => 7,
    onError: (error) => {
      throw error
    },
    ...(packBytes === undefined ? {} : { packBytes }),
  })
  const contentOf = ({ segment, start, length }: PackedPiece) =>
    collect(store.read(segment, start, start + length))
  return { catalog, store, state, packer, contentOf }
}

const bodies = (count: number) => Array.from({ length: count }, (_, n) => sampleBytes(50 + n, n))

test('bodies that come together share writes and syncs, and each is found whole', async () => {
  const { packer, state, contentOf, catalog } = newPacker()
  const sent = bodies(300)
  const pieces = await Promise.all(sent.map((bytes) => packer.add(bytes)))
  expect(state.syncs).toBeLessThan(5)
  expect(new Set(pieces.map(({ segment }) => segment)).size).toBe(1)
  for (const [n, piece] of pieces.entries()) expect(await contentOf(piece)).toEqual(sent[n])
  expect(await catalog.heldPacks()).toEqual([pieces[0]?.segment])
})

test('one that comes later is in the same pack, behind the others', async () => {
  const { packer } = newPacker()
  expect(await packer.add(sampleBytes(10))).toMatchObject({ start: 0, length: 10 })
  expect(await packer.add(sampleBytes(20))).toMatchObject({ start: 10, length: 20 })
})

test.each(['sync', 'inspect'] as const)(
  'when %s fails, everyone who waited is told, and the next body goes into a new pack',
  async (method) => {
    const { packer, state, catalog, contentOf } = newPacker()
    const first = await packer.add(sampleBytes(10))
    state.fails = method
    const failed = await Promise.allSettled([packer.add(sampleBytes(5)), packer.add(sampleBytes(6))])
    expect(failed.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    state.fails = undefined
    const next = await packer.add(sampleBytes(7))
    expect(next).toMatchObject({ start: 0, length: 7 })
    expect(next.segment).not.toBe(first.segment)
    expect(await contentOf(first)).toEqual(sampleBytes(10))
    expect(await catalog.heldPacks()).toEqual([next.segment])
  },
)

test('a pack that cannot be opened is not held', async () => {
  const { packer, state, catalog } = newPacker()
  state.fails = 'openWriter'
  await expect(packer.add(sampleBytes(5))).rejects.toMatchObject({ code: 'unavailable' })
  expect(await catalog.heldPacks()).toEqual([])
  expect(await catalog.releasedSegments(7, 10)).toHaveLength(1)
})

test('a pack that vanished under its writer is an error, not a success', async () => {
  const { packer, state } = newPacker()
  await packer.add(sampleBytes(5))
  state.gone = true
  await expect(packer.add(sampleBytes(5))).rejects.toMatchObject({ code: 'unavailable' })
})

test('a pack that the catalog does not let go of is tried again', async () => {
  const errors: unknown[] = []
  const real = openMemoryCatalog()
  let away = true
  const catalog = {
    ...real,
    endPack: (...args: Parameters<typeof real.endPack>) =>
      away ? Promise.reject(new CatalogError('unavailable', 'it is away')) : real.endPack(...args),
  }
  const options = { catalog, blobs: new MemoryStore(), now: () => 7, packBytes: 1 }
  const packer = new Packer({ ...options, onError: (error) => errors.push(error) })
  await packer.add(sampleBytes(5))
  await packer.tidy()
  expect(errors).toHaveLength(2)
  expect(await real.heldPacks()).toHaveLength(1)
  away = false
  await packer.tidy()
  expect(await real.heldPacks()).toEqual([])
})

test('a full pack is let go of', async () => {
  const { packer, catalog } = newPacker(100)
  const [first, second] = [await packer.add(sampleBytes(100)), await packer.add(sampleBytes(99))]
  expect(first.segment).not.toBe(second.segment)
  expect(await catalog.heldPacks()).toEqual([second.segment])
  expect(await packer.add(sampleBytes(1))).toMatchObject({ segment: second.segment, start: 99 })
  expect(await catalog.heldPacks()).toEqual([])
})

test('closing waits for what is under way, lets go of the pack, and takes no more', async () => {
  const { packer, catalog, contentOf } = newPacker()
  const adding = packer.add(sampleBytes(40))
  await packer.close()
  expect(await contentOf(await adding)).toEqual(sampleBytes(40))
  expect(await catalog.heldPacks()).toEqual([])
  expect(await catalog.releasedSegments(LATE, 10)).toHaveLength(1)
  await expect(packer.add(sampleBytes(1))).rejects.toMatchObject({ code: 'unavailable' })
})
