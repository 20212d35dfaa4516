/**
 * The end of an upload: make its bytes durable, publish the object, store the answer. Each step may run
 * again after a crash, and once begun it needs no client.
 */
import type { BlobStore } from '../blobs/blob-store.ts'
import { StoreError } from '../blobs/blob-store.ts'
import type { Catalog } from '../catalog/catalog.ts'
import { newVersion, type ObjectRecord } from '../objects/object.ts'
import type { Durability } from './durability.ts'
import { UploadError, type UploadFailure } from './errors.ts'
import type { Answer, UploadId, UploadRecord } from './upload.ts'

export interface FinisherOptions {
  readonly catalog: Catalog
  readonly blobs: BlobStore
  readonly durability: Durability
  readonly now: () => number
  /** An object was published. */
  readonly onPublished: (object: ObjectRecord) => void
}

export class Finisher {
  readonly #options: FinisherOptions
  readonly #running = new Map<UploadId, Promise<Answer>>()

  constructor(options: FinisherOptions) {
    this.#options = options
  }

  /**
   * Brings an upload whose bytes are all there to its outcome. Whoever asks while it runs gets the same
   * promise; the work goes on when they leave.
   * @throws UploadError with the code of the failure that is now stored
   * @throws StoreError, CatalogError when it did not come to an outcome: the next call goes on
   */
  finish(upload: UploadRecord, length: number): Promise<Answer> {
    const running = this.#running.get(upload.id)
    if (running !== undefined) return running
    const work = this.#finish(upload, length).finally(() => this.#running.delete(upload.id))
    // Handled here for the case that everyone who waited has left.
    work.catch(() => {})
    this.#running.set(upload.id, work)
    return work
  }

  isRunning(id: UploadId): boolean {
    return this.#running.has(id)
  }

  /** Resolves when nothing is being finished. */
  async close(): Promise<void> {
    await Promise.allSettled(this.#running.values())
  }

  async #finish(upload: UploadRecord, length: number): Promise<Answer> {
    const { catalog, blobs, durability, now, onPublished } = this.#options
    if (!(await catalog.beginFinish(upload.id, length))) return this.#outcome(upload.id)
    await durability.forget(upload.id)
    try {
      await blobs.seal(upload.segment, length)
    } catch (error) {
      if (error instanceof StoreError && (error.code === 'missing' || error.code === 'damaged')) {
        return this.#fail(upload, { code: 'bytes-lost', message: `the storage lost bytes: ${error.message}` })
      }
      throw error
    }
    const object: ObjectRecord = {
      bucket: upload.bucket,
      key: upload.key,
      version: newVersion(),
      size: length,
      headers: upload.headers,
      owner: upload.owner,
      createdAt: now(),
      sha256: undefined,
      segments: length === 0 ? [] : [{ segment: upload.segment, length }],
    }
    const result = await catalog.publish(upload.id, object)
    switch (result.kind) {
      case 'published':
        onPublished(object)
        return result.answer
      case 'complete':
        return result.answer
      case 'conflict':
        return this.#fail(upload, { code: 'conflict', message: 'another upload to this key finished first' })
      case 'ended':
        return this.#outcome(upload.id)
    }
  }

  async #fail(upload: UploadRecord, failure: UploadFailure): Promise<Answer> {
    const { catalog, now } = this.#options
    await catalog.endUpload(upload.id, ['finishing'], { kind: 'failed', failure }, now())
    return this.#outcome(upload.id)
  }

  /** What the catalog says now; the answer or, as an error, why there is none. */
  async #outcome(id: UploadId): Promise<Answer> {
    const upload = await this.#options.catalog.findUpload(id)
    if (upload === undefined) throw new UploadError('not-found', 'there is no such upload')
    return answerOf(upload)
  }
}

/** @throws UploadError when the upload has no answer */
export function answerOf(upload: UploadRecord): Answer {
  const { state } = upload
  switch (state.kind) {
    case 'complete':
      return state.answer
    case 'failed':
      throw new UploadError(state.failure.code, state.failure.message)
    case 'expired':
      throw new UploadError('gone', 'the upload expired')
    case 'cancelled':
      throw new UploadError('not-found', 'there is no such upload')
    case 'open':
    case 'finishing':
      throw new UploadError('finishing', 'the upload is being finished: try again in a moment')
  }
}
