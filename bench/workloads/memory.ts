/** Memory of the server while 200 clients send slowly, over what it had when it was idle. */
import { setTimeout as sleep } from 'node:timers/promises'
import { Connection } from '../load/connection.ts'
import { digestOf, pieces, small } from '../load/payload.ts'
import { quiet, residentBytes } from '../load/process-facts.ts'
import { create, expectAt, expectDigest, expectOffset, patch, patchHead } from '../load/tus.ts'
import type { Measurement, Scale, Target, Workload } from './workload.ts'

const UPLOADS = 200
/** 64 KiB/s each: a phone at the edge of its network. */
const PIECE = 16 * 1024
const EVERY_MS = 250
const MIB = 1024 * 1024

export const memory: Workload = {
  name: 'memory-200',
  title: `Memory over idle, ${UPLOADS} slow uploads`,
  unit: 'MiB',
  better: 'lower',
  run,
}

async function run(target: Target, scale: Scale): Promise<Measurement> {
  const { port, pid } = target
  await warmUp(port)
  await quiet(pid)
  const idle = rss(pid)
  let peak = idle
  const sampler = setInterval(() => {
    peak = Math.max(peak, rss(pid))
  }, 50)
  try {
    const steps = Math.round((scale.slowSeconds * 1000) / EVERY_MS)
    const uploads = await Promise.all(Array.from({ length: UPLOADS }, (_, i) => slowUpload(port, i, steps)))
    clearInterval(sampler)
    const connection = await Connection.open(port)
    for (const { path } of uploads) await expectAt(connection, path, steps * PIECE)
    for (const { path, start } of uploads.slice(0, 20))
      await expectDigest(target, path, digestOf(pieces(start, steps * PIECE)))
    connection.close()
  } finally {
    clearInterval(sampler)
  }
  return { value: (peak - idle) / MIB, details: { idleMiB: idle / MIB, peakMiB: peak / MIB } }
}

/** What is loaded and compiled with the first requests is not what a slow upload costs. */
async function warmUp(port: number): Promise<void> {
  const connection = await Connection.open(port)
  for (let i = 0; i < 100; i += 1) {
    await patch(connection, await create(connection, PIECE), 0, small(i, PIECE))
  }
  connection.close()
}

async function slowUpload(
  port: number,
  index: number,
  steps: number,
): Promise<{ path: string; start: number }> {
  // Spread over one interval, so that they do not all send in the same moment.
  await sleep((index / UPLOADS) * EVERY_MS)
  const connection = await Connection.open(port)
  const length = steps * PIECE
  const path = await create(connection, length)
  const start = index * length
  const parts = Array.from({ length: steps }, (_, i) => Buffer.concat([...pieces(start + i * PIECE, PIECE)]))
  const [first = Buffer.alloc(0), ...rest] = parts
  const answer = connection.request(patchHead(path, 0, length), first)
  for (const part of rest) {
    await sleep(EVERY_MS)
    connection.send(part)
  }
  expectOffset('PATCH', await answer, 204, length)
  connection.close()
  return { path, start }
}

function rss(pid: number): number {
  const bytes = residentBytes(pid)
  if (bytes === undefined) throw new Error('memory of a process can be read on Linux only')
  return bytes
}
