/** Bytes that wait in memory for S3, of all uploads together. */
export class Memory {
  readonly #most: number
  #used = 0
  #waiting: (() => void)[] = []

  /** @param most - bytes; a little more may be taken by those who have nothing there yet */
  constructor(most: number) {
    this.#most = most
  }

  get full(): boolean {
    return this.#used >= this.#most
  }

  get used(): number {
    return this.#used
  }

  take(bytes: number): void {
    this.#used += bytes
  }

  give(bytes: number): void {
    this.#used -= bytes
    if (bytes === 0 || this.full) return
    const waiting = this.#waiting
    this.#waiting = []
    for (const resolve of waiting) resolve()
  }

  /** Resolves when some was given back and it is not full. */
  freed(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve))
  }
}
