/**
 * Packs: segments that the bytes of many small objects share, each a piece of it. A pack is *held* while bytes
 * may still be added to it, and stays without a reference as long. Its objects count as references, as those of
 * any segment do; what is kept besides is how many there ever were, so that one which is mostly dead is found.
 */
import type { SegmentId, SegmentPiece } from '../blobs/blob-store.ts'

/** A piece of a pack: `start` is always there. */
export type PackedPiece = SegmentPiece & { readonly start: number }

export interface Packs {
  /** Adds a segment and holds it. */
  beginPack(id: SegmentId): Promise<void>
  /** No byte will be added any more; released, when nothing refers to it. One that is not held is fine. */
  endPack(id: SegmentId, at: number): Promise<void>
  heldPacks(): Promise<SegmentId[]>
  /** Packs that are not held, with references, but fewer than half of those that they ever had. */
  sparsePacks(limit: number): Promise<SegmentId[]>
  /** The pieces of a pack that objects refer to, each once, by `start`, after `after`. */
  packedPieces(id: SegmentId, after: number | undefined, limit: number): Promise<PackedPiece[]>
  /**
   * Objects that refer to `from` refer to `to` from now on; its bytes are the same and durable. What nothing
   * refers to any more is released at `at`. Pieces that nothing refers to are fine.
   */
  movePieces(
    moves: readonly { readonly from: PackedPiece; readonly to: PackedPiece }[],
    at: number,
  ): Promise<void>
}
