/**
 * Takes away what died with a process before a row named it: multipart uploads, and tails of segments that are
 * sealed or gone.
 */
import type { SegmentParts } from '../../catalog/segment-parts.ts'
import { isSegmentId } from '../blob-store.ts'
import type { Bucket } from './bucket.ts'
import { OBJECTS, TAILS } from './keys.ts'
import type { Tails } from './tails.ts'

/** What is this old and that nothing names has no request that is about to name it. */
const ABANDONED_MS = 60 * 60 * 1000
/** Each process looks for what was abandoned this often. */
const EVERY_MS = 60 * 60 * 1000

export class Tidying {
  readonly #bucket: Bucket
  readonly #tails: Tails
  readonly #parts: SegmentParts
  readonly #now: () => number
  #tidiedAt: number | undefined

  constructor(bucket: Bucket, tails: Tails, parts: SegmentParts, now: () => number) {
    this.#bucket = bucket
    this.#tails = tails
    this.#parts = parts
    this.#now = now
  }

  /** Resolves to how much there was; looks now and then only. */
  async tidy(): Promise<number> {
    const now = this.#now()
    if (this.#tidiedAt !== undefined && now - this.#tidiedAt < EVERY_MS) return 0
    this.#tidiedAt = now
    const before = now - ABANDONED_MS
    let tidied = 0
    for await (const { key, session, begunAt } of this.#bucket.sessions(OBJECTS)) {
      if (begunAt > before || (await this.#isNamed(key, session))) continue
      await this.#bucket.abort(key, session)
      tidied += 1
    }
    for await (const { key, session, begunAt } of this.#bucket.sessions(TAILS)) {
      if (begunAt > before || !(await this.#hasEnded(key))) continue
      await this.#bucket.abort(key, session)
      tidied += 1
    }
    for await (const { key, modifiedAt } of this.#bucket.list(TAILS)) {
      if (modifiedAt > before || !(await this.#hasEnded(key))) continue
      await this.#tails.remove(key)
      tidied += 1
    }
    return tidied
  }

  /** Of a multipart upload: bytes arrive in it, or are copied into it. What is not ours is left alone. */
  async #isNamed(key: string, session: string): Promise<boolean> {
    const segment = key.slice(OBJECTS.length)
    if (!isSegmentId(segment)) return true
    const stored = await this.#parts.storedSegment(segment)
    return stored?.session === session || stored?.rescue?.into === session
  }

  /** Of a tail's segment: the tails of one that grows may still be returned to. */
  async #hasEnded(key: string): Promise<boolean> {
    const segment = key.slice(TAILS.length).split('.', 1)[0] ?? ''
    if (!isSegmentId(segment)) return false
    const stored = await this.#parts.storedSegment(segment)
    return stored === undefined || stored.sealed
  }
}
