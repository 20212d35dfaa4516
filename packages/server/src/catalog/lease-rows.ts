/**
 * Leases as nodes share them: rows that say who may write, and messages between the nodes that hold them. What a
 * lease means, and when a holder has to go, is the engine's (uploads/shared-leases.ts).
 */
import type { SegmentId } from '../blobs/blob-store.ts'
import type { UploadId, UploadRecord } from '../uploads/upload.ts'
import type { Hold } from './segment-parts.ts'

export type Grant =
  | { readonly kind: 'granted'; readonly hold: Hold; readonly found: UploadRecord }
  /** A request on another node has it; undefined when that changed while we looked. */
  | { readonly kind: 'held'; readonly node: number | undefined; readonly found: UploadRecord }
  /** Nothing can be written to it: it is not open, or not there. */
  | { readonly kind: 'none'; readonly found: UploadRecord | undefined }

/** What a newcomer asks the node that has the lease. */
export interface Question {
  readonly upload: UploadId
  readonly manner: 'patient' | 'at-once'
}

export type Reply =
  /** Its holder lives, and is this far, if it has looked. */
  | { readonly kind: 'alive'; readonly offset?: number | undefined }
  | { readonly kind: 'free' }
  /** The node is not there any more: its leases are anybody's. */
  | { readonly kind: 'gone' }
  /** It did not answer in time. */
  | { readonly kind: 'silent' }

export interface LeaseRows {
  /** This node's number. */
  readonly node: number
  /**
   * Gives this node the lease, with a new number, if nobody has it, its time is over or its node is gone; reads the
   * record with it. One trip.
   * @param force - whoever has it
   * @throws CatalogError
   */
  grant(upload: UploadId, force: boolean): Promise<Grant>
  /** Ends a hold, if it has not ended yet. @throws CatalogError */
  release(hold: Hold): Promise<void>
  /** Ends whatever this node holds of an upload. @throws CatalogError */
  disown(upload: UploadId): Promise<void>
  /** Whether a record has ended it: nothing is left to release. */
  hasEnded(hold: Hold): boolean
  /** Puts off the end of leases; resolves to the segments that are still this node's. @throws CatalogError */
  renew(holds: readonly Hold[]): Promise<ReadonlySet<SegmentId>>
  /** @param timeout - milliseconds. @throws CatalogError */
  ask(node: number, question: Question, timeout: number): Promise<Reply>
  /**
   * Uploads whose bytes are all there, that nobody writes to, and that are not finished though nothing happened to
   * them since `before`.
   */
  stranded(before: number, limit: number): Promise<UploadRecord[]>
  /** From now on, questions of other nodes are answered by `answer`. */
  onAsked(answer: (question: Question) => Promise<Extract<Reply, { kind: 'alive' | 'free' }>>): void
}
