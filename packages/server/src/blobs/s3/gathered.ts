/**
 * Bytes on their way into parts, copied out of the chunks that they came in. There is always enough left for a
 * part behind one that is sent: so the end of a request is a part of its own, or grows the one before, and a request
 * with enough bytes for a part leaves none over.
 */
import type { PartSizes } from './part-plan.ts'

/** Most requests are small: a first piece of memory is as small as they are. */
const FIRST_BYTES = 64 * 1024

export class Gathered {
  readonly #pieces: Piece[] = []
  #length = 0

  get length(): number {
    return this.#length
  }

  /** Takes a copy. */
  add(bytes: Uint8Array, { target }: PartSizes): void {
    let rest = bytes
    while (rest.byteLength > 0) {
      let last = this.#pieces.at(-1)
      if (last === undefined || last.isFull) {
        last = new Piece(target)
        this.#pieces.push(last)
      }
      rest = rest.subarray(last.add(rest))
    }
    this.#length += bytes.byteLength
  }

  /** The next part, once there is enough behind it; undefined before. */
  next({ least }: PartSizes): Uint8Array | undefined {
    const [first] = this.#pieces
    if (first === undefined || !first.isFull || this.#length - first.length < least) return undefined
    this.#pieces.shift()
    this.#length -= first.length
    return first.bytes
  }

  /** Everything. */
  all(): Uint8Array {
    const [first, second] = this.#pieces
    if (first === undefined) return new Uint8Array(0)
    return second === undefined ? first.bytes : Buffer.concat(this.#pieces.map((piece) => piece.bytes))
  }

  clear(): void {
    this.#pieces.length = 0
    this.#length = 0
  }
}

/** Memory that grows up to what a part has. */
class Piece {
  readonly #most: number
  #buffer: Buffer
  length = 0

  constructor(most: number) {
    this.#most = most
    this.#buffer = Buffer.allocUnsafeSlow(0)
  }

  /** As large as parts were to be when it was begun. */
  get isFull(): boolean {
    return this.length === this.#most
  }

  /** Returns how many of them fit. */
  add(bytes: Uint8Array): number {
    const fitting = Math.min(bytes.byteLength, this.#most - this.length)
    if (this.length + fitting > this.#buffer.byteLength) this.#grow(this.length + fitting)
    this.#buffer.set(bytes.subarray(0, fitting), this.length)
    this.length += fitting
    return fitting
  }

  get bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.length)
  }

  #grow(needed: number): void {
    const size =
      needed <= FIRST_BYTES ? FIRST_BYTES : needed <= 16 * FIRST_BYTES ? 16 * FIRST_BYTES : this.#most
    const grown = Buffer.allocUnsafeSlow(Math.min(this.#most, Math.max(size, needed)))
    this.#buffer.copy(grown, 0, 0, this.length)
    this.#buffer = grown
  }
}
