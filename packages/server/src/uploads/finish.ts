/**
 * The end of an upload: make its bytes durable, check what was demanded, publish the object, store the
 * answer. Each step may run again after a crash, and once begun it needs no client.
 */
import type { BlobStore } from '../blobs/blob-store.ts'
import { StoreError } from '../blobs/blob-store.ts'
import type { Digests } from '../blobs/digests.ts'
import type { Catalog } from '../catalog/catalog.ts'
import { newVersion, type ObjectRecord } from '../objects/object.ts'
import type { Durability } from './durability.ts'
import { UploadError, type UploadFailure } from './errors.ts'
import { type Answer, piecesOf, type UploadId, type UploadRecord } from './upload.ts'
import { algorithmsOf, type UploadDigests } from './upload-digests.ts'

export interface FinisherOptions {
  readonly catalog: Catalog
  readonly blobs: BlobStore
  readonly durability: Durability
  readonly digests: UploadDigests
  readonly now: () => number
  /** An object was published; `digests` are still to be recorded unless it has them. */
  readonly onPublished: (object: ObjectRecord, digests: Promise<Digests>) => void
}

/** How an upload whose bytes are all there came out. */
export type Finished =
  | { readonly kind: 'published'; readonly answer: Answer }
  /** A partial upload: it becomes part of an object later. */
  | { readonly kind: 'sealed' }

export class Finisher {
  readonly #options: FinisherOptions
  readonly #running = new Map<UploadId, Promise<Finished>>()
  /** What met a fault on its way: its client may never ask again. */
  readonly #left = new Map<UploadId, { readonly upload: UploadRecord; readonly length: number }>()

  constructor(options: FinisherOptions) {
    this.#options = options
  }

  /**
   * Brings an upload whose bytes are all there to its outcome. Whoever asks while it runs gets the same
   * promise; the work goes on when they leave.
   * @throws UploadError with the code of the failure that is now stored
   * @throws StoreError, CatalogError when it did not come to an outcome: the next call goes on
   */
  finish(upload: UploadRecord, length: number): Promise<Finished> {
    const running = this.#running.get(upload.id)
    if (running !== undefined) return running
    this.#left.delete(upload.id)
    const work = this.#finish(upload, length)
      .catch((error: unknown) => {
        if (!(error instanceof UploadError)) this.#left.set(upload.id, { upload, length })
        throw error
      })
      .finally(() => this.#running.delete(upload.id))
    // Handled here for the case that everyone who waited has left.
    work.catch(() => {})
    this.#running.set(upload.id, work)
    return work
  }

  /** Tries again what met a fault since the start; what an earlier process left, repair found. */
  async finishLeft(): Promise<number> {
    let count = 0
    for (const { upload, length } of [...this.#left.values()]) {
      if (await this.finish(upload, length).catch(() => undefined)) count += 1
    }
    return count
  }

  /** Resolves when nothing is being finished. */
  async close(): Promise<void> {
    await Promise.allSettled(this.#running.values())
  }

  async #finish(upload: UploadRecord, length: number): Promise<Finished> {
    const { catalog } = this.#options
    // Durable first: a power cut must not leave a row that says "all there" and a file that lost its end.
    const lost = await this.#makeDurable(upload, length)
    if (!lost && !(await catalog.beginFinish(upload.id, length))) return this.#outcome(upload.id)
    // An upload that is still open is not failed by this: it goes on from what is there.
    if (lost) return this.#fail(upload, { code: 'bytes-lost', message: `the storage lost bytes: ${lost}` })
    if (upload.concat.kind === 'partial') {
      return (await catalog.seal(upload.id)) ? { kind: 'sealed' } : this.#outcome(upload.id)
    }
    return this.#publish(upload, length)
  }

  /** Resolves to how bytes are missing, if they are. */
  async #makeDurable(upload: UploadRecord, length: number): Promise<string | undefined> {
    const { blobs, durability } = this.#options
    await durability.forget(upload.id)
    try {
      // The segments of a final upload were sealed as partial ones. No bytes need no file: a crash or a full
      // disk may have come before it was made.
      if (upload.concat.kind !== 'final' && length > 0) await blobs.seal(upload.segment, length)
      return undefined
    } catch (error) {
      if (error instanceof StoreError && (error.code === 'missing' || error.code === 'damaged')) {
        return error.message
      }
      throw error
    }
  }

  async #publish(upload: UploadRecord, length: number): Promise<Finished> {
    const { catalog, digests, now, onPublished } = this.#options
    let known: Digests = {}
    const computed = digests.finish(upload, length)
    computed.then(
      (value) => {
        known = value
      },
      () => {},
    )
    const mismatch = await mismatchOf(upload.digests.demanded, computed)
    if (mismatch !== undefined) return this.#fail(upload, mismatch)
    const object: ObjectRecord = {
      bucket: upload.bucket,
      key: upload.key,
      version: newVersion(),
      size: length,
      headers: upload.headers,
      owner: upload.owner,
      createdAt: now(),
      wanted: algorithmsOf(upload),
      // Small bodies are hashed by now; the others follow after the answer.
      digests: known,
      segments: piecesOf(upload, length).filter((piece) => piece.length > 0),
    }
    const result = await catalog.publish(upload.id, object)
    switch (result.kind) {
      case 'published':
        onPublished(object, computed)
        return result
      case 'complete':
        return { kind: 'published', answer: result.answer }
      case 'conflict':
        return this.#fail(upload, { code: 'conflict', message: 'another upload to this key finished first' })
      case 'ended':
        return this.#outcome(upload.id)
    }
  }

  async #fail(upload: UploadRecord, failure: UploadFailure): Promise<Finished> {
    const { catalog, now } = this.#options
    await catalog.endUpload(upload.id, ['finishing'], { kind: 'failed', failure }, now())
    return this.#outcome(upload.id)
  }

  /** What the catalog says now; the answer or, as an error, why there is none. */
  async #outcome(id: UploadId): Promise<Finished> {
    const upload = await this.#options.catalog.findUpload(id)
    if (upload === undefined) throw new UploadError('not-found', 'there is no such upload')
    return finishedOf(upload)
  }
}

/** @throws UploadError when the upload has not come to a good end */
export function finishedOf(upload: UploadRecord): Finished {
  const { state } = upload
  switch (state.kind) {
    case 'complete':
      return { kind: 'published', answer: state.answer }
    case 'sealed':
      return { kind: 'sealed' }
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

/** Waits for the digests only when some were demanded. @throws StoreError */
async function mismatchOf(demanded: Digests, computed: Promise<Digests>): Promise<UploadFailure | undefined> {
  for (const [name, digest] of Object.entries(demanded)) {
    const actual = (await computed)[name as keyof Digests]
    if (actual === digest) continue
    return {
      code: 'digest-mismatch',
      message: `the bytes have the ${name} ${actual}, not ${digest} as was said at creation`,
    }
  }
  return undefined
}
