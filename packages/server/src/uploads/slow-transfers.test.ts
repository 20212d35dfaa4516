import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import type { SegmentWriter } from '../blobs/blob-store.ts'
import { Lease } from './lease.ts'
import { UNOBSERVED } from './observer.ts'
import { endSlowTransfers } from './slow-transfers.ts'
import { Transfers } from './transfers.ts'
import { newUploadId } from './upload.ts'

let fence = 0

/** A transfer whose bytes come at `rate` bytes per second. */
function transferAt(transfers: Transfers, rate: number, waiting = true) {
  fence += 1
  const lease = new Lease(newUploadId(), fence, false, () => {})
  const writer = { length: 500 }
  const active = transfers.begin(lease, writer as unknown as SegmentWriter)
  const timer = setInterval(() => {
    writer.length += rate / 100
    lease.heard()
    if (waiting) lease.waiting()
  }, 10)
  return {
    lease,
    end() {
      clearInterval(timer)
      transfers.end(active, 'ended')
    },
  }
}

test('a client that is too slow is ended, one that is fast enough and one whose disk is slow are not', async () => {
  const transfers = new Transfers(10, UNOBSERVED)
  const slow = transferAt(transfers, 500)
  const fast = transferAt(transfers, 20_000)
  const busy = transferAt(transfers, 0, false)
  const watch = endSlowTransfers(transfers, { minRate: 5000, windowMs: 300, everyMs: 13 })
  await sleep(1500)
  expect([slow, fast, busy].map(({ lease }) => lease.ended.reason)).toEqual(['slow', undefined, undefined])
  watch.stop()
  for (const transfer of [slow, fast, busy]) transfer.end()
  expect(transfers.active.length).toBe(0)
})

test('silence that has just begun is judged only after a whole window', async () => {
  const transfers = new Transfers(10, UNOBSERVED)
  const one = transferAt(transfers, 0)
  const watch = endSlowTransfers(transfers, { minRate: 1, windowMs: 10_000, everyMs: 10 })
  await sleep(200)
  expect(one.lease.ended.aborted).toBe(false)
  watch.stop()
  one.end()
})
