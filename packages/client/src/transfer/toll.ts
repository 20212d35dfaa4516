/** What bytes cost where they are limited: time. */
import { BURST } from './pace.ts'
import { sleep } from './retry.ts'

export class Toll {
  readonly #limit: () => number | undefined
  /** When the bytes granted so far are paid for. */
  #paidUntil = 0

  constructor(limit: () => number | undefined) {
    this.#limit = limit
  }

  async take(bytes: number, signal: AbortSignal, tick: () => void): Promise<void> {
    const limit = this.#limit()
    if (limit === undefined) return
    this.#paidUntil =
      Math.max(this.#paidUntil, Date.now() - BURST * 1000) + (bytes / Math.max(1, limit)) * 1000
    // In short waits, so that a changed limit is felt soon.
    while (!signal.aborted && this.#limit() === limit) {
      const left = this.#paidUntil - Date.now()
      if (left <= 0) return
      await sleep(Math.min(left, 200), signal)
      tick()
    }
    this.#paidUntil = Math.min(this.#paidUntil, Date.now())
  }
}
