/**
 * Ends transfers whose clients are too slow, so that a body of one byte a second does not hold its place for
 * ever. Bytes are kept, and the client is free to come back.
 *
 * What is measured is the client: only time in which the server waited for it counts, looked at every second.
 * A disk that is slow makes nobody slow.
 */
import type { ActiveTransfer, Transfers } from './transfers.ts'

export interface SlowTransferOptions {
  /** Bytes per second. */
  readonly minRate: number
  /** Milliseconds of waiting for a client after which its rate is judged. */
  readonly windowMs?: number
  /** Milliseconds between looks. */
  readonly everyMs?: number
}

const WINDOW_MS = 30_000
const EVERY_MS = 1000

interface Window {
  /** Bytes moved when it began. */
  readonly moved: number
  waitedMs: number
}

/** @returns what ends the watch */
export function endSlowTransfers(transfers: Transfers, options: SlowTransferOptions): { stop(): void } {
  const { minRate, windowMs = WINDOW_MS, everyMs = EVERY_MS } = options
  const windows = new WeakMap<ActiveTransfer, Window>()

  const look = (transfer: ActiveTransfer): void => {
    const { lease, moved } = transfer
    const window = windows.get(transfer) ?? { moved, waitedMs: 0 }
    if (lease.silence() > 0) window.waitedMs += everyMs
    windows.set(transfer, window)
    if (window.waitedMs < windowMs) return
    if (moved - window.moved < (minRate * windowMs) / 1000) lease.end('slow')
    else windows.set(transfer, { moved, waitedMs: 0 })
  }
  const timer = setInterval(() => {
    for (const transfer of transfers.active) look(transfer)
  }, everyMs)
  timer.unref()
  return { stop: () => clearInterval(timer) }
}
