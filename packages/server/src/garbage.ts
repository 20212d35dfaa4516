/** Memory of buffers that bytes passed through: what can be freed at once is, the rest when it is worth it. */

/** Bytes that pass before it is. */
const EVERY = 8 * 1024 * 1024
/**
 * And how many times what is held must have passed: a collection that meets the same buffers twice moves them to
 * where only a marking of the whole heap frees them.
 */
const PER_HELD = 2

export class Garbage {
  readonly #free: (() => void) | undefined
  #held = 0
  #passed = 0

  /** @param free - called now and then as bytes pass: see heap.ts. Left out in a process that is not our own */
  constructor(free?: () => void) {
    this.#free = free
  }

  /** So many bytes are in memory until they are let go of. */
  hold(bytes: number): void {
    this.#held += bytes
  }

  letGo(bytes: number): void {
    this.#held -= bytes
  }

  /** So many bytes went through buffers that nobody needs any more. */
  passed(bytes: number): void {
    this.#passed += bytes
    if (this.#passed < Math.max(EVERY, PER_HELD * this.#held)) return
    this.#passed = 0
    this.#free?.()
  }

  /**
   * Nobody looks at these any more. Those that are all of their memory give it back now: the next read gets it, while
   * the processor's cache still has it, and no collection has to find it.
   */
  spent(chunks: readonly Uint8Array[]): void {
    if (this.#free === undefined) return
    for (const { buffer, byteLength } of chunks)
      if (byteLength === buffer.byteLength && buffer instanceof ArrayBuffer) buffer.transfer(0)
  }
}
