/**
 * Where bytes live. A store keeps segments: files of bytes that only grow while an upload writes them and
 * never change once sealed. It knows no protocol, no user's name and no catalog.
 *
 * Contract (blob-store.contract.ts runs it against every implementation):
 * - Bytes of a segment are a prefix of what was written, in order and without holes, at any moment, also
 *   after the process was killed.
 * - After `sync` resolved with n, the first n bytes survive a power cut.
 * - After `sync` or `seal` rejected with `unsynced`, nothing may be believed of bytes that no earlier sync covered,
 *   although they can still be read, and a later `sync` may resolve: they have to be cut off and written again.
 * - After `seal` resolved, the segment is durable, has exactly the given length and never changes.
 */
import { randomBytes } from 'node:crypto'
import type { Readable } from 'node:stream'
import type { DigestAlgorithm, Digests, FollowingDigest } from './digests.ts'

declare const segmentId: unique symbol
/** 128 random bits as 32 lower-case hex digits. */
export type SegmentId = string & { readonly [segmentId]: true }

export function newSegmentId(): SegmentId {
  return randomBytes(16).toString('hex') as SegmentId
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
  /**
   * Appends the chunks in order. One call at a time. On failure what was written before the fault stays,
   * in order, and `length` tells how much.
   * @throws StoreError
   */
  write(chunks: readonly Uint8Array[]): Promise<void>
  /** Takes bytes back. @throws StoreError */
  truncate(length: number): Promise<void>
  close(): Promise<void>
}

export interface BlobStore {
  /** Adding a few bytes to an open segment, and making them durable, costs little: small bodies may share one. */
  readonly packs: boolean
  /** Makes ready to serve; must be called once, before anything else. */
  open(): Promise<StoreStart>
  /** Records that everything unsure after the last start was dealt with (`StoreStart.trusted` is true next time). */
  trust(): Promise<void>
  /** What is there of it; undefined when there is no such segment. */
  inspect(segment: SegmentId): Promise<SegmentState | undefined>
  /** Opens for appending at its end. The first one makes the segment: until then there is only its row. */
  openWriter(segment: SegmentId): Promise<SegmentWriter>
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
  close(): Promise<void>
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
