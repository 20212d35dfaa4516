/**
 * How much may be gathered in memory before it is written. One upload may gather a few MiB; all of them
 * together have a cap, past which each gathers only a little.
 */
const PER_UPLOAD = 2 * 1024 * 1024
const PER_UPLOAD_WHEN_TIGHT = 64 * 1024
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
   * @param cap - bytes for all uploads together
   * @param free - called now and then as bytes pass: what was read has left garbage behind
   */
  constructor(cap: number, free: () => void = () => {}) {
    this.#cap = cap
    this.#free = free
  }

  /** Bytes one upload may gather now, above which it stops reading its socket. */
  get share(): number {
    return this.#used < this.#cap ? PER_UPLOAD : PER_UPLOAD_WHEN_TIGHT
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
