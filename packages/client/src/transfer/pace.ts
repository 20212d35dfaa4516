/** Bandwidth: at most so many bytes a second, over all parts of an upload together. */
import type { Toll } from './toll.ts'

/** Longest credit that idle time earns, in seconds: short, so that a pause is not followed by a burst. */
export const BURST = 0.25

export class Pace {
  readonly #limit: () => number | undefined
  #toll: Toll | undefined

  /** @param limit Bytes a second as of now; it may change at any time. */
  constructor(limit: () => number | undefined) {
    this.#limit = limit
  }

  /** Most bytes to send in one go, so that a low limit is still smooth. */
  step(most: number): number {
    const limit = this.#limit()
    return limit === undefined ? most : Math.max(1024, Math.min(most, Math.floor(limit * BURST)))
  }

  /** Waits until `bytes` may go. `tick` is called now and then: waiting here is not silence. */
  async take(bytes: number, signal: AbortSignal, tick: () => void): Promise<void> {
    if (this.#limit() === undefined) return
    const { Toll } = await import('./toll.ts')
    this.#toll ??= new Toll(this.#limit)
    await this.#toll.take(bytes, signal, tick)
  }
}
