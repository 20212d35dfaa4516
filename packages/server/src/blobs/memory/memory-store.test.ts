import { describe, expect, test } from 'vitest'
import { blobStoreContract, fullStoreContract } from '../blob-store.contract.ts'
import { emptySegment } from '../sample-bytes.ts'
import { MemoryStore } from './memory-store.ts'

describe('the store in memory', () => {
  const make = async (room?: number): Promise<MemoryStore> => {
    const store = new MemoryStore(room === undefined ? {} : { capacity: room })
    await store.open()
    return store
  }
  blobStoreContract(make)
  fullStoreContract(make)

  test('knows no limit unless it was given one', async () => {
    expect(await new MemoryStore().freeBytes()).toBeUndefined()
  })

  test('keeps its identity, and is fresh only while it is empty', async () => {
    const store = new MemoryStore()
    const first = await store.open()
    expect(first).toMatchObject({ fresh: true, trusted: true })
    await emptySegment(store)
    expect(await store.open()).toEqual({ ...first, fresh: false })
  })

  test('tells the time by the clock it was given', async () => {
    const store = new MemoryStore({ now: () => 42 })
    const segment = await emptySegment(store)
    expect(await store.inspect(segment)).toEqual({ length: 0, modifiedAt: 42 })
  })
})
