/**
 * Where bytes live. A store keeps segments: files of bytes that only grow while an upload writes them and
 * never change once sealed. It knows no protocol, no user's name and no catalog.
 *
 * Contract (blob-store.contract.ts runs it against every implementation):
 * - Bytes of a segment are a prefix of what was written, in order and without holes, at any moment, also
 *   after the process was killed.
 * - Where a writer has `flush`, what it was not called for since does not count, and may be gone after a kill.
 * - After `sync` resolved with n, the first n bytes survive a power cut.
 * - After `sync` or `seal` rejected with `unsynced`, nothing may be believed of bytes that no earlier sync covered,
 *   although they can still be read, and a later `sync` may resolve: they have to be cut off and written again.
 * - After `seal` resolved, the segment is durable, has exactly the given length and never changes.
 */
import type { Readable } from 'node:stream'
import type { Hold, StoredSegment } from '../catalog/segment-parts.ts'
import { randomName } from '../ids.ts'
import type { DigestAlgorithm, Digests, FollowingDigest } from './digests.ts'

declare const segmentId: unique symbol
/** 128 random bits as 32 lower-case hex digits. */
export type SegmentId = string & { readonly [segmentId]: true }

export function newSegmentId(): SegmentId {
  return randomName(16) as SegmentId
}

export function isSegmentId(text: string): text is SegmentId {
  return /^[0-9a-f]{32}$/.test(text)
}

/** A segment as part of something larger: whole, or a stretch of one that many share. */
export interface SegmentPiece {
  readonly segment: SegmentId
  /** Bytes. */
  readonly length: number
  /** Where it begins in the segment; left out where it is all of it. */
  readonly start?: number
}

export interface SegmentState {
  /** Bytes that are there: they survive the death of the process. */
  readonly length: number
  /** Milliseconds since 1970: when bytes last arrived. */
  readonly modifiedAt: number
}

/** Appends to one segment. Only one writer per segment is open at a time: the lease sees to that. */
export interface SegmentWriter {
  /** Bytes in the segment now. Exact also after `write` failed. */
  readonly length: number
  /** Where fewer count than were taken (see `flush`): those that were taken. */
  readonly taken?: number
  /** Whether it looks at a chunk again that it was given; where this is left out, at none: their memory is the caller's. */
  keeps?(chunk: Uint8Array): boolean
  /**
   * Appends the chunks in order. One call at a time. On failure what was written before the fault stays,
   * in order, and `length` tells how much.
   * @throws StoreError
   */
  write(chunks: readonly Uint8Array[]): Promise<void>
  /** Takes bytes back. @throws StoreError */
  truncate(length: number): Promise<void>
  /**
   * For stores in which bytes count only once they are recorded: records those that were written, after which
   * `length` counts them. With `last`, none follow under this hold, which ends in the same step.
   * @throws StoreError, CatalogError
   */
  flush?(last: boolean): Promise<void>
  close(): Promise<void>
}

export interface BlobStore {
  /** Adding a few bytes to an open segment, and making them durable, costs little: small bodies may share one. */
  readonly packs: boolean
  /** Bytes can be read while their segment grows; otherwise all of them only once it is sealed. */
  readonly readsOpen: boolean
  /** Bytes that count are durable: there is nothing to sync. */
  readonly durable: boolean
  /** Makes ready to serve; must be called once, before anything else. */
  open(): Promise<StoreStart>
  /** Records that everything unsure after the last start was dealt with (`StoreStart.trusted` is true next time). */
  trust(): Promise<void>
  /**
   * What is there of it; undefined when there is no such segment.
   * @param stored - what the catalog has recorded of it, where that was read just now
   */
  inspect(segment: SegmentId, stored?: StoredSegment): Promise<SegmentState | undefined>
  /**
   * Opens for appending at its end. The first one makes the segment: until then there is only its row.
   * @param hold - the right to write, where several processes share the store
   */
  openWriter(segment: SegmentId, hold?: Hold): Promise<SegmentWriter>
  /** Makes what is there now durable; resolves to how many bytes that were. */
  sync(segment: SegmentId): Promise<number>
  /** Ends its growth: durable, `length` bytes. @throws StoreError `damaged` when it holds another number of bytes */
  seal(segment: SegmentId, length: number): Promise<void>
  /** Cuts a segment of an open upload that nobody writes. */
  truncate(segment: SegmentId, length: number): Promise<void>
  /** Bytes `start` to `end`, exclusive. The stream fails with StoreError when they are not there. */
  read(segment: SegmentId, start: number, end: number): Readable
  /** Removes it; a missing one is fine. */
  remove(segment: SegmentId): Promise<void>
  /** Every segment that is there, in ascending order. */
  list(): AsyncIterable<SegmentId>
  /** Bytes that may still be written, the reserve taken off; undefined where there is no such limit. */
  freeBytes(): Promise<number | undefined>
  /** Digests of pieces one after the other, computed off the event loop. @throws StoreError */
  digest(
    pieces: readonly SegmentPiece[],
    algorithms: readonly DigestAlgorithm[],
    signal?: AbortSignal,
  ): Promise<Digests>
  /** Begins a digest of a growing segment, from byte `start` on. */
  follow(segment: SegmentId, start: number, algorithms: readonly DigestAlgorithm[]): FollowingDigest
  /** Takes away what no row names and no process will name any more; resolves to how much there was. */
  tidy?(): Promise<number>
  /** A URL from which whoever has it can fetch a sealed segment, for so many seconds. */
  redirect?(segment: SegmentId, seconds: number, headers: RedirectHeaders): Promise<string>
  close(): Promise<void>
}

/** What who follows a redirect is told besides the bytes. */
export interface RedirectHeaders {
  readonly contentType: string
  readonly contentEncoding: string | undefined
  readonly contentDisposition: string
  readonly cacheControl: string
}

export interface StoreStart {
  /** Names this store; the catalog keeps the same one, so that a wrong folder is noticed. */
  readonly identity: string
  /** Made just now: there was nothing. */
  readonly fresh: boolean
  /** The machine has not been rebooted since: lengths count. Otherwise only what was durable does. */
  readonly trusted: boolean
}

export type StoreErrorCode = 'no-space' | 'missing' | 'damaged' | 'unsynced' | 'unavailable'

export class StoreError extends Error {
  readonly code: StoreErrorCode

  constructor(code: StoreErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = 'StoreError'
    this.code = code
  }
}
