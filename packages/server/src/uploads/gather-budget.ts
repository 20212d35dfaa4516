/**
 * How much may be gathered in memory before it is written. Each upload may gather as much as is still free of what
 * all of them share, so one alone gets most of it and many get little each. Little is quick: what was read is written
 * while the processor's cache still has it, and no turn of the event loop reads for long.
 *
 * Sharing by what is free: Choudhury and Hahne, "Dynamic Queue Length Thresholds for Shared-Memory Packet Switches",
 * IEEE/ACM Transactions on Networking 6 (1998).
 */
import { Garbage } from '../garbage.ts'

const MOST_PER_UPLOAD = 2 * 1024 * 1024

export class GatherBudget {
  readonly #cap: number
  readonly #garbage: Garbage
  #used = 0

  /**
   * @param cap - bytes for all uploads together, but for one read of each
   * @param garbage - told of what is gathered, and of what that leaves behind
   */
  constructor(cap: number, garbage = new Garbage()) {
    this.#cap = cap
    this.#garbage = garbage
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
    this.#garbage.hold(bytes)
  }

  give(bytes: number): void {
    this.#used -= bytes
    this.#garbage.letGo(bytes)
  }

  /** These are where they belong, and nobody looks at them any more. */
  spent(chunks: readonly Uint8Array[]): void {
    this.#garbage.spent(chunks)
  }

  /** So many bytes are where they belong, but whose their memory is is not known. */
  left(bytes: number): void {
    this.#garbage.passed(bytes)
  }
}
