/**
 * Whether S3 can be reached, without a call for each time that someone asks: each call that is made for its own
 * sake tells, and only when none was made lately is one made for this.
 */
/** A call as recent as this tells how it is now. */
const FRESH_MS = 1000

export class Reachable {
  readonly #ask: () => Promise<void>
  #asking: Promise<void> | undefined
  #toldAt = Number.NEGATIVE_INFINITY
  #reached = false

  /** @param ask - throws StoreError when it cannot be reached; its outcome comes through `tell` */
  constructor(ask: () => Promise<void>) {
    this.#ask = ask
  }

  tell(reached: boolean): void {
    this.#reached = reached
    this.#toldAt = performance.now()
  }

  /** @throws StoreError `unavailable` */
  async check(): Promise<void> {
    if (this.#reached && performance.now() - this.#toldAt < FRESH_MS) return
    this.#asking ??= this.#ask()
      .catch((error: unknown) => {
        // Also where the answer was that the bucket is not there, or not ours.
        this.tell(false)
        throw error
      })
      .finally(() => {
        this.#asking = undefined
      })
    await this.#asking
  }
}
