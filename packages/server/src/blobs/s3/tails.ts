/**
 * Objects with the bytes behind the parts of segments: what is too short for a part. The name has the number of
 * the hold in it, so that nobody writes over what another one stored. The bytes are remembered for the next
 * request, which mostly comes to the same node.
 */
import type { Readable } from 'node:stream'
import type { Hold, StoredTail } from '../../catalog/segment-parts.ts'
import { SlotMap } from '../../slot-map.ts'
import { StoreError } from '../blob-store.ts'
import type { Bucket } from './bucket.ts'
import { tailPrefix } from './keys.ts'

/** Bytes of all tails that are remembered; those used least go first. */
const REMEMBERED = 64 * 1024 * 1024

export class Tails {
  readonly #bucket: Bucket
  readonly #bytes = new SlotMap<string, Uint8Array>()
  #remembered = 0
  #last = 0

  constructor(bucket: Bucket) {
    this.#bucket = bucket
  }

  /** Stores a new one. @throws StoreError */
  async store(hold: Hold, bytes: Uint8Array): Promise<StoredTail> {
    const name = this.newName(hold)
    await this.#bucket.put(name, bytes)
    this.#remember(name, bytes)
    return { name, length: bytes.byteLength }
  }

  /** One that nobody else uses. */
  newName({ segment, fence }: Hold): string {
    // The count tells the tails of one hold apart, which live in one process.
    this.#last += 1
    return `${tailPrefix(segment)}${fence}.${this.#last}`
  }

  /** @throws StoreError */
  async load({ name, length }: StoredTail): Promise<Uint8Array> {
    const known = this.#bytes.get(name)
    if (known !== undefined) {
      this.#forget(name)
      this.#remember(name, known)
      return known
    }
    const bytes = await whole(await this.#bucket.get(name, 0, length))
    if (bytes.byteLength !== length)
      throw new StoreError('damaged', `${name} has ${bytes.byteLength} bytes instead of ${length}`)
    this.#remember(name, bytes)
    return bytes
  }

  /** Only when nothing names it any more. @throws StoreError */
  async remove(name: string): Promise<void> {
    this.#forget(name)
    await this.#bucket.remove(name)
  }

  #remember(name: string, bytes: Uint8Array): void {
    // What bytes are gathered in has room for a whole part: seen so, a few of them would keep all of that.
    const own = bytes.buffer.byteLength === bytes.byteLength ? bytes : Uint8Array.prototype.slice.call(bytes)
    this.#bytes.set(name, own)
    this.#remembered += bytes.byteLength
    for (const oldest of this.#bytes.keys()) {
      if (this.#remembered <= REMEMBERED) return
      this.#forget(oldest)
    }
  }

  #forget(name: string): void {
    this.#remembered -= this.#bytes.get(name)?.byteLength ?? 0
    this.#bytes.delete(name)
  }
}

async function whole(stream: Readable): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  try {
    for await (const chunk of stream as AsyncIterable<Uint8Array>) chunks.push(chunk)
  } catch (error) {
    throw new StoreError('unavailable', 'a tail could not be read to its end', error)
  }
  return Buffer.concat(chunks)
}
