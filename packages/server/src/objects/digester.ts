/** Gives every object its digests, one after the other, off the event loop and out of anyone's way. */
import type { BlobStore } from '../blobs/blob-store.ts'
import type { Digests } from '../blobs/digests.ts'
import type { Catalog } from '../catalog/catalog.ts'
import type { ObjectRecord } from './object.ts'

export interface DigesterOptions {
  readonly catalog: Catalog
  readonly blobs: BlobStore
  readonly onError: (object: ObjectRecord, error: unknown) => void
}

/** How many objects that still lack one are fetched at a time after a start. */
const BATCH = 100

export class Digester {
  readonly #options: DigesterOptions
  readonly #stop = new AbortController()
  readonly #queue: ObjectRecord[] = []
  readonly #failed = new Set<string>()
  #running: Promise<void> | undefined

  constructor(options: DigesterOptions) {
    this.#options = options
  }

  /** @param digests - may be on their way already; if they get lost the object is read once */
  add(object: ObjectRecord, digests?: Promise<Digests>): void {
    if (this.#stop.signal.aborted || object.digests['sha-256'] !== undefined) return
    if (digests === undefined) return this.#enqueue(object)
    digests
      .then((ready) => this.#options.catalog.setDigests(object.version, ready))
      .catch(() => this.#enqueue(object))
  }

  #enqueue(object: ObjectRecord): void {
    if (this.#stop.signal.aborted) return
    this.#queue.push(object)
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined
    })
  }

  /** Takes up what an earlier process left undone. */
  async catchUp(): Promise<void> {
    for (const object of await this.#options.catalog.undigested(BATCH)) this.add(object)
  }

  async close(): Promise<void> {
    this.#stop.abort()
    this.#queue.length = 0
    await this.#running
  }

  async #run(): Promise<void> {
    const { catalog, blobs, onError } = this.#options
    for (;;) {
      const object = this.#queue.shift() ?? (await this.#leftOver())
      if (object === undefined || this.#stop.signal.aborted) return
      try {
        const digests = await blobs.digest(object.segments, object.wanted, this.#stop.signal)
        await catalog.setDigests(object.version, digests)
      } catch (error) {
        if (this.#stop.signal.aborted) return
        this.#failed.add(object.version)
        onError(object, error)
      }
    }
  }

  async #leftOver(): Promise<ObjectRecord | undefined> {
    try {
      const objects = await this.#options.catalog.undigested(BATCH + this.#failed.size)
      return objects.find((object) => !this.#failed.has(object.version))
    } catch {
      // Looked for again with the next object, or the next start.
      return undefined
    }
  }
}
