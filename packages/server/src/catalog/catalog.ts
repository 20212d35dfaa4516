/**
 * Where records live: uploads, objects, and which segments are in use. A catalog knows no bytes and no
 * protocol.
 *
 * Contract (catalog.contract.ts runs it against every implementation):
 * - A method that resolved has happened and survives a power cut, unless it says otherwise; one that rejected has not
 *   happened.
 * - Each method is atomic, and methods see each other in some one order.
 * - States only move forward: `open → finishing → complete | sealed | failed`, `open → complete` of small bodies,
 *   `open | sealed → cancelled | expired`.
 * - What a request that writes changes of an upload's record names its `hold`, where there is one: once that has
 *   ended it throws `fenced`. A catalog of one process, whose leases are never lost, need not look.
 * - The methods that create, publish and end uploads, and those that change objects, tell events (events/event.ts). With `keepsEvents` they are
 *   written to the outbox in the same transaction.
 */
import type { SegmentId } from '../blobs/blob-store.ts'
import type { Digests } from '../blobs/digests.ts'
import type { StoredEvent } from '../events/event.ts'
import type { ObjectRecord } from '../objects/object.ts'
import type { UploadFailure } from '../uploads/errors.ts'
import type { Verdict } from '../uploads/judge.ts'
import type { Answer, Ending, UploadId, UploadRecord, UploadState } from '../uploads/upload.ts'
import type { BucketRecords } from './bucket-records.ts'
import type { Listing } from './listing.ts'
import type { MediaRecords } from './media-records.ts'
import type { ObjectChanges } from './object-changes.ts'
import type { Outbox } from './outbox.ts'
import type { Packs } from './packs.ts'
import type { Hold, SegmentParts } from './segment-parts.ts'
import type { Allowance, Exceeded } from './usage.ts'

export interface Catalog
  extends Outbox,
    BucketRecords,
    ObjectChanges,
    Listing,
    MediaRecords,
    Packs,
    SegmentParts {
  /** Events are kept for delivery: decided when the catalog is opened, so that no outbox grows without a reader. */
  readonly keepsEvents: boolean
  /**
   * From now on, calls every `listener` with the events of each commit, after it, in order. A listener must not
   * throw. Without one, and with nothing kept, no event is made.
   */
  listen(listener: (events: readonly StoredEvent[]) => void): void

  /** The identity of the blob store this catalog belongs to; the first call decides it. */
  pairWith(storeIdentity: string): Promise<{ readonly paired: string }>

  /**
   * Adds an open upload and its segment; nothing is added when the allowance does not cover it.
   * @param durable - false: at first it survives the death of the process only, a power cut once any later change
   *   does; a catalog may do more
   */
  insertUpload(upload: UploadRecord, allowance?: Allowance, durable?: boolean): Promise<Exceeded | undefined>
  /** Changes what an open upload's object will say of itself, where a client tells that behind the bytes. */
  describeUpload(id: UploadId, details: UploadDetails): Promise<void>
  findUpload(id: UploadId): Promise<UploadRecord | undefined>
  /** Sets the length where none is known yet; resolves to the length that holds now, undefined when it is not open. */
  setLength(id: UploadId, length: number, hold?: Hold): Promise<number | undefined>
  /** Sets how an open upload that ends by word comes to its end. */
  setEnding(id: UploadId, ending: Ending, hold?: Hold): Promise<void>
  /**
   * Sets bytes aside for an open upload whose length is not known, in place of those set aside before:
   * `wanted`, or fewer where the allowance ends. When not even `least` fit, nothing changes. Resolves to the
   * bytes that fit in all.
   */
  reserve(id: UploadId, wanted: number, least: number, allowance: Allowance): Promise<number>
  /** Moves the durable offset and the expiry of an open upload forward, never back. */
  advance(id: UploadId, progress: { durable?: number; expiresAt?: number }): Promise<void>
  /** Moves the durable offset of an open upload back, never forward, after bytes were lost or taken back. */
  lowerDurable(id: UploadId, durable: number): Promise<void>
  /** Records, before a checksummed request's first write, where it began; undefined once its bytes are accepted. */
  setRollback(id: UploadId, rollback: number | undefined, hold?: Hold): Promise<void>
  /**
   * `open → finishing`; true when it is finishing now, also if it was before. Refused while bytes are there
   * that a checksummed request may still take back.
   */
  beginFinish(id: UploadId, length: number): Promise<boolean>
  /**
   * `finishing → complete`: makes the object visible and stores the answer. A replaced object's segments are
   * released. With precondition `absent` and a taken key nothing changes and the result is `conflict`; `denied`
   * when `may` does not allow what it takes, or the bucket is gone. What replaces an object takes on its id.
   */
  publish(id: UploadId, object: ObjectRecord, terms?: PublishTerms): Promise<PublishResult>
  /** `finishing → sealed` for a partial upload; true when it is sealed now, also if it was before. */
  seal(id: UploadId): Promise<boolean>
  /**
   * Adds a final upload in state `finishing`, if every one of `partials` is sealed; its segments gain a
   * reference. A final upload of the same `signature` that is there already, and did not fail, is the result instead.
   */
  insertFinal(
    upload: UploadRecord,
    signature: string,
    partials: readonly UploadId[],
    allowance?: Allowance,
  ): Promise<FinalResult>
  /** The final upload of that signature, unless it failed. */
  findFinal(signature: string): Promise<UploadRecord | undefined>
  /** Ends an upload that is in one of `from`, releases its segments; false when it was in none of them. */
  endUpload(id: UploadId, from: readonly UnfinishedState[], end: UploadEnd, at: number): Promise<boolean>

  /** Uploads not ended, by id, after `after`. */
  unfinished(after: UploadId | undefined, limit: number): Promise<UploadRecord[]>
  /** Open and sealed uploads whose recorded expiry is at or before `now`, oldest first. */
  expired(now: number, limit: number): Promise<UploadRecord[]>
  /** Forgets cancelled, expired and failed uploads that ended at or before `before`; resolves to how many. */
  forgetEnded(before: number, limit: number): Promise<number>

  findObject(bucket: string, key: string): Promise<ObjectRecord | undefined>
  /** Objects by version, after `after`. */
  objects(after: string | undefined, limit: number): Promise<ObjectRecord[]>
  /** Published objects whose digests are not known yet. */
  undigested(limit: number): Promise<ObjectRecord[]>
  /** Records digests; a version that is gone is fine. */
  setDigests(version: string, digests: Digests): Promise<void>

  /** Segments that nothing refers to since `before` or longer. */
  releasedSegments(before: number, limit: number): Promise<SegmentId[]>
  /** Drops the rows of segments whose bytes are gone. */
  forgetSegments(ids: readonly SegmentId[]): Promise<void>
  /** Segments that have a row, by id, after `after`; `refs` counts who needs them. */
  segments(
    after: SegmentId | undefined,
    limit: number,
  ): Promise<{ readonly id: SegmentId; readonly refs: number }[]>
  /** Gives rows to segments that had none, released at `releasedAt`, so that the sweep takes them in time. */
  adoptSegments(ids: readonly SegmentId[], releasedAt: number): Promise<void>

  /** Reads everything once: for people, not for probes. */
  counts(): Promise<CatalogCounts>
  /** Cheap enough to be asked every few seconds. */
  unfinishedCounts(): Promise<Readonly<Record<UnfinishedState, number>>>
  close(): Promise<void>
}

export type UploadDetails = Pick<UploadRecord, 'headers' | 'userMetadata'>

interface PublishTerms {
  /** What publishing may do to the key; everything, when it is left out. */
  readonly may?: Verdict
  /** Takes the place of the upload's, where a hook changed it. */
  readonly metadata?: string
  /**
   * The upload is open still, of a known length, and the object's bytes are in a pack: `open → complete`. Its own
   * segment was never made.
   */
  readonly packed?: boolean
}

export type PublishResult =
  | { readonly kind: 'published'; readonly answer: Answer }
  /** It was published before: the stored answer. */
  | { readonly kind: 'complete'; readonly answer: Answer }
  | { readonly kind: 'conflict' }
  | { readonly kind: 'denied'; readonly why: string }
  /** It is neither finishing nor complete. */
  | { readonly kind: 'ended' }

export type FinalResult =
  | { readonly kind: 'inserted' }
  /** The client repeats itself: this is the upload it made before. */
  | { readonly kind: 'exists'; readonly upload: UploadRecord }
  /** One of the partials ended meanwhile. */
  | { readonly kind: 'changed' }
  /** The allowance does not cover bytes that are joined once more. */
  | { readonly kind: 'exceeded'; readonly exceeded: Exceeded }

/** States of an upload that has not come to its end. */
export type UnfinishedState = 'open' | 'finishing' | 'sealed'

export type UploadEnd =
  | { readonly kind: 'cancelled' }
  | { readonly kind: 'expired' }
  | { readonly kind: 'failed'; readonly failure: UploadFailure }

export interface CatalogCounts {
  readonly uploads: Readonly<Record<UploadState['kind'], number>>
  readonly objects: number
}

/** The catalog could not be reached or written, or the caller's right to write has ended; nothing of the call happened. */
export class CatalogError extends Error {
  readonly code: 'unavailable' | 'no-space' | 'newer' | 'older' | 'locked' | 'damaged' | 'fenced'

  constructor(code: CatalogError['code'], message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = 'CatalogError'
    this.code = code
  }
}

/** The same operations without waiting, as a single-threaded implementation has them inside. */
export type Synchronous<T> = {
  readonly [K in keyof T as T[K] extends (...args: never[]) => Promise<unknown> ? K : never]: T[K] extends (
    ...args: infer A
  ) => Promise<infer R>
    ? (...args: A) => R
    : never
}
