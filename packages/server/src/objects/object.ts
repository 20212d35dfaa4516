/**
 * What a finished upload becomes: immutable bytes under a bucket and a key. See "The object" in the plan of
 * the house.
 */
import { randomUUID } from 'node:crypto'
import type { Principal } from '../access/principal.ts'
import type { SegmentPiece } from '../blobs/blob-store.ts'
import type { DigestAlgorithm, Digests } from '../blobs/digests.ts'
import { orderedName } from '../ids.ts'

/** What the object's answers say of it besides its bytes. */
export interface ObjectHeaders {
  /** A valid media type. */
  readonly contentType: string
  /** The name a browser should save it under; any Unicode text. */
  readonly fileName: string | undefined
  /** `Cache-Control` of its answers; `no-cache` unless it says otherwise. */
  readonly cacheControl?: string | undefined
  /** A coding that its bytes are already in. */
  readonly contentEncoding?: string | undefined
}

/** What a client wants kept with an object, as JSON. */
export type UserMetadata = Readonly<Record<string, unknown>>

export interface ObjectRecord {
  /** A UUID that stays when the object is replaced or moved. */
  readonly id: string
  readonly bucket: string
  readonly key: string
  /** Names these bytes and no others, ever: the strong `ETag`. */
  readonly version: string
  /** Bytes. */
  readonly size: number
  readonly headers: ObjectHeaders
  readonly owner: Principal
  /** Milliseconds since 1970: when these bytes came. */
  readonly createdAt: number
  /** Milliseconds since 1970: when there first was an object of this id. */
  readonly since: number
  readonly userMetadata?: UserMetadata | undefined
  /** What is to be computed. */
  readonly wanted: readonly DigestAlgorithm[]
  /** Empty until the digest thread has read everything; then all that are wanted are there. */
  readonly digests: Digests
  readonly segments: readonly SegmentPiece[]
}

export function newVersion(): string {
  return orderedName(10)
}

export function newObjectId(): string {
  return randomUUID()
}
