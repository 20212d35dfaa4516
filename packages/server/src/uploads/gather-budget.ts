/**
 * How much may be gathered in memory before it is written. Each upload may gather as much as is still free of what
 * all of them share, so one alone gets most of it and many get little each. Little is quick: what was read is written
 * while the processor's cache still has it, and no turn of the event loop reads for long.
 *
 * Sharing by what is free: Choudhury and Hahne, "Dynamic Queue Length Thresholds for Shared-Memory Packet Switches",
 * IEEE/ACM Transactions on Networking 6 (1998).
 */
const MOST_PER_UPLOAD = 2 * 1024 * 1024
/** Bytes that pass through memory before it is worth freeing what they leave. */
const FREE_EVERY = 8 * 1024 * 1024
/**
 * And how many times what is held must have passed: a collection that meets the same buffers twice moves them to
 * where only a marking of the whole heap frees them.
 */
const FREE_PER_HELD = 2

export class GatherBudget {
  readonly #cap: number
  readonly #free: () => void
  #used = 0
  #sinceFreed = 0

  /**
   * @param cap - bytes for all uploads together, but for one read of each
   * @param free - called now and then as bytes pass: what was read has left garbage behind
   */
  constructor(cap: number, free: () => void = () => {}) {
    this.#cap = cap
    this.#free = free
  }

  /**
   * Bytes one upload may gather while others of it are being written, above which it stops reading its socket; with
   * 0 it has one read of its socket at a time.
   */
  get share(): number {
    return Math.max(0, Math.min(MOST_PER_UPLOAD, this.#cap - this.#used))
  }

  get used(): number {
    return this.#used
  }

  take(bytes: number): void {
    this.#used += bytes
  }

  give(bytes: number): void {
    this.#used -= bytes
    this.#sinceFreed += bytes
    if (this.#sinceFreed < Math.max(FREE_EVERY, FREE_PER_HELD * this.#used)) return
    this.#sinceFreed = 0
    this.#free()
  }
}
