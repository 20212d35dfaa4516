/**
 * Puts small bodies into packs: whoever comes while a write is under way goes into the next one, together, with
 * one sync for all of them. What it resolved with is durable; what failed left at most bytes in a pack that
 * nothing refers to, and the next body goes into a new pack.
 */
import type { BlobStore, SegmentId, SegmentWriter } from '../blobs/blob-store.ts'
import { newSegmentId, StoreError } from '../blobs/blob-store.ts'
import type { PackedPiece, Packs } from '../catalog/packs.ts'

/** A pack that has as many bytes takes no more: what is dead in it must not wait for too many others. */
const PACK_BYTES = 64 * 1024 * 1024
/** Bytes of one write: those who are in it wait for all of it. */
const WRITE_BYTES = 1024 * 1024

interface Pack {
  readonly id: SegmentId
  readonly writer: SegmentWriter
}

interface Waiting {
  readonly bytes: Uint8Array
  readonly resolve: (piece: PackedPiece) => void
  readonly reject: (error: unknown) => void
}

export interface PackerOptions {
  readonly catalog: Packs
  readonly blobs: BlobStore
  readonly now: () => number
  /** A pack could not be let go of; that is tried again, at the latest by the next start. */
  readonly onError: (error: unknown) => void
  readonly packBytes?: number
}

export class Packer {
  readonly #options: PackerOptions
  readonly #queue: Waiting[] = []
  #pack: Pack | undefined
  /** Written to no more, but still held: the catalog was away. */
  #unended: SegmentId[] = []
  #running: Promise<void> | undefined
  #closed = false

  constructor(options: PackerOptions) {
    this.#options = options
  }

  /** The bytes must not change before it resolved. @throws StoreError, CatalogError */
  add(bytes: Uint8Array): Promise<PackedPiece> {
    if (this.#closed) return Promise.reject(new StoreError('unavailable', 'the server is closing'))
    return new Promise((resolve, reject) => {
      this.#queue.push({ bytes, resolve, reject })
      this.#running ??= this.#run()
    })
  }

  /** Lets go of packs that could not be let go of before. */
  async tidy(): Promise<void> {
    for (const id of this.#unended.splice(0)) await this.#end(id)
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#running
    if (this.#pack !== undefined) await this.#leave(this.#pack)
    await this.tidy()
  }

  async #run(): Promise<void> {
    // What else this turn of the event loop brings comes along.
    await Promise.resolve()
    for (;;) {
      const group = this.#next()
      if (group.length === 0) {
        // In the same step as the look at the queue: who comes after it has to begin anew.
        this.#running = undefined
        return
      }
      try {
        const pieces = await this.#write(group)
        for (const [n, { resolve }] of group.entries()) resolve(pieces[n] as PackedPiece)
      } catch (error) {
        for (const { reject } of group) reject(error)
        if (this.#pack !== undefined) await this.#leave(this.#pack)
      }
    }
  }

  #next(): Waiting[] {
    let bytes = 0
    let count = 0
    for (const waiting of this.#queue) {
      if (count > 0 && bytes + waiting.bytes.byteLength > WRITE_BYTES) break
      bytes += waiting.bytes.byteLength
      count += 1
    }
    return this.#queue.splice(0, count)
  }

  async #write(group: readonly Waiting[]): Promise<PackedPiece[]> {
    const { blobs, packBytes = PACK_BYTES } = this.#options
    this.#pack ??= await this.#begin()
    const { id, writer } = this.#pack
    let start = writer.length
    const pieces = group.map(({ bytes }) => {
      const piece = { segment: id, start, length: bytes.byteLength }
      start += bytes.byteLength
      return piece
    })
    await writer.write(group.map(({ bytes }) => bytes))
    // The open file takes bytes also where its folder is gone: what nobody would find again is not there.
    const [, state] = await Promise.all([blobs.sync(id), blobs.inspect(id)])
    if (state?.length !== start) {
      throw new StoreError('unavailable', `pack ${id} has ${state?.length} bytes instead of ${start}`)
    }
    if (start >= packBytes) await this.#leave(this.#pack)
    return pieces
  }

  /** The row goes first, as every segment's does. */
  async #begin(): Promise<Pack> {
    const { catalog, blobs } = this.#options
    const id = newSegmentId()
    await catalog.beginPack(id)
    try {
      return { id, writer: await blobs.openWriter(id) }
    } catch (error) {
      await this.#end(id)
      throw error
    }
  }

  async #leave({ id, writer }: Pack): Promise<void> {
    this.#pack = undefined
    await writer.close().catch(this.#options.onError)
    await this.#end(id)
  }

  async #end(id: SegmentId): Promise<void> {
    const { catalog, now, onError } = this.#options
    await catalog.endPack(id, now()).catch((error: unknown) => {
      this.#unended.push(id)
      onError(error)
    })
  }
}
