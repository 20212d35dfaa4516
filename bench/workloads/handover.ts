/**
 * A client lost its network in the middle of a PATCH, and the server does not know: the old connection is
 * open and silent. How long until the same client, back on another connection, is let on? It does what tus
 * clients do: HEAD for the offset, PATCH from there, and both again after a refusal.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { Connection } from '../load/connection.ts'
import { digestOf, pieces } from '../load/payload.ts'
import { create, expectAt, expectDigest, head, patchHead } from '../load/tus.ts'
import type { Measurement, Target, Workload } from './workload.ts'

const LENGTH = 4 * 1024 * 1024
const SENT = 1024 * 1024
/** The first connection has been silent for this long when the second one comes. */
const SILENT_MS = 100
const RETRY_MS = 100
const GIVE_UP_MS = 60_000

export const handover: Workload = {
  name: 'handover',
  title: 'Handover after a stalled PATCH (HEAD + PATCH)',
  unit: 'ms',
  better: 'lower',
  run,
}

async function run(target: Target): Promise<Measurement> {
  const { port } = target
  const stalled = await Connection.open(port)
  const path = await create(stalled, LENGTH)
  const body = Buffer.concat([...pieces(0, LENGTH)])
  // Its end, whatever it is, belongs to nobody.
  stalled.request(patchHead(path, 0, LENGTH), body.subarray(0, SENT)).catch(() => {})
  await sleep(SILENT_MS)

  const start = performance.now()
  let refusals = 0
  for (;;) {
    if (await goOn(port, path, body)) break
    refusals += 1
    if (performance.now() - start > GIVE_UP_MS) throw new Error(`not let on within ${GIVE_UP_MS} ms`)
    await sleep(RETRY_MS)
  }
  const value = performance.now() - start

  stalled.close()
  const connection = await Connection.open(port)
  await expectAt(connection, path, LENGTH)
  await expectDigest(target, path, digestOf([body]))
  connection.close()
  return { value, details: { refusals } }
}

/** Resolves to whether the rest of the upload was accepted. */
async function goOn(port: number, path: string, body: Uint8Array): Promise<boolean> {
  const connection = await Connection.open(port)
  try {
    const state = await head(connection, path)
    if (state.status !== 200) return false
    const offset = Number(state.header('upload-offset'))
    const rest = body.subarray(offset)
    const answer = await connection.stream(patchHead(path, offset, rest.byteLength), [rest])
    return answer.status === 204
  } catch {
    return false
  } finally {
    connection.close()
  }
}
