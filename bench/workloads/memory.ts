/** Memory of the server while clients send, slowly or fast, over what it had when it was idle. */
import { setTimeout as sleep } from 'node:timers/promises'
import { Connection } from '../load/connection.ts'
import { digestOf, pieces, small } from '../load/payload.ts'
import { quiet, residentBytes } from '../load/process-facts.ts'
import { create, expectAt, expectDigest, expectOffset, patch, patchHead } from '../load/tus.ts'
import { prepareUploads, sendAll, verifyUploads } from './bulk.ts'
import type { Measurement, Scale, Target, Workload } from './workload.ts'

/** 64 KiB/s each: a phone at the edge of its network. */
const PIECE = 16 * 1024
const EVERY_MS = 250
const MIB = 1024 * 1024
/** Slow uploads that are compared byte by byte. */
const COMPARED = 20

const common = { unit: 'MiB', better: 'lower' } as const

export const memory: readonly Workload[] = [
  ...[200, 1000].map(
    (count): Workload => ({
      ...common,
      name: `memory-${count}`,
      title: `Memory over idle, ${count} slow uploads`,
      run: (target, scale) => peakOf(target, () => slowUploads(target, scale, count)),
    }),
  ),
  ...[200, 1].map(
    (count): Workload => ({
      ...common,
      name: `memory-fast-${count}`,
      title: `Memory over idle, ${count === 1 ? 'one large upload' : `${count} uploads`} at full speed`,
      run: (target, scale) => peakOf(target, () => fastUploads(target, scale, count)),
    }),
  ),
  {
    ...common,
    name: 'memory-huge',
    title: 'Memory over idle, one very large upload whose bytes are thrown away',
    run: (target, scale) => peakOf(target, () => hugeUpload(target, scale)),
  },
]

/** @param work - resolves to the verification, which is not watched */
async function peakOf({ port, pid }: Target, work: () => Promise<() => Promise<void>>): Promise<Measurement> {
  await warmUp(port)
  await quiet(pid)
  const idle = rss(pid)
  let peak = idle
  const sampler = setInterval(() => {
    peak = Math.max(peak, rss(pid))
  }, 50)
  const verify = await work().finally(() => clearInterval(sampler))
  await verify()
  return { value: (peak - idle) / MIB, details: { idleMiB: idle / MIB, peakMiB: peak / MIB } }
}

async function slowUploads(target: Target, scale: Scale, count: number): Promise<() => Promise<void>> {
  const { port } = target
  const steps = Math.round((scale.slowSeconds * 1000) / EVERY_MS)
  const uploads = await Promise.all(
    Array.from({ length: count }, (_, i) => slowUpload(port, i, steps, (i / count) * EVERY_MS)),
  )
  return async () => {
    const connection = await Connection.open(port)
    for (const { path } of uploads) await expectAt(connection, path, steps * PIECE)
    for (const { path, start } of uploads.slice(0, COMPARED))
      await expectDigest(target, path, digestOf(pieces(start, steps * PIECE)))
    connection.close()
  }
}

async function fastUploads(target: Target, scale: Scale, count: number): Promise<() => Promise<void>> {
  const uploads = await prepareUploads(target, count, scale.bulkBytes)
  await sendAll(uploads, Number.POSITIVE_INFINITY)
  return () => verifyUploads(target, uploads)
}

/** Nothing of it is kept, so that no disk has to hold it: only its offset is compared. */
async function hugeUpload(target: Target, scale: Scale): Promise<() => Promise<void>> {
  const uploads = await prepareUploads(target, 1, scale.hugeBytes)
  // All but the end, which would ask for bytes that are not there.
  const sent = uploads.map((upload) => ({ ...upload, length: upload.length - MIB }))
  await sendAll(sent, Number.POSITIVE_INFINITY)
  return async () => {
    for (const { connection, path, length } of sent) {
      await expectAt(connection, path, length)
      connection.close()
    }
  }
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
  delay: number,
): Promise<{ path: string; start: number }> {
  // Spread over one interval, so that they do not all send in the same moment.
  await sleep(delay)
  const connection = await Connection.open(port)
  const length = steps * PIECE
  const path = await create(connection, length)
  const start = index * length
  const parts = Array.from({ length: steps }, (_, i) => Buffer.concat([...pieces(start + i * PIECE, PIECE)]))
  const [first = Buffer.alloc(0), ...rest] = parts
  const answer = connection.request(patchHead(path, 0, length), first)
  // Awaited below; one that comes early must not count as nobody's.
  answer.catch(() => {})
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
