/** How late the server's event loop is while it takes large uploads: what every other client waits for. */
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { LoopDelay } from '../load/loop-delay.ts'
import { prepareUploads, sendAll, verifyUploads } from './bulk.ts'
import type { Measurement, Scale, Target, Workload } from './workload.ts'

const UPLOADS = 8
const WAIT_MS = 10_000

export const loopDelay: Workload = {
  name: 'loop-delay',
  title: `Event-loop delay under ${UPLOADS} large uploads, p99 (the greatest one in the JSON)`,
  unit: 'ms',
  better: 'lower',
  watchesLoop: true,
  run,
}

async function run(target: Target, scale: Scale): Promise<Measurement> {
  await sendAll(await prepareUploads(target, UPLOADS, scale.bulkWarmUpBytes), Number.POSITIVE_INFINITY)
  const uploads = await prepareUploads(target, UPLOADS, scale.bulkBytes)
  await ask(target)
  await sendAll(uploads, Number.POSITIVE_INFINITY)
  const { p99, max } = await ask(target)
  await verifyUploads(target, uploads)
  return { value: p99, details: { maxMs: max } }
}

/** What it was since the last time. @throws Error when the server does not tell */
async function ask({ pid, folder }: Target): Promise<LoopDelay> {
  const path = join(folder, 'loop.json')
  await rm(path, { force: true })
  process.kill(pid, 'SIGUSR2')
  const until = performance.now() + WAIT_MS
  while (performance.now() < until) {
    await sleep(20)
    const text = await readFile(path, 'utf8').catch(() => '')
    if (text.endsWith('}')) return JSON.parse(text) as LoopDelay
  }
  throw new Error('the server does not tell the delay of its event loop')
}
