/**
 * The record of an upload and the states it can be in. See docs/design/uploads.md.
 */
import { randomBytes } from 'node:crypto'
import type { Principal } from '../access/principal.ts'
import type { SegmentId } from '../blobs/blob-store.ts'
import type { ObjectHeaders } from '../objects/object.ts'
import type { UploadFailure } from './errors.ts'

declare const uploadId: unique symbol
/** 128 random bits as 32 lower-case hex digits: safe in a URL and on file systems that fold case. */
export type UploadId = string & { readonly [uploadId]: true }

/** The HTTP protocol that created an upload; its checks and its final answer apply to the end. */
export type FaceName = 'files'

/** What publishing demands of the target key: that it is free, or nothing (the last to finish wins). */
export type Precondition = 'absent' | 'none'

/** The final answer of a finished upload, stored so that a repeat gets the same one. */
export interface Answer {
  /** Version of the published object; its `ETag`. */
  readonly version: string
  /** Milliseconds since 1970. */
  readonly publishedAt: number
}

export type UploadState =
  | { readonly kind: 'open' }
  | { readonly kind: 'finishing' }
  | { readonly kind: 'complete'; readonly answer: Answer }
  | { readonly kind: 'cancelled' }
  | { readonly kind: 'expired' }
  | { readonly kind: 'failed'; readonly failure: UploadFailure }

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
  /** Where its bytes are gathered. */
  readonly segment: SegmentId
  /** Bytes that a power cut cannot take: covered by `fdatasync`. */
  readonly durable: number
  /** Milliseconds since 1970. */
  readonly createdAt: number
  /** Milliseconds since 1970; the file's own time of last change may lie later and then counts. */
  readonly expiresAt: number
  readonly state: UploadState
}

export function newUploadId(): UploadId {
  return randomBytes(16).toString('hex') as UploadId
}

/** The id in a URL, or undefined when no upload can have that name. */
export function parseUploadId(text: string): UploadId | undefined {
  return /^[0-9a-f]{32}$/.test(text) ? (text as UploadId) : undefined
}
