/** What the engine tells of its work, for metrics: once per request or rarer, never per chunk. */
import type { LeaseEnd } from './lease.ts'
import type { TransferEnd } from './transfer.ts'

/** How the body of a request ended: by itself, or cut by whom. */
export type TransferOutcome = Exclude<TransferEnd['kind'], 'stopped'> | LeaseEnd

/** Which limit refused a request. */
export type RefusalReason = 'over-quota' | 'too-many-open' | 'overloaded' | 'rate'

export interface Observer {
  /** A transfer is over: the bytes it moved and the seconds it took, client included. */
  transferred(bytes: number, seconds: number, outcome: TransferOutcome): void
  /** A request found another one writing: how long it waited, and whether it took over. */
  waitedForLease(seconds: number, tookOver: boolean): void
  /** An upload whose bytes were all there came to an outcome; `interrupted` will be tried again. */
  finished(seconds: number, outcome: 'published' | 'sealed' | 'failed' | 'interrupted'): void
  refused(reason: RefusalReason): void
}

/** Tells all of them. */
export function observedBy(...observers: readonly Observer[]): Observer {
  return {
    transferred: (...told) => {
      for (const each of observers) each.transferred(...told)
    },
    waitedForLease: (...told) => {
      for (const each of observers) each.waitedForLease(...told)
    },
    finished: (...told) => {
      for (const each of observers) each.finished(...told)
    },
    refused: (...told) => {
      for (const each of observers) each.refused(...told)
    },
  }
}

export const UNOBSERVED: Observer = {
  transferred() {},
  waitedForLease() {},
  finished() {},
  refused() {},
}
