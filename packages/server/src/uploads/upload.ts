/**
 * The record of an upload and the states it can be in. See docs/design/uploads.md.
 */
import type { Principal } from '../access/principal.ts'
import type { SegmentId, SegmentPiece } from '../blobs/blob-store.ts'
import type { DigestAlgorithm, Digests } from '../blobs/digests.ts'
import type { StoredSegment } from '../catalog/segment-parts.ts'
import { orderedName } from '../ids.ts'
import type { ObjectHeaders, UserMetadata } from '../objects/object.ts'
import type { UploadFailure } from './errors.ts'

declare const uploadId: unique symbol
/** The time and 128 random bits as 44 lower-case hex digits: safe in a URL and on file systems that fold case. */
export type UploadId = string & { readonly [uploadId]: true }

/** The HTTP protocol that created an upload; its checks and its final answer apply to the end. */
export type FaceName = 'files' | 'storage' | 'media'

/** What publishing demands of the target key: that it is free, or nothing (the last to finish wins). */
export type Precondition = 'absent' | 'none'

/** The final answer of a finished upload, stored so that a repeat gets the same one. */
export interface Answer {
  /** Version of the published object; its `ETag`. */
  readonly version: string
  /** The object's id; an answer of before there were ids has none. */
  readonly object?: string | undefined
  /** Milliseconds since 1970. */
  readonly publishedAt: number
}

export type UploadState =
  | { readonly kind: 'open' }
  | { readonly kind: 'finishing' }
  /** A partial upload whose bytes are all there and durable: it waits to be part of a final one. */
  | { readonly kind: 'sealed' }
  | { readonly kind: 'complete'; readonly answer: Answer }
  | { readonly kind: 'cancelled' }
  | { readonly kind: 'expired' }
  | { readonly kind: 'failed'; readonly failure: UploadFailure }

/** An upload's place in a concatenation. */
export type Concat =
  | { readonly kind: 'whole' }
  | { readonly kind: 'partial' }
  /** Made of the bytes of partial uploads; `list` is what the client sent, shown again as it was. */
  | { readonly kind: 'final'; readonly list: string; readonly pieces: readonly SegmentPiece[] }

/**
 * How an upload comes to its end, where that is not when its offset reaches its length. Its offsets are promises
 * that never go back: none is told that a power cut could take. See docs/design/resumable-http.md.
 */
export type Ending =
  /** When a request says so. */
  | 'word'
  /** A request said that its content ends it, at the length: once all bytes are there, it has. */
  | 'said'

/** Which digests the object gets, besides sha-256. */
export interface DigestWishes {
  readonly wanted: readonly DigestAlgorithm[]
  /** The client waits for them: the object appears with them. */
  readonly awaited?: boolean | undefined
  /** What the client says they are: checked before publishing. */
  readonly demanded: Digests
}

export interface UploadRecord {
  readonly id: UploadId
  readonly face: FaceName
  /** Who created it; only they (and the service role) may go on. */
  readonly owner: Principal
  readonly bucket: string
  readonly key: string
  readonly precondition: Precondition
  /** Bytes in all; undefined while the client has not said. Once set it never changes. */
  readonly length: number | undefined
  /** The client's metadata exactly as it was sent, to be shown again byte for byte. */
  readonly metadata: string
  /** What the object's answers will say of it. */
  readonly headers: ObjectHeaders
  /** Kept with the object. */
  readonly userMetadata?: UserMetadata | undefined
  /** Undefined: it ends when its offset reaches its length. */
  readonly ending?: Ending | undefined
  /** Bytes it may have, where its bucket allows fewer than the server. */
  readonly maxSize?: number | undefined
  /** The sha-256 of the signed token that it was created with: whoever has that token may go on. */
  readonly capability?: string | undefined
  /** Where its bytes are gathered; a final upload has no bytes of its own. */
  readonly segment: SegmentId
  readonly concat: Concat
  readonly digests: DigestWishes
  /** While a checksummed request writes: where it began. Bytes past it are not accepted yet. */
  readonly rollback: number | undefined
  /** Bytes that a power cut cannot take: covered by `fdatasync`. */
  readonly durable: number
  /** Milliseconds since 1970. */
  readonly createdAt: number
  /** Milliseconds since 1970; the file's own time of last change may lie later and then counts. */
  readonly expiresAt: number
  readonly state: UploadState
  /** What is recorded of its segment, read in the same moment, where a catalog that nodes share knows that. */
  readonly stored?: StoredSegment | undefined
}

/** 128 random bits behind the time. */
export function newUploadId(): UploadId {
  return orderedName(16) as UploadId
}

/** Those of before had no time in front. */
export const UPLOAD_ID: RegExp = /^(?:[0-9a-f]{12})?[0-9a-f]{32}$/

/** The id in a URL, or undefined when no upload can have that name. */
export function parseUploadId(text: string): UploadId | undefined {
  return UPLOAD_ID.test(text) ? (text as UploadId) : undefined
}

/** How much of what is in its segment an upload has accepted. */
export function acceptedLength(upload: UploadRecord, segmentLength: number): number {
  return upload.rollback === undefined ? segmentLength : Math.min(segmentLength, upload.rollback)
}

/** The segments that make up an upload of `length` bytes. */
export function piecesOf(upload: UploadRecord, length: number): readonly SegmentPiece[] {
  if (upload.concat.kind === 'final') return upload.concat.pieces
  return length === 0 ? [] : [{ segment: upload.segment, length }]
}

/** Whether an upload was made unusable before it came to an outcome: what was asked of it has no answer to repeat. */
export function isDeactivated({ state, length, ending }: UploadRecord): boolean {
  if (state.kind !== 'failed') return false
  const { code } = state.failure
  return code === 'past-end' || length === undefined || (code === 'bytes-lost' && ending !== undefined)
}

/** Whether an open upload with all its bytes has come to its end. */
export function endsAtLength(upload: UploadRecord): boolean {
  return upload.ending !== 'word'
}
