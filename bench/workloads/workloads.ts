/** Everything that is measured, in the order of the table. */
import { bulk } from './bulk.ts'
import { downloads } from './downloads.ts'
import { growth } from './growth.ts'
import { handover } from './handover.ts'
import { head } from './head.ts'
import { loopDelay } from './loop-delay.ts'
import { memory } from './memory.ts'
import { growthOfRows } from './rows.ts'
import { smallUploads } from './small.ts'
import { uploads } from './uploads.ts'
import { waiters } from './waiters.ts'
import type { Scale, UploadWorkload, Workload } from './workload.ts'

export const workloads: readonly Workload[] = [
  ...bulk,
  ...smallUploads,
  head,
  ...downloads,
  ...memory,
  loopDelay,
  handover,
  waiters,
  growth,
  ...growthOfRows,
]

/** Those of clients, which stand in a table of their own. */
export const uploadWorkloads: readonly UploadWorkload[] = uploads

const MIB = 1024 * 1024

export const scales: { readonly full: Scale; readonly quick: Scale } = {
  full: {
    bulkBytes: 2048 * MIB,
    bulkWarmUpBytes: 128 * MIB,
    seconds: 2.5,
    warmUpSeconds: 4,
    openUploads: 100_000,
    rows: 1_000_000,
    deletedFiles: 40_000,
    slowSeconds: 4,
    uploadBytes: 1024 * MIB,
    linkBytes: 160 * MIB,
    hugeBytes: 10_240 * MIB,
  },
  quick: {
    bulkBytes: 256 * MIB,
    bulkWarmUpBytes: 32 * MIB,
    seconds: 0.6,
    warmUpSeconds: 0.3,
    openUploads: 3000,
    rows: 50_000,
    deletedFiles: 2000,
    slowSeconds: 1.5,
    uploadBytes: 256 * MIB,
    linkBytes: 64 * MIB,
    hugeBytes: 2048 * MIB,
  },
}
