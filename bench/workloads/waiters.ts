/**
 * A PATCH is silent, and 200 requests come for the same upload: what they cost while they wait to be let on. One
 * takes over, the others are sent away.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { Connection } from '../load/connection.ts'
import { timed } from '../load/measure.ts'
import { digestOf, pieces } from '../load/payload.ts'
import { residentBytes } from '../load/process-facts.ts'
import { create, expectAt, expectDigest, head, patchHead } from '../load/tus.ts'
import type { Measurement, Target, Workload } from './workload.ts'

const WAITING = 200
const LENGTH = 2 * 1024 * 1024
const SENT = 1024 * 1024
const MIB = 1024 * 1024

export const waiters: Workload = {
  name: 'waiters',
  title: `Memory over idle, ${WAITING} PATCHes that wait for a silent one`,
  unit: 'MiB',
  better: 'lower',
  cpuPer: 'request',
  run,
}

async function run(target: Target): Promise<Measurement> {
  const { pid } = target
  const body = Buffer.concat([...pieces(0, LENGTH)])
  // What is loaded and compiled with the first requests is no cost of waiting.
  await once(target, body)
  const idle = residentBytes(pid) ?? 0
  const { peak, costs } = await once(target, body)
  return { value: (peak - idle) / MIB, costs, amount: WAITING }
}

async function once(target: Target, body: Uint8Array) {
  const { port, pid } = target
  const silent = await Connection.open(port)
  const path = await create(silent, LENGTH)
  silent.request(patchHead(path, 0, LENGTH), body.subarray(0, SENT)).catch(() => {})
  await sleep(100)
  const connections = await Promise.all(Array.from({ length: WAITING }, () => Connection.open(port)))
  let peak = 0
  const sampler = setInterval(() => {
    peak = Math.max(peak, residentBytes(pid) ?? 0)
  }, 20)
  const rest = body.subarray(SENT)
  const { result: statuses, costs } = await timed(pid, () =>
    Promise.all(
      connections.map((connection) =>
        connection.stream(patchHead(path, SENT, rest.byteLength), [rest]).then(
          ({ status }) => status,
          // A refused body ends the connection.
          () => 0,
        ),
      ),
    ),
  )
  clearInterval(sampler)
  for (const connection of [silent, ...connections]) connection.close()
  if (!statuses.includes(204)) await goOn(port, path, body)
  const connection = await Connection.open(port)
  await expectAt(connection, path, LENGTH)
  connection.close()
  await expectDigest(target, path, digestOf([body]))
  return { peak, costs }
}

/** None of them may have been let on: each was displaced by the next. */
async function goOn(port: number, path: string, body: Uint8Array): Promise<void> {
  const connection = await Connection.open(port)
  const offset = Number((await head(connection, path)).header('upload-offset'))
  const rest = body.subarray(offset)
  if (rest.byteLength > 0) await connection.stream(patchHead(path, offset, rest.byteLength), [rest])
  connection.close()
}
