/** Whether many open uploads make each one slower: HEAD and append with few of them, and with very many. */
import { Connection } from '../load/connection.ts'
import { small } from '../load/payload.ts'
import { create, expectAt, patch } from '../load/tus.ts'
import { closedLoop, times, within } from './closed-loop.ts'
import type { Measurement, Scale, Target, Workload } from './workload.ts'

const ACTIVE = 100
const CONNECTIONS = 16
const PIECE = 1024
/** Appends that an upload has room for. */
const APPENDS = 100_000

export const growth: Workload = {
  name: 'growth',
  title: 'HEAD and append of 100 uploads, time among very many open ones to time alone',
  unit: '×',
  better: 'lower',
  manyFiles: true,
  run,
}

interface Active {
  readonly path: string
  offset: number
}

async function run({ port }: Target, scale: Scale): Promise<Measurement> {
  const active: Active[] = []
  const connection = await Connection.open(port)
  for (let i = 0; i < ACTIVE; i += 1)
    active.push({ path: await create(connection, APPENDS * PIECE), offset: 0 })
  connection.close()
  await rate(port, active, scale.warmUpSeconds)
  const alone = await rate(port, active, scale.seconds)
  await closedLoop({
    port,
    connections: 64,
    more: times(scale.openUploads),
    once: async (open) => void (await create(open, 1_000_000)),
  })
  await rate(port, active, scale.warmUpSeconds)
  const among = await rate(port, active, scale.seconds)
  return {
    value: alone / among,
    details: { alonePerSecond: alone, amongPerSecond: among, open: scale.openUploads },
  }
}

/** Pairs of HEAD and append per second. */
async function rate(port: number, active: readonly Active[], seconds: number): Promise<number> {
  const free = [...active]
  const start = performance.now()
  const count = await closedLoop({
    port,
    connections: CONNECTIONS,
    more: within(seconds),
    // Each is used by one connection at a time.
    once: async (connection, index) => {
      const upload = free.shift()
      if (upload === undefined) throw new Error('there are fewer uploads than connections')
      await expectAt(connection, upload.path, upload.offset)
      await patch(connection, upload.path, upload.offset, small(index, PIECE))
      upload.offset += PIECE
      free.push(upload)
    },
  })
  return count / ((performance.now() - start) / 1000)
}
