/**
 * Random clients, faults and crashes against the engine. A failure prints its seed and what happened;
 * `PAWL_TEST_SEED=<seed> PAWL_TEST_SCHEDULES=1` repeats it, more schedules make a soak.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as realSleep, setImmediate as realTurn } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { DiskStore } from '../blobs/disk/disk-store.ts'
import { MemoryStore } from '../blobs/memory/memory-store.ts'
import { openMemoryCatalog } from '../catalog/sqlite/memory-catalog.ts'
import { openSqliteCatalog } from '../catalog/sqlite/sqlite-catalog.ts'
import type { Machine } from './mortal.ts'
import { type Random, randomFrom } from './random.ts'
import { Simulation } from './simulation.ts'

// Ids decide the order in which repair and sweep meet uploads: a seed repeats them too.
const ids = vi.hoisted((): { random: Random | undefined } => ({ random: undefined }))
vi.mock('node:crypto', async (original) => {
  const real = await original<typeof import('node:crypto')>()
  const randomBytes = (size: number): Buffer =>
    ids.random === undefined ? real.randomBytes(size) : Buffer.from(ids.random.hex(size), 'hex')
  return { ...real, randomBytes }
})

const SEED = Number(process.env.PAWL_TEST_SEED ?? Date.now() % 1e9)
const SCHEDULES = Number(process.env.PAWL_TEST_SCHEDULES ?? 300)
const STEPS = 50

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  ids.random = undefined
  vi.useRealTimers()
})

/** @param sleep - milliseconds that a turn takes besides: a disk has a pace of its own */
async function runSchedule(
  seed: number,
  { turns, sleep }: { readonly turns: number; readonly sleep?: number },
  open: () => Promise<Machine>,
): Promise<void> {
  const random = randomFrom(seed)
  ids.random = randomFrom(seed + 1)
  const machine = await open()
  const turn = async (): Promise<void> => {
    for (let n = 0; n < turns; n += 1) await realTurn()
    if (sleep !== undefined) await realSleep(sleep)
  }
  const simulation = new Simulation({
    machine,
    random,
    turn,
    jump: (milliseconds) => vi.setSystemTime(Date.now() + milliseconds),
    async advance(milliseconds) {
      await vi.advanceTimersByTimeAsync(milliseconds)
      await turn()
    },
  })
  try {
    await simulation.run(STEPS)
  } catch (error) {
    throw new Error(`PAWL_TEST_SEED=${seed}: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    })
  } finally {
    vi.clearAllTimers()
    await machine.catalog.close()
    await machine.blobs.close()
  }
}

test(`in memory: no schedule of clients, faults and crashes loses, mixes up or repeats a byte`, async () => {
  console.log(`PAWL_TEST_SEED=${SEED}, ${SCHEDULES} schedules`)
  for (let n = 0; n < SCHEDULES; n += 1) {
    vi.setSystemTime(1_700_000_000_000)
    await runSchedule(SEED + n, { turns: 4 }, async () => ({
      catalog: openMemoryCatalog(),
      blobs: new MemoryStore({ now: Date.now }),
      durable: new Map(),
      unsynced: new Map(),
      trusted: true,
    }))
  }
  expect.assertions(0)
}, 3_600_000)

test(`on disk and SQLite: the same`, async () => {
  const schedules = Math.max(1, Math.floor(SCHEDULES / 60))
  for (let n = 0; n < schedules; n += 1) {
    // The times of files are real, and the engine compares them with its clock.
    vi.setSystemTime(vi.getRealSystemTime())
    const folder = await mkdtemp(join(tmpdir(), 'pawl-model-'))
    try {
      await runSchedule(SEED + n, { turns: 40, sleep: 2 }, async () => ({
        catalog: await openSqliteCatalog({ path: join(folder, 'catalog.sqlite'), lockTimeout: 0 }),
        blobs: new DiskStore({ folder: join(folder, 'blobs'), reserve: 0 }),
        durable: new Map(),
        unsynced: new Map(),
        trusted: true,
      }))
    } finally {
      await rm(folder, { recursive: true })
    }
  }
  expect.assertions(0)
}, 3_600_000)
