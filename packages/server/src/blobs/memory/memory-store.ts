/** Segments in memory, for tests and for embedding where nothing needs to outlive the process. */
import { randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import type {
  BlobStore,
  SegmentId,
  SegmentPiece,
  SegmentState,
  SegmentWriter,
  StoreStart,
} from '../blob-store.ts'
import { StoreError } from '../blob-store.ts'
import { type DigestAlgorithm, type Digests, digestOf, type FollowingDigest } from '../digests.ts'

interface Segment {
  chunks: Uint8Array[]
  length: number
  modifiedAt: number
}

export interface MemoryStoreOptions {
  /** Bytes it may hold in all; unlimited when left out. */
  readonly capacity?: number
  readonly now?: () => number
}

export class MemoryStore implements BlobStore {
  readonly packs = true
  readonly readsOpen = true
  readonly durable = false
  readonly #segments = new Map<SegmentId, Segment>()
  readonly #identity = randomBytes(16).toString('hex')
  readonly #capacity: number | undefined
  readonly #now: () => number

  constructor(options: MemoryStoreOptions = {}) {
    this.#capacity = options.capacity
    this.#now = options.now ?? Date.now
  }

  open(): Promise<StoreStart> {
    return Promise.resolve({ identity: this.#identity, fresh: this.#segments.size === 0, trusted: true })
  }

  async trust(): Promise<void> {}

  inspect(id: SegmentId): Promise<SegmentState | undefined> {
    const segment = this.#segments.get(id)
    return Promise.resolve(segment && { length: segment.length, modifiedAt: segment.modifiedAt })
  }

  async openWriter(id: SegmentId): Promise<SegmentWriter> {
    if (!this.#segments.has(id)) this.#segments.set(id, { chunks: [], length: 0, modifiedAt: this.#now() })
    const segment = this.#get(id)
    return {
      get length() {
        return segment.length
      },
      write: async (chunks) => {
        for (const chunk of chunks) {
          const free = await this.freeBytes()
          const room = free === undefined ? chunk.byteLength : Math.min(free, chunk.byteLength)
          // A copy: the caller's buffer may be reused for the next read.
          segment.chunks.push(Uint8Array.prototype.slice.call(chunk, 0, room))
          segment.length += room
          segment.modifiedAt = this.#now()
          if (room < chunk.byteLength)
            throw new StoreError('no-space', 'the memory set aside for bytes is full')
        }
      },
      truncate: (length) => this.truncate(id, length),
      close: async () => {},
    }
  }

  async sync(id: SegmentId): Promise<number> {
    return this.#get(id).length
  }

  async seal(id: SegmentId, length: number): Promise<void> {
    const segment = this.#get(id)
    if (segment.length !== length) {
      throw new StoreError('damaged', `segment ${id} has ${segment.length} bytes, not ${length}`)
    }
  }

  async truncate(id: SegmentId, length: number): Promise<void> {
    const segment = this.#get(id)
    const kept = Buffer.concat(segment.chunks).subarray(0, length)
    segment.chunks = [kept]
    segment.length = kept.byteLength
  }

  read(id: SegmentId, start: number, end: number): Readable {
    return Readable.from(this.#slices(id, start, end), { objectMode: false })
  }

  async remove(id: SegmentId): Promise<void> {
    this.#segments.delete(id)
  }

  async *list(): AsyncIterable<SegmentId> {
    yield* [...this.#segments.keys()].sort()
  }

  async freeBytes(): Promise<number | undefined> {
    if (this.#capacity === undefined) return undefined
    let used = 0
    for (const segment of this.#segments.values()) used += segment.length
    return Math.max(0, this.#capacity - used)
  }

  async digest(pieces: readonly SegmentPiece[], algorithms: readonly DigestAlgorithm[]): Promise<Digests> {
    const bytes: Uint8Array[] = []
    for (const { segment, length, start = 0 } of pieces) {
      for await (const slice of this.#slices(segment, start, start + length)) bytes.push(slice)
    }
    return digestOf(bytes, algorithms)
  }

  follow(segment: SegmentId, start: number, algorithms: readonly DigestAlgorithm[]): FollowingDigest {
    let cancelled = false
    return {
      advance() {},
      finish: async (length) => {
        if (cancelled) throw new StoreError('unavailable', 'the digest was cancelled')
        const bytes: Uint8Array[] = []
        for await (const slice of this.#slices(segment, start, length)) bytes.push(slice)
        return digestOf(bytes, algorithms)
      },
      cancel() {
        cancelled = true
      },
    }
  }

  async close(): Promise<void> {}

  #get(id: SegmentId): Segment {
    const segment = this.#segments.get(id)
    if (segment === undefined) throw new StoreError('missing', `segment ${id} is missing`)
    return segment
  }

  async *#slices(id: SegmentId, start: number, end: number): AsyncGenerator<Uint8Array> {
    const segment = this.#get(id)
    if (end > segment.length) {
      throw new StoreError('damaged', `segment ${id} ends at ${segment.length} instead of ${end} bytes`)
    }
    let at = 0
    for (const chunk of segment.chunks) {
      const slice = chunk.subarray(Math.max(0, start - at), Math.max(0, end - at))
      if (slice.byteLength > 0) yield slice
      at += chunk.byteLength
    }
  }
}
