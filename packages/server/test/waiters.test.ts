import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { contentOf, KIB, MIB } from './content.ts'
import { type Pawl, startPawl } from './process.ts'
import { fileOf, written } from './segments.ts'
import { beginPatch, create, head, offsetOf, patch, sha256Of } from './wire.ts'

const WAITERS = 200
const ROUNDS = 12
const WARM_UP = 4
/** Grown by as much as a small upload's buffers; a server that polls or queues grows by hundreds of MiB. */
const GROWTH = 64 * MIB
/** Too large for a pack: what arrives is in a file at once. */
const SIZE = 128 * KIB
const content = contentOf('waiters')
let pawl: Pawl

beforeAll(async () => {
  pawl = await startPawl()
})
afterAll(() => pawl.stop())

// The kernel's own account of a process is read from /proc.
test.skipIf(process.platform !== 'linux')(
  `${WAITERS} requests that wait for one stalled upload cost almost no memory and no time, and all are answered`,
  async () => {
    const all: number[] = []
    let first: Usage | undefined
    let last: Usage | undefined
    let cheapest = Number.POSITIVE_INFINITY
    for (let round = 0; round < ROUNDS; round += 1) {
      const url = await create(pawl.url, SIZE)
      const file = await fileOf(pawl.dataDir, url)
      const stalled = beginPatch(url, 0, SIZE)
      await stalled.write(content.bytes(0, KIB))
      await written(file, KIB)
      const before = await usage(pawl.pid)
      const waiting = Array.from({ length: WAITERS }, (_, i) =>
        i % 2 === 0 ? head(url) : patch(url, KIB, content.bytes(KIB, 2 * KIB)),
      )
      const replies = await Promise.all(waiting)
      last = await usage(pawl.pid)
      // The first rounds fill caches and heap that later ones use again.
      if (round === WARM_UP) first = last
      all.push(last.rss)
      cheapest = Math.min(cheapest, last.cpuMs - before.cpuMs)

      const statuses = new Set(replies.map((reply) => reply.status))
      expect([...statuses].sort()).toEqual([200, 204, 409])
      expect(replies.filter((reply) => reply.status === 204)).toHaveLength(1)
      expect(replies.filter((reply) => reply.status === 200)).toHaveLength(WAITERS / 2)
      expect(await offsetOf(url)).toBe(2 * KIB)
      expect((await patch(url, 2 * KIB, content.bytes(2 * KIB, SIZE))).status).toBe(204)
      expect(await sha256Of(url)).toBe(content.sha256(SIZE))
    }
    console.log(all.map((x) => x >> 20).join(' '))
    const growth = (last?.rss ?? 0) - (first?.rss ?? 0)
    console.log(
      `grew by ${growth >> 10} KiB in ${ROUNDS - WARM_UP} rounds, ${cheapest} ms of processor time a round`,
    )
    expect(growth).toBeLessThan(GROWTH)
    // Half a second is waited; the rest is parsing and answering 200 requests.
    expect(cheapest).toBeLessThan(450)
  },
)

interface Usage {
  /** Bytes of memory. */
  readonly rss: number
  /** Processor time of all its threads. */
  readonly cpuMs: number
}

/** Linux counts in ticks of 10 ms, whatever the processor. */
const TICK_MS = 10
const PAGE = 4096

async function usage(pid: number): Promise<Usage> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8')
  // After the name, which may hold anything: the state is field 3, times are 14 and 15, resident pages 24.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  const field = (number: number): number => Number(fields[number - 3])
  return { rss: field(24) * PAGE, cpuMs: (field(14) + field(15)) * TICK_MS }
}
