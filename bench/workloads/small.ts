/** Uploads of 10 KiB: what photo thumbnails, logs and forms are. */
import type { Connection } from '../load/connection.ts'
import { timed } from '../load/measure.ts'
import { digestOf, small } from '../load/payload.ts'
import { create, expectAt, expectDigest, patch } from '../load/tus.ts'
import { closedLoop, times, within } from './closed-loop.ts'
import { whileDeleting } from './deleting.ts'
import type { Measurement, Scale, Target, Workload } from './workload.ts'

const SIZE = 10 * 1024
/** Connections of a warm-up, at least. */
const WARMING = 16
/** Every upload is looked at; the bytes of this many are compared. */
const COMPARED = 50

type Send = (connection: Connection, body: Uint8Array) => Promise<string>

const createThenPatch: Send = async (connection, body) => {
  const path = await create(connection, body.byteLength)
  await patch(connection, path, 0, body)
  return path
}
const createWithBody: Send = (connection, body) => create(connection, body.byteLength, body)

const common = { unit: 'uploads/s', better: 'higher', cpuPer: 'upload', manyFiles: true } as const

export const smallUploads: readonly Workload[] = [
  ...[1, 16, 64, 256].map(
    (connections): Workload => ({
      ...common,
      name: `small-${connections}`,
      title: `10 KiB, create + PATCH, ${connections} connection${connections === 1 ? '' : 's'}`,
      run: (target, scale) => run(target, scale, connections, createThenPatch),
    }),
  ),
  {
    ...common,
    name: 'creation-64',
    title: '10 KiB, creation with upload, 64 connections',
    run: (target, scale) => run(target, scale, 64, createWithBody),
  },
  {
    ...common,
    name: 'small-deleting',
    title: '10 KiB, create + PATCH, 64 connections, while other files are deleted',
    run: (target, scale) => whileDeleting(target, scale, () => run(target, scale, 64, createThenPatch)),
  },
]

async function run(target: Target, scale: Scale, connections: number, send: Send): Promise<Measurement> {
  const uploads: { path: string; index: number }[] = []
  const loop = (seconds: number, atOnce: number) =>
    closedLoop({
      port: target.port,
      connections: atOnce,
      more: within(seconds),
      once: async (connection, index) => {
        uploads.push({ path: await send(connection, small(index, SIZE)), index })
      },
    })
  // One connection alone would not get a server's code compiled in that time.
  await loop(scale.warmUpSeconds, Math.max(WARMING, connections))
  const { result: count, seconds, costs } = await timed(target.pid, () => loop(scale.seconds, connections))
  await verify(target, uploads)
  return { value: count / seconds, costs, amount: count }
}

async function verify(target: Target, uploads: readonly { path: string; index: number }[]): Promise<void> {
  await closedLoop({
    port: target.port,
    connections: 16,
    more: times(uploads.length),
    once: (connection, index) => expectAt(connection, uploads[index]?.path ?? '', SIZE),
  })
  const step = Math.max(1, Math.floor(uploads.length / COMPARED))
  for (let i = 0; i < uploads.length; i += step) {
    const upload = uploads[i]
    if (upload !== undefined) await expectDigest(target, upload.path, digestOf([small(upload.index, SIZE)]))
  }
}
