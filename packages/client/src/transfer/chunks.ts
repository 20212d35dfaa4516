/** How much to send in the next request of an offset-shaped upload. Pure. */
import type { ChunkRule } from '../driver.ts'

/** Below this a request is too short to be worth its overhead, above the other it loses too much when cut. */
const SHORT = 2000
const LONG = 10_000

/**
 * Chunks double while requests are short and halve when they are long or fail, so that a fast line sees few
 * requests and a slow one loses little.
 */
export class ChunkSize {
  readonly #rule: ChunkRule
  readonly #fixed: boolean
  #size: number

  /** @param wanted A size to keep to, instead of one that adapts. */
  constructor(rule: ChunkRule, wanted?: number) {
    this.#rule = rule
    this.#fixed = wanted !== undefined
    this.#size = this.#fit(wanted ?? rule.first)
  }

  /** Size of the chunk that begins at `offset`. */
  next(offset: number, end: number): number {
    return Math.min(this.#size, end - offset)
  }

  sent(milliseconds: number): void {
    if (this.#fixed) return
    if (milliseconds < SHORT) this.#size = this.#fit(this.#size * 2)
    else if (milliseconds > LONG) this.#size = this.#fit(this.#size / 2)
  }

  failed(): void {
    if (!this.#fixed) this.#size = this.#fit(this.#size / 2)
  }

  #fit(size: number): number {
    const { multiple, min, max } = this.#rule
    const down = Math.floor(Math.min(size, max) / multiple) * multiple
    return Math.max(down, Math.ceil(min / multiple) * multiple, multiple)
  }
}
