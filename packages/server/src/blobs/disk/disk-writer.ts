/** Appends to one file, one write in flight, in order: its length is a prefix of what was sent at any moment. */
import type { FileHandle } from 'node:fs/promises'
import type { SegmentId, SegmentWriter } from '../blob-store.ts'
import { StoreError } from '../blob-store.ts'
import { asStoreError } from './errno.ts'

/** Linux takes at most 1,024 buffers in one writev. */
const MAX_VECTORS = 1024
/** How many bytes may be written between two looks at the free space. */
const SPACE_CHECK_EVERY = 64 * 1024 * 1024

export class DiskWriter implements SegmentWriter {
  readonly #handle: FileHandle
  readonly #segment: SegmentId
  readonly #freeBytes: () => Promise<number>
  #length: number
  #untilSpaceCheck = 0

  constructor(handle: FileHandle, segment: SegmentId, length: number, freeBytes: () => Promise<number>) {
    this.#handle = handle
    this.#segment = segment
    this.#length = length
    this.#freeBytes = freeBytes
  }

  get length(): number {
    return this.#length
  }

  async write(chunks: readonly Uint8Array[]): Promise<void> {
    try {
      await this.#keepReserve(chunks)
      let rest: Uint8Array[] = [...chunks]
      while (rest.length > 0) {
        const vectors = rest.slice(0, MAX_VECTORS)
        const { bytesWritten } = await this.#handle.writev(vectors, this.#length)
        if (bytesWritten === 0 && vectors.some((chunk) => chunk.byteLength > 0)) {
          throw new StoreError('unavailable', `segment ${this.#segment} takes no more bytes`)
        }
        this.#length += bytesWritten
        rest = without(rest, bytesWritten)
      }
    } catch (error) {
      throw asStoreError(`write to segment ${this.#segment}`, error)
    }
  }

  async truncate(length: number): Promise<void> {
    try {
      // Cutting beyond the end would make a hole of zeros there.
      if (length >= this.#length) return
      await this.#handle.truncate(length)
      this.#length = length
    } catch (error) {
      throw asStoreError(`cut segment ${this.#segment}`, error)
    }
  }

  async close(): Promise<void> {
    await this.#handle.close()
  }

  /** The disk never fills to the brim: DELETE, the sweep and the catalog need room to make room. */
  async #keepReserve(chunks: readonly Uint8Array[]): Promise<void> {
    const bytes = chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0)
    this.#untilSpaceCheck -= bytes
    if (this.#untilSpaceCheck > 0) return
    const free = await this.#freeBytes()
    if (free < bytes) throw new StoreError('no-space', 'the disk is full but for its reserve')
    this.#untilSpaceCheck = Math.min(SPACE_CHECK_EVERY, free - bytes)
  }
}

/** The chunks that are left once their first `written` bytes are away: a short write goes on in mid-chunk. */
function without(chunks: readonly Uint8Array[], written: number): Uint8Array[] {
  let skip = written
  const rest: Uint8Array[] = []
  for (const chunk of chunks) {
    if (skip >= chunk.byteLength) skip -= chunk.byteLength
    else {
      rest.push(skip > 0 ? chunk.subarray(skip) : chunk)
      skip = 0
    }
  }
  return rest
}
