/**
 * What is recorded of the bytes of segments in a store that keeps no order itself, such as S3: parts of one
 * multipart upload, then at most one tail that is too short for a part. See docs/design/cluster.md.
 *
 * - A *hold* is the right to write to a segment. Its number grows with each one; whatever is done with an older
 *   number throws CatalogError `fenced` and changes nothing.
 * - Only what is recorded counts: a segment's length is that of its recorded parts and tail, without a gap.
 * - Part numbers are never given to two holds, unless the first one gave them back unused.
 */
import type { SegmentId } from '../blobs/blob-store.ts'
import type { Rescue } from './rescue.ts'

/** Part numbers that a hold sets aside at a time. */
export const PART_BLOCK = 8

export interface StoredSegment {
  /** The store's name of the multipart upload; undefined before its first part. */
  readonly session: string | undefined
  /** Bytes in recorded parts. */
  readonly inParts: number
  readonly tail: StoredTail | undefined
  /** Milliseconds since 1970: when bytes were recorded last. */
  readonly modifiedAt: number
  /** It is one ordinary object now, of `inParts` bytes, and never changes. */
  readonly sealed: boolean
  /** What is known of parts that no record names, where the store cannot drop them. */
  readonly rescue?: Rescue | undefined
  /** The node whose request has the right to write now, where nodes share the catalog. */
  readonly holder?: number | undefined
}

/** Bytes behind the parts, in an object of their own. */
export interface StoredTail {
  /** Of the object. It has the number of the hold in it, so that no other hold writes over it. */
  readonly name: string
  /** Bytes. */
  readonly length: number
}

export interface StoredPart {
  readonly number: number
  /** As the store gave it: what completing names. */
  readonly etag: string
  /** Bytes. */
  readonly length: number
}

/** Numbers `first` up to `first + count - 1`. */
export interface PartNumbers {
  readonly first: number
  readonly count: number
}

export interface Hold {
  readonly segment: SegmentId
  readonly fence: number
  /** What was recorded when the hold was granted. */
  readonly stored: StoredSegment
  readonly numbers: PartNumbers
  /**
   * Set by the store before the first request goes out that names one of the numbers. Without it they are given
   * back with the hold: an upload has only so many, and a client may come in vain as often as it likes.
   */
  sent?: boolean
}

export interface PartsGrowth {
  /** Bytes in parts so far: where these parts begin. */
  readonly start: number
  /** In the order of their bytes. */
  readonly parts: readonly StoredPart[]
  /** The tail from now on, in place of the one before; its bytes come behind all parts. */
  readonly tail: StoredTail | undefined
  /** The multipart upload that the parts belong to. */
  readonly session: string | undefined
  /** Milliseconds since 1970. */
  readonly at: number
  /**
   * Present: no more is written under this hold, which ends with this. The first of its numbers that was not
   * used: no request for it, or one above it, was ever sent.
   */
  readonly unusedFrom?: number
}

export interface SegmentParts {
  /** Undefined when there is no such segment. */
  storedSegment(segment: SegmentId): Promise<StoredSegment | undefined>
  /**
   * Ends every hold of before and grants a new one: for a process that has the only one at a time.
   * Undefined when there is no such segment, or it is sealed.
   */
  holdSegment(segment: SegmentId): Promise<Hold | undefined>
  /** Sets more numbers aside, behind all of before; it need not be those next to the hold's others. */
  reserveParts(hold: Hold, count: number): Promise<PartNumbers>
  /**
   * Adds parts, and puts a tail in place of the one before.
   * @throws CatalogError `fenced`, also where `start` is not where the parts end
   */
  recordParts(hold: Hold, growth: PartsGrowth): Promise<StoredSegment>
  /**
   * Takes bytes back to `length`: that of now, or that of when the hold was granted (with a request's rollback
   * pending: of when that request's was). Parts behind it are forgotten, the tail of then counts again.
   * @throws CatalogError `fenced`, also for another length
   */
  cutParts(hold: Hold, length: number): Promise<StoredSegment>
  /** Parts by where they begin, from byte `start` on. */
  partsFrom(segment: SegmentId, start: number, limit: number): Promise<StoredPart[]>
  /**
   * Puts `rescue` in place of what is recorded of it now, which must be `before`; false when it is not, or the
   * segment is sealed or gone: another process was faster.
   */
  recordRescue(segment: SegmentId, before: Rescue | undefined, rescue: Rescue): Promise<boolean>
  /**
   * The segment is one ordinary object of `length` bytes now: its parts and tail are forgotten, every hold ends.
   * True also when that was so before; false when another length is recorded.
   */
  sealParts(segment: SegmentId, length: number): Promise<boolean>
}
