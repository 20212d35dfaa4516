/** The bytes of a file for its parsers: any part of it, but not endlessly many. */
import { overLimit } from './inspection.ts'

/** Bytes one file's parsers may read: a file that sends them back and forth is not for reading. */
const BUDGET = 512 * 1024 * 1024
/** Bytes fetched at a time: parsers ask for a few. */
const BLOCK = 256 * 1024

export class MediaBytes {
  readonly size: number
  readonly #fetch: (start: number, end: number) => Promise<Uint8Array>
  #left = BUDGET
  #block: Uint8Array = new Uint8Array()
  #blockStart = 0

  constructor(size: number, fetch: (start: number, end: number) => Promise<Uint8Array>) {
    this.size = size
    this.#fetch = fetch
  }

  /** Bytes from `start` on, fewer than `length` only at the end. @throws BadMedia */
  async read(start: number, length: number): Promise<Uint8Array> {
    const from = Math.min(Math.max(0, start), this.size)
    const end = Math.min(this.size, from + length)
    if (end - from > BLOCK) return this.#get(from, end)
    const known = this.#blockStart + this.#block.byteLength
    if (from < this.#blockStart || end > known) {
      this.#block = await this.#get(from, Math.min(this.size, from + BLOCK))
      this.#blockStart = from
    }
    return this.#block.subarray(from - this.#blockStart, end - this.#blockStart)
  }

  head(length: number): Promise<Uint8Array> {
    return this.read(0, length)
  }

  tail(length: number): Promise<Uint8Array> {
    return this.read(this.size - Math.min(length, this.size), length)
  }

  async #get(start: number, end: number): Promise<Uint8Array> {
    this.#left -= end - start
    if (this.#left < 0) throw overLimit(`its parser wanted to read more than ${BUDGET} bytes`)
    return this.#fetch(start, end)
  }
}
