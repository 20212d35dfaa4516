/**
 * Keeps the disk from filling to the brim: DELETE, the sweep and the catalog need room to make room. The system
 * is asked at most once a second while there is plenty, whatever number of files is written, and each time
 * before bytes are refused.
 */
import { StoreError } from '../blob-store.ts'

const TRUSTED_MS = 1000

export class FreeSpace {
  readonly #ask: () => Promise<number>
  /** Bytes that may still be taken without asking. */
  #left = 0
  #askedAt = Number.NEGATIVE_INFINITY

  /** @param ask - bytes that may be written now */
  constructor(ask: () => Promise<number>) {
    this.#ask = ask
  }

  /** Counts bytes that are about to be written. @throws StoreError `no-space` when they do not fit */
  async take(bytes: number): Promise<void> {
    const now = performance.now()
    if (this.#left < bytes || now - this.#askedAt >= TRUSTED_MS) {
      const free = await this.#ask()
      this.#left = free
      this.#askedAt = now
      if (free < bytes) throw new StoreError('no-space', 'the disk is full but for its reserve')
    }
    this.#left -= bytes
  }
}
