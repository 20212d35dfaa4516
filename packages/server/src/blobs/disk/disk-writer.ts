/** Appends to one file, one write in flight, in order: its length is a prefix of what was sent at any moment. */
import type { FileHandle } from 'node:fs/promises'
import type { SegmentId, SegmentWriter } from '../blob-store.ts'
import { StoreError } from '../blob-store.ts'
import { datasync } from './datasync.ts'
import { asStoreError } from './errno.ts'
import type { FreeSpace } from './free-space.ts'

/** Linux takes at most 1,024 buffers in one writev. */
const MAX_VECTORS = 1024

export class DiskWriter implements SegmentWriter {
  readonly #handle: FileHandle
  readonly #segment: SegmentId
  readonly #space: FreeSpace
  readonly #onClose: () => void
  #length: number
  #syncing = 0

  /** @param length - bytes in the file now */
  constructor(
    handle: FileHandle,
    segment: SegmentId,
    length: number,
    space: FreeSpace,
    onClose: () => void = () => {},
  ) {
    this.#handle = handle
    this.#segment = segment
    this.#length = length
    this.#space = space
    this.#onClose = onClose
  }

  get length(): number {
    return this.#length
  }

  async write(chunks: readonly Uint8Array[]): Promise<void> {
    try {
      let bytes = 0
      for (const chunk of chunks) bytes += chunk.byteLength
      await this.#space.take(bytes)
      let rest = bytes === 0 ? [] : chunks
      while (rest.length > 0) {
        const vectors = rest.length > MAX_VECTORS ? rest.slice(0, MAX_VECTORS) : rest
        const { bytesWritten } = await this.#handle.writev(vectors, this.#length)
        if (bytesWritten === 0 && vectors.some((chunk) => chunk.byteLength > 0)) {
          throw new StoreError('unavailable', `segment ${this.#segment} takes no more bytes`)
        }
        this.#length += bytesWritten
        bytes -= bytesWritten
        rest = bytes === 0 ? [] : without(rest, bytesWritten)
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

  /** Makes what is written durable, without opening the file again. @throws StoreError `unsynced` */
  async sync(): Promise<void> {
    this.#syncing += 1
    try {
      await datasync(this.#handle, this.#segment)
    } finally {
      this.#syncing -= 1
    }
  }

  /** A sync that runs keeps the file open and goes on: no answer waits for what it does not promise. */
  async close(): Promise<void> {
    this.#onClose()
    const closing = this.#handle.close()
    // Whoever waits for the sync hears of a disk that fails.
    if (this.#syncing > 0) closing.catch(() => {})
    else await closing
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
