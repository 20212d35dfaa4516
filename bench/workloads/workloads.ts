/** Everything that is measured, in the order of the table. */
import { bulk } from './bulk.ts'
import { handover } from './handover.ts'
import { head } from './head.ts'
import { memory } from './memory.ts'
import { smallUploads } from './small.ts'
import type { Scale, Workload } from './workload.ts'

export const workloads: readonly Workload[] = [...bulk, ...smallUploads, head, memory, handover]

const MIB = 1024 * 1024

export const scales: { readonly full: Scale; readonly quick: Scale } = {
  full: {
    bulkBytes: 1024 * MIB,
    bulkWarmUpBytes: 128 * MIB,
    seconds: 3,
    warmUpSeconds: 1,
    slowSeconds: 5,
  },
  quick: {
    bulkBytes: 256 * MIB,
    bulkWarmUpBytes: 32 * MIB,
    seconds: 0.6,
    warmUpSeconds: 0.3,
    slowSeconds: 1.5,
  },
}
