/** Bandwidth: at most so many bytes a second, over all parts of an upload together. */
import { sleep } from './retry.ts'

/** Longest credit that idle time earns, in seconds: short, so that a pause is not followed by a burst. */
const BURST = 0.25

export class Pace {
  readonly #limit: () => number | undefined
  readonly #now: () => number
  /** When the bytes granted so far are paid for. */
  #paidUntil = 0

  /** @param limit Bytes a second as of now; it may change at any time. */
  constructor(limit: () => number | undefined, now: () => number = Date.now) {
    this.#limit = limit
    this.#now = now
  }

  /** Most bytes to send in one go, so that a low limit is still smooth. */
  step(most: number): number {
    const limit = this.#limit()
    return limit === undefined ? most : Math.max(1024, Math.min(most, Math.floor(limit * BURST)))
  }

  /** Waits until `bytes` may go. `tick` is called now and then: waiting here is not silence. */
  async take(bytes: number, signal: AbortSignal, tick: () => void): Promise<void> {
    const limit = this.#limit()
    if (limit === undefined) return
    const now = this.#now()
    this.#paidUntil = Math.max(this.#paidUntil, now - BURST * 1000) + (bytes / Math.max(1, limit)) * 1000
    // In short waits, so that a changed limit is felt soon.
    while (!signal.aborted && this.#limit() === limit) {
      const left = this.#paidUntil - this.#now()
      if (left <= 0) return
      await sleep(Math.min(left, 200), signal)
      tick()
    }
    this.#paidUntil = Math.min(this.#paidUntil, this.#now())
  }
}
