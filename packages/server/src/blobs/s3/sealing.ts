/**
 * One ordinary object of what is recorded of a segment. Whoever makes it, here or elsewhere, once or again, makes the
 * same: the last one finds it done. What it is made of stays until the catalog knows of it.
 */
import type { SegmentParts, StoredPart, StoredSegment } from '../../catalog/segment-parts.ts'
import { type SegmentId, StoreError } from '../blob-store.ts'
import type { Bucket } from './bucket.ts'
import { isRefusedPart, wasGone } from './faults.ts'
import { LAST_NUMBER } from './part-plan.ts'
import { rescue, type Strayed } from './rescue.ts'

/** Parts read from the catalog at a time. */
const PAGE = 1000

export class Sealing {
  readonly #bucket: Bucket
  readonly #parts: SegmentParts

  constructor(bucket: Bucket, parts: SegmentParts) {
    this.#bucket = bucket
    this.#parts = parts
  }

  /** @throws StoreError `missing` or `damaged` when the bytes are lost */
  async publish(segment: SegmentId, key: string, stored: StoredSegment, length: number): Promise<void> {
    const { session, tail } = stored
    if (session !== undefined) await this.#complete(segment, key, { ...stored, session }, length)
    else if (tail === undefined) await this.#bucket.put(key, new Uint8Array(0))
    else
      await this.#bucket.copy(tail.name, key).catch((error: unknown) => {
        // Another process may have been through: the object tells.
        if (!wasGone(error)) throw error
      })
    const actual = await this.#bucket.lengthOf(key)
    if (actual === length) return
    throw actual === undefined
      ? new StoreError(
          'missing',
          `the parts or the tail of segment ${segment} are gone, and there is no object`,
        )
      : new StoreError('damaged', `segment ${segment} became ${actual} bytes of ${length}`)
  }

  async #complete(
    segment: SegmentId,
    key: string,
    { session, tail, rescue: known }: StoredSegment & { readonly session: string },
    length: number,
  ): Promise<void> {
    const recorded = await this.#recorded(segment)
    const end = tail === undefined ? [] : [{ number: LAST_NUMBER, length: tail.length }]
    const listed = async (): Promise<StoredPart[]> => {
      if (tail === undefined) return recorded
      // Always the same number and the same bytes: it does not matter who copies them, or how often.
      const etag = await this.#bucket.copyPart(key, session, LAST_NUMBER, tail.name)
      return [...recorded, { number: LAST_NUMBER, etag, length: tail.length }]
    }
    const strayed: Strayed = { segment, key, session, parts: [...recorded, ...end], length, listed }
    if (known !== undefined) return rescue(this.#bucket, this.#parts, strayed)
    try {
      if (await this.#bucket.complete(key, session, await listed())) return
    } catch (error) {
      if (isRefusedPart(error)) return rescue(this.#bucket, this.#parts, strayed)
      if (!wasGone(error)) throw error
    }
    // What another process made meanwhile may be a mixture yet.
    const actual = await this.#bucket.lengthOf(key)
    if (actual === undefined || actual === length) return
    if ((await this.#parts.storedSegment(segment))?.rescue !== undefined)
      await rescue(this.#bucket, this.#parts, strayed)
  }

  async #recorded(segment: SegmentId): Promise<StoredPart[]> {
    const parts: StoredPart[] = []
    let at = 0
    for (;;) {
      const page = await this.#parts.partsFrom(segment, at, PAGE)
      parts.push(...page)
      for (const { length } of page) at += length
      if (page.length < PAGE) return parts
    }
  }
}
