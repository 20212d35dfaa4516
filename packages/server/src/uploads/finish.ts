/**
 * The end of an upload: make its bytes durable, check what was demanded, publish the object, store the
 * answer. Each step may run again after a crash, and once begun it needs no client.
 *
 * Long, because the steps are safe only in their order, which is read from top to bottom.
 */
import type { BlobStore, SegmentId, SegmentPiece } from '../blobs/blob-store.ts'
import { StoreError } from '../blobs/blob-store.ts'
import { type Digests, digestOf } from '../blobs/digests.ts'
import type { Catalog } from '../catalog/catalog.ts'
import { newObjectId, newVersion, type ObjectRecord } from '../objects/object.ts'
import { SlotMap } from '../slot-map.ts'
import { type Durability, isUnsynced } from './durability.ts'
import { failureError, UploadError, type UploadFailure } from './errors.ts'
import type { HookRunner } from './hooks.ts'
import type { Judge } from './judge.ts'
import type { Observer } from './observer.ts'
import type { Packer } from './packer.ts'
import { type Answer, piecesOf, type UploadId, type UploadRecord } from './upload.ts'
import { algorithmsOf, type UploadDigests } from './upload-digests.ts'

export interface FinisherOptions {
  readonly catalog: Catalog
  readonly blobs: BlobStore
  readonly durability: Durability
  readonly digests: UploadDigests
  readonly hooks: HookRunner
  readonly now: () => number
  /** Asked before anything is published. */
  readonly judge: Judge
  /** An object was published; `digests` are still to be recorded unless it has them. */
  readonly onPublished: (object: ObjectRecord, digests: Promise<Digests>) => void
  readonly observer?: Observer
  /** Finishing with nobody to answer did not end in an object. */
  readonly onLateError: (upload: UploadRecord, error: unknown) => void
}

/** Left uploads finished at a time: hooks may ask services that are small. */
const AT_ONCE = 4

/** How an upload whose bytes are all there came out. */
export type Finished =
  | {
      readonly kind: 'published'
      readonly answer: Answer
      /** The object's, where they were known when it was published. */
      readonly digests?: Digests
    }
  /** A partial upload: it becomes part of an object later. */
  | { readonly kind: 'sealed' }

export class Finisher {
  readonly #options: FinisherOptions
  readonly #running = new SlotMap<UploadId, Promise<Finished>>()
  /** Resolved once the catalog knows where an upload ends, or it does not come to its end yet. */
  readonly #beginning = new SlotMap<UploadId, Promise<void>>()
  /** What met a fault on its way, longest ago first: its client may never ask again. */
  readonly #left = new SlotMap<UploadId, { readonly upload: UploadRecord; readonly length: number }>()
  #closing = false

  constructor(options: FinisherOptions) {
    this.#options = options
  }

  /**
   * Brings an upload whose bytes are all there to its outcome. Whoever asks while it runs gets the same
   * promise; the work goes on when they leave.
   * @throws UploadError with the code of the failure that is now stored
   * @throws StoreError, CatalogError, UploadError `unavailable` when it did not come to an outcome: the next call
   *   goes on, and if none comes it is tried again by itself
   */
  finish(upload: UploadRecord, length: number): Promise<Finished> {
    const running = this.#running.get(upload.id)
    if (running !== undefined) return running
    const since = performance.now()
    const tell = (outcome: Parameters<Observer['finished']>[1]): void =>
      this.#options.observer?.finished((performance.now() - since) / 1000, outcome)
    this.#left.delete(upload.id)
    const begun = Promise.withResolvers<void>()
    this.#beginning.set(upload.id, begun.promise)
    const onBegun = (): void => {
      this.#beginning.delete(upload.id)
      begun.resolve()
    }
    const work = this.#finish(upload, length, onBegun)
      .catch((error: unknown) => {
        if (isPassing(error)) this.#left.set(upload.id, { upload, length })
        throw error
      })
      .finally(() => {
        onBegun()
        this.#running.delete(upload.id)
      })
    // Handled here for the case that everyone who waited has left.
    work.then(
      ({ kind }) => tell(kind),
      (error: unknown) => tell(error instanceof UploadError ? 'failed' : 'interrupted'),
    )
    this.#running.set(upload.id, work)
    return work
  }

  /** Whether it is on the way to its outcome now. */
  isRunning(id: UploadId): boolean {
    return this.#running.has(id)
  }

  /**
   * Resolves at once, unless an end is being written down: its record says nothing of it yet, and may not even have a
   * length, but bytes that came behind it would be lost.
   */
  async begun(id: UploadId): Promise<void> {
    await this.#beginning.get(id)
  }

  /**
   * An open upload whose bytes are all in memory, and few: puts them into a pack and publishes the object, in one
   * step of the catalog. Its lease is held until then. Undefined, and nothing has happened, when it comes out
   * another way: then the bytes go where all others do, and `finish` finds out the same once more.
   * @param insert - makes the upload, where it is not there yet, in the same commit
   */
  async finishPacked(
    upload: UploadRecord,
    bytes: Uint8Array,
    packer: Packer,
    insert?: () => Promise<void>,
  ): Promise<Finished | undefined> {
    const since = performance.now()
    const work = this.#publishPacked(upload, bytes, packer, insert)
    this.#running.set(upload.id, work)
    const finished = await work.catch(() => undefined).finally(() => this.#running.delete(upload.id))
    if (finished !== undefined)
      this.#options.observer?.finished((performance.now() - since) / 1000, 'published')
    return finished
  }

  /** @throws StoreError, CatalogError, UploadError `unavailable` and `finishing`: it is not decided yet */
  async #publishPacked(
    upload: UploadRecord,
    bytes: Uint8Array,
    packer: Packer,
    insert?: () => Promise<void>,
  ): Promise<Finished> {
    const { catalog, judge, now, onPublished } = this.#options
    const may = await judge(upload, bytes.byteLength)
    const digests = digestOf([bytes], algorithmsOf(upload))
    const segments = [await packer.add(bytes)]
    const object = objectFrom(upload, { size: bytes.byteLength, at: now(), digests, segments })
    // Asked for in one turn: a catalog that commits in groups takes both into one. One that does them the other way
    // round finds no upload to publish.
    const inserting = insert?.()
    const [result] = await Promise.all([catalog.publish(upload.id, object, { may, packed: true }), inserting])
    if (result.kind !== 'published') {
      throw new UploadError('finishing', 'the upload is being finished: try again in a moment')
    }
    onPublished(object, Promise.resolve(digests))
    return { ...result, digests }
  }

  /** Has an upload finished by the next `finishLeft`. */
  leave(upload: UploadRecord, length: number): void {
    this.#left.set(upload.id, { upload, length })
  }

  /**
   * Tries again what met a fault since the start; what an earlier process left, repair found. A few at a time,
   * and no more in this round once one fails: a hook that hangs would hold up everything behind it.
   */
  async finishLeft(): Promise<number> {
    const { hooks, onLateError } = this.#options
    const waiting = [...this.#left.values()]
    let finished = 0
    let failed = false
    const work = async (): Promise<void> => {
      for (;;) {
        const next = failed || this.#closing ? undefined : waiting.shift()
        if (next === undefined) return
        try {
          await this.finish(next.upload, next.length)
          finished += 1
        } catch (error) {
          onLateError(next.upload, error)
          failed ||= isPassing(error) && hooks.has('beforeFinish')
        }
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, work))
    return finished
  }

  /** Resolves when nothing is being finished. A hook that runs is waited for no longer. */
  async close(): Promise<void> {
    this.#closing = true
    this.#options.hooks.close()
    await Promise.allSettled(this.#running.values())
  }

  async #finish(upload: UploadRecord, length: number, onBegun: () => void): Promise<Finished> {
    const { catalog, blobs } = this.#options
    const early = blobs.readsOpen ? this.#beginDigests(upload, length) : undefined
    // Durable first: a power cut must not leave a row that says "all there" and a file that lost its end.
    const lost = await this.#makeDurable(upload, length)
    // Only an upload that was finishing is failed by this: an open one goes on from what is there.
    if (lost !== undefined) {
      return this.#fail(upload, { code: 'bytes-lost', message: `the storage lost bytes: ${lost}` })
    }
    if (!(await catalog.beginFinish(upload.id, length))) return this.#outcome(upload.id)
    onBegun()
    if (upload.concat.kind === 'partial') {
      return (await catalog.seal(upload.id)) ? { kind: 'sealed' } : this.#outcome(upload.id)
    }
    return this.#publish(upload, length, early ?? this.#beginDigests(upload, length))
  }

  /** Resolves to how bytes are missing, if they are. */
  async #makeDurable(upload: UploadRecord, length: number): Promise<string | undefined> {
    const { blobs, durability } = this.#options
    await durability.forget(upload.id)
    durability.refuseSetBack(upload.id)
    try {
      // The segments of a final upload were sealed as partial ones, and must not be called an object without a look.
      if (upload.concat.kind === 'final') return await this.#lossIn(upload.concat.pieces)
      if (length > 0) await blobs.seal(upload.segment, length)
      // A partial upload's segment is named by others, also one of no bytes; for an object those need no file.
      else if (upload.concat.kind === 'partial') await this.#sealEmpty(upload.segment)
      return undefined
    } catch (error) {
      if (error instanceof StoreError && (error.code === 'missing' || error.code === 'damaged')) {
        return error.message
      }
      if (isUnsynced(error)) await this.#setBack(upload, error)
      throw error
    }
  }

  /** How sealed segments do not have their bytes any more. */
  async #lossIn(pieces: readonly SegmentPiece[]): Promise<string | undefined> {
    for (const { segment, length } of pieces) {
      const held = (await this.#options.blobs.inspect(segment))?.length ?? 0
      if (held < length) return `segment ${segment} has ${held} bytes, not ${length}`
    }
    return undefined
  }

  /** Bytes did not get to the disk: an open upload goes on from those that did. */
  async #setBack(upload: UploadRecord, error: unknown): Promise<void> {
    const { catalog, durability } = this.#options
    const { state } = (await catalog.findUpload(upload.id).catch(() => undefined)) ?? upload
    if (state.kind === 'open') await durability.setBack(upload.id, upload.durable)
    // All that an earlier attempt brought to the disk is there: it is tried again.
    else throw new StoreError('unavailable', `the bytes could not be synced once more: ${error}`, error)
  }

  async #sealEmpty(segment: SegmentId): Promise<void> {
    const { blobs } = this.#options
    const writer = await blobs.openWriter(segment)
    try {
      await blobs.seal(segment, 0)
    } finally {
      await writer.close()
    }
  }

  /**
   * Before the disk is waited for, so that a small body's digests are known by the time its object is published.
   * Not where a hook comes first: when that fails, the hashing that went along with the bytes must still be there.
   */
  #beginDigests(upload: UploadRecord, length: number): ComingDigests | undefined {
    const { digests, hooks } = this.#options
    return upload.concat.kind === 'partial' || hooks.has('beforeFinish')
      ? undefined
      : coming(digests.finish(upload, length))
  }

  async #publish(upload: UploadRecord, length: number, begun: ComingDigests | undefined): Promise<Finished> {
    const { catalog, digests, hooks, judge, now, onPublished } = this.#options
    const may = await judge(upload, length)
    const demands = Object.keys(upload.digests.demanded).length > 0 || upload.digests.awaited === true
    let computed = begun ?? (demands ? coming(digests.finish(upload, length)) : undefined)
    if (demands) await computed?.promise
    const mismatch = computed && (await mismatchOf(upload.digests.demanded, computed.promise))
    if (mismatch !== undefined) return this.#fail(upload, mismatch)
    const verdict = await hooks.run('beforeFinish', { ...upload, action: 'finish', size: length })
    if (verdict.kind === 'rejected') {
      return this.#fail(upload, { code: 'rejected', status: verdict.status, message: verdict.message })
    }
    computed ??= coming(digests.finish(upload, length))
    const object = objectFrom(
      { ...upload, headers: verdict.headers },
      {
        size: length,
        at: now(),
        // Those of large bodies follow after the answer.
        digests: computed.known ?? {},
        segments: piecesOf(upload, length).filter((piece) => piece.length > 0),
      },
    )
    const result = await catalog.publish(upload.id, object, { may, metadata: verdict.metadata })
    switch (result.kind) {
      case 'published':
        onPublished(object, computed.promise)
        return { ...result, ...(computed.known && { digests: computed.known }) }
      case 'complete':
        return { kind: 'published', answer: result.answer }
      case 'conflict':
        return this.#fail(upload, { code: 'conflict', message: 'another upload to this key finished first' })
      case 'denied':
        return this.#fail(upload, { code: 'not-permitted', message: result.why })
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

function objectFrom(
  upload: UploadRecord,
  { at, ...given }: Pick<ObjectRecord, 'size' | 'digests' | 'segments'> & { readonly at: number },
): ObjectRecord {
  const { bucket, key, headers, owner, userMetadata } = upload
  const names = { id: newObjectId(), version: newVersion(), createdAt: at, since: at }
  return { ...names, bucket, key, headers, owner, userMetadata, wanted: algorithmsOf(upload), ...given }
}

/** Digests on their way, and what is known of them at any moment. */
interface ComingDigests {
  readonly promise: Promise<Digests>
  known: Digests | undefined
}

function coming(promise: Promise<Digests>): ComingDigests {
  const digests: ComingDigests = { promise, known: undefined }
  promise.then(
    (known) => {
      digests.known = known
    },
    // Whoever needs them asks the promise; the object is read once more otherwise.
    () => {},
  )
  return digests
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
      throw failureError(state.failure)
    case 'expired':
      throw new UploadError('gone', 'the upload expired')
    case 'cancelled':
      throw new UploadError('not-found', 'there is no such upload')
    case 'open':
    case 'finishing':
      throw new UploadError('finishing', 'the upload is being finished: try again in a moment')
  }
}

/** Whether nothing was decided, and trying again may help. Where bytes have to come again it does not. */
function isPassing(error: unknown): boolean {
  if (isUnsynced(error)) return false
  return !(error instanceof UploadError) || error.code === 'unavailable'
}

/** @throws StoreError */
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
