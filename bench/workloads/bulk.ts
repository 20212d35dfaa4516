/** Large uploads: one PATCH for everything, and PATCHes of 6 MiB on one connection and on four. */
import { Connection } from '../load/connection.ts'
import { timed } from '../load/measure.ts'
import { digestOf, pieces } from '../load/payload.ts'
import { create, expectAt, expectDigest, patchPieces } from '../load/tus.ts'
import type { Measurement, Scale, Target, Workload } from './workload.ts'

/** What the clients of a well-known storage service send. */
const CHUNK = 6 * 1024 * 1024
/** Uploads at the same time carry different bytes, so that mixing them up shows. */
const APART = 17_000_003

const common = { unit: 'MB/s', better: 'higher', cpuPer: 'GiB' } as const

export const bulk: readonly Workload[] = [
  { ...common, name: 'patch-one', title: 'Large upload, one PATCH', run: (t, s) => run(t, s, 1, Infinity) },
  {
    ...common,
    name: 'patch-6m-1',
    title: 'Large upload, 6 MiB PATCHes, 1 connection',
    run: (t, s) => run(t, s, 1, CHUNK),
  },
  {
    ...common,
    name: 'patch-6m-4',
    title: '4 large uploads, 6 MiB PATCHes, 4 connections',
    run: (t, s) => run(t, s, 4, CHUNK),
  },
]

export interface Upload {
  readonly connection: Connection
  readonly path: string
  readonly start: number
  readonly length: number
}

async function run(target: Target, scale: Scale, count: number, chunk: number): Promise<Measurement> {
  const warmUp = await prepareUploads(target, count, scale.bulkWarmUpBytes)
  await sendAll(warmUp, chunk)
  const uploads = await prepareUploads(target, count, scale.bulkBytes)
  const { seconds, costs } = await timed(target.pid, () => sendAll(uploads, chunk))
  for (const { connection } of warmUp) connection.close()
  const hashed = await verifyUploads(target, uploads)
  const details = { createHashMBps: scale.bulkBytes / hashed / 1e6 }
  return { value: scale.bulkBytes / seconds / 1e6, costs, amount: scale.bulkBytes, details }
}

/**
 * Resolves to the seconds in which `createHash` alone takes the sha-256 of all of it.
 * @throws Error when a byte is missing or another one
 */
export async function verifyUploads(target: Target, uploads: readonly Upload[]): Promise<number> {
  for (const { connection } of uploads) connection.close()
  let seconds = 0
  for (const { path, start, length } of uploads) {
    // A new connection: servers close one that was idle while they fell quiet.
    const connection = await Connection.open(target.port)
    await expectAt(connection, path, length)
    connection.close()
    const since = performance.now()
    const digest = digestOf(pieces(start, length))
    seconds += (performance.now() - since) / 1000
    await expectDigest(target, path, digest)
  }
  return seconds
}

/** `count` uploads of `bytes` in all, each on a connection of its own. */
export function prepareUploads({ port }: Target, count: number, bytes: number): Promise<Upload[]> {
  const length = Math.floor(bytes / count)
  return Promise.all(
    Array.from({ length: count }, async (_, i) => {
      const connection = await Connection.open(port)
      return { connection, path: await create(connection, length), start: i * APART, length }
    }),
  )
}

export async function sendAll(uploads: readonly Upload[], chunk: number): Promise<void> {
  await Promise.all(
    uploads.map(async ({ connection, path, start, length }) => {
      for (let offset = 0; offset < length; offset += chunk) {
        const size = Math.min(chunk, length - offset)
        await patchPieces(connection, path, offset, size, pieces(start + offset, size))
      }
    }),
  )
}
