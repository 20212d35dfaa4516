/** Memory for whole pieces: however many parts are in flight, what they hold together stays bounded. */
import type { Call } from '../driver.ts'

export class Budget {
  #left: number
  readonly #most: number
  #waiting: (() => void)[] = []

  constructor(bytes: number) {
    this.#left = bytes
    this.#most = bytes
  }

  /** Waits until `bytes` are free. A piece larger than the budget waits for all of it. */
  async take(bytes: number, call: Call): Promise<void> {
    const need = Math.min(bytes, this.#most)
    // Waiting for a sibling to finish is not silence of the provider.
    const waiting = setInterval(call.touch, 1000)
    try {
      while (this.#left < need) {
        call.signal.throwIfAborted()
        const { promise, resolve } = Promise.withResolvers<void>()
        this.#waiting.push(resolve)
        call.signal.addEventListener('abort', () => resolve(), { once: true })
        await promise
      }
      this.#left -= bytes
    } finally {
      clearInterval(waiting)
    }
  }

  give(bytes: number): void {
    this.#left += bytes
    const waiting = this.#waiting
    this.#waiting = []
    for (const wake of waiting) wake()
  }
}
