/** What all uploads of the list are together. Pure. */
import type { UploadStatus, UploadView } from 'pawl/react'

export interface Totals {
  readonly count: number
  readonly done: number
  readonly failed: number
  /** Sending, or next in line. */
  readonly busy: number
  readonly sending: number
  readonly paused: number
  /** Wait for a click, because the browser wants to ask. */
  readonly asking: number
  /** Wait for their file. */
  readonly missing: number
  /** Bytes. */
  readonly sent: number
  /** Bytes. */
  readonly size: number
}

type Counted = Exclude<keyof Totals, 'sent' | 'size'>

export function totalsOf(uploads: readonly UploadView[]): Totals {
  const sum = {
    count: uploads.length,
    done: 0,
    failed: 0,
    busy: 0,
    sending: 0,
    paused: 0,
    asking: 0,
    missing: 0,
    sent: 0,
    size: 0,
  }
  for (const upload of uploads) {
    sum.sent += upload.sent
    sum.size += upload.total
    for (const name of countedAs(upload)) sum[name] += 1
  }
  return sum
}

function countedAs({ status, needs }: UploadView): readonly Counted[] {
  if (status === 'interrupted')
    return needs === 'permission' ? ['asking'] : needs === 'file' ? ['missing'] : ['paused']
  return COUNTED[status]
}

const COUNTED: Readonly<Record<Exclude<UploadStatus, 'interrupted'>, readonly Counted[]>> = {
  queued: ['busy'],
  uploading: ['busy', 'sending'],
  paused: ['paused'],
  completed: ['done'],
  error: ['failed'],
  aborted: [],
}
