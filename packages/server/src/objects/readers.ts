/** Which segments are being read: the sweep leaves them alone, so a slow reader gets its object whole. */
import type { SegmentId } from '../blobs/blob-store.ts'

export class Readers {
  readonly #open = new Map<SegmentId, number>()

  isOpen(segment: SegmentId): boolean {
    return this.#open.has(segment)
  }

  enter(segments: readonly SegmentId[]): void {
    for (const segment of segments) this.#open.set(segment, (this.#open.get(segment) ?? 0) + 1)
  }

  leave(segments: readonly SegmentId[]): void {
    for (const segment of segments) {
      const count = (this.#open.get(segment) ?? 1) - 1
      if (count > 0) this.#open.set(segment, count)
      else this.#open.delete(segment)
    }
  }
}
