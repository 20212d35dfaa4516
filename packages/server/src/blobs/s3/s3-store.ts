/**
 * Segments in S3: each is one multipart upload while it grows, and one ordinary object from its sealing on. What
 * is there of an open one is what the catalog has recorded. See docs/design/s3-store.md.
 */
import { randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import type { Hold, SegmentParts, StoredSegment } from '../../catalog/segment-parts.ts'
import { SlotMap } from '../../slot-map.ts'
import type {
  BlobStore,
  RedirectHeaders,
  SegmentId,
  SegmentPiece,
  SegmentState,
  SegmentWriter,
  StoreStart,
} from '../blob-store.ts'
import { isSegmentId, StoreError } from '../blob-store.ts'
import type { DigestAlgorithm, Digests, FollowingDigest } from '../digests.ts'
import { Bucket, type BucketOptions } from './bucket.ts'
import { Followers } from './followers.ts'
import { HashThread } from './hash-thread.ts'
import { OBJECTS, objectKey, TAILS, tailPrefix } from './keys.ts'
import { Memory } from './memory.ts'
import { type PartPlan, partSizes } from './part-plan.ts'
import { Reachable } from './reachable.ts'
import { readObject } from './read-object.ts'
import { lengthOf, S3Writer } from './s3-writer.ts'
import { Sealing } from './sealing.ts'
import { Tails } from './tails.ts'
import { Tidying } from './tidying.ts'

export interface S3StoreOptions extends BucketOptions {
  /** What is recorded of segments. */
  readonly parts: SegmentParts
  /** Bytes that may wait in memory for S3. */
  readonly memory?: number
  /** How large parts are. */
  readonly plan?: PartPlan
  readonly now?: () => number
  /** Something could not be cleaned up: it is tried again by `tidy`. */
  readonly onError?: (error: unknown) => void
}

const MEMORY = 256 * 1024 * 1024
const MARKER = 'store.json'

export class S3Store implements BlobStore {
  readonly packs = false
  readonly readsOpen = false
  readonly durable = true
  readonly #bucket: Bucket
  readonly #parts: SegmentParts
  readonly #tails: Tails
  readonly #memory: Memory
  readonly #plan: PartPlan
  readonly #now: () => number
  readonly #onError: (error: unknown) => void
  readonly #thread = new HashThread()
  readonly #followers = new Followers(this.#thread)
  readonly #reachable: Reachable
  readonly #writers = new SlotMap<SegmentId, S3Writer>()
  readonly #sealing: Sealing
  readonly #underSeal = new SlotMap<SegmentId, Promise<void>>()
  readonly #cleaning = new Set<Promise<void>>()
  readonly #tidying: Tidying

  constructor({
    parts,
    memory = MEMORY,
    plan = partSizes,
    now = Date.now,
    onError = () => {},
    ...options
  }: S3StoreOptions) {
    this.#reachable = new Reachable(() => this.#bucket.reach())
    this.#bucket = new Bucket({
      ...options,
      onCall: (call, reached) => {
        this.#reachable.tell(reached)
        options.onCall?.(call, reached)
      },
    })
    this.#parts = parts
    this.#sealing = new Sealing(this.#bucket, parts)
    this.#tails = new Tails(this.#bucket)
    this.#tidying = new Tidying(this.#bucket, this.#tails, parts, now)
    this.#memory = new Memory(memory)
    this.#plan = plan
    this.#now = now
    this.#onError = onError
  }

  /** Bytes that are in memory and do not count yet. */
  get waitingBytes(): number {
    return this.#memory.used
  }

  async open(): Promise<StoreStart> {
    const found = await this.#marker()
    // Every recorded byte is durable: there is nothing to doubt after a start.
    if (found !== undefined) return { identity: found, fresh: false, trusted: true }
    const identity = randomBytes(16).toString('hex')
    await this.#bucket.putNew(MARKER, Buffer.from(JSON.stringify({ identity })))
    // Another process may have been first.
    return { identity: (await this.#marker()) ?? identity, fresh: true, trusted: true }
  }

  async trust(): Promise<void> {}

  async inspect(segment: SegmentId, stored?: StoredSegment): Promise<SegmentState | undefined> {
    // What is recorded could be told without a look at S3, but a client that is told goes on, and is refused.
    await this.#reachable.check()
    const found = stored ?? (await this.#parts.storedSegment(segment))
    return found && { length: lengthOf(found), modifiedAt: found.modifiedAt }
  }

  openWriter(segment: SegmentId, hold?: Hold): Promise<SegmentWriter> {
    return this.#openWriter(segment, hold)
  }

  async #openWriter(segment: SegmentId, hold?: Hold): Promise<S3Writer> {
    const stored = hold?.stored ?? (await this.#stored(segment))
    const writer = new S3Writer(segment, objectKey(segment), stored, hold, {
      bucket: this.#bucket,
      parts: this.#parts,
      tails: this.#tails,
      memory: this.#memory,
      plan: this.#plan,
      now: this.#now,
      onLost: (id) => this.#followers.lose(id),
      onAbandoned: (large) => this.#clean(large.abandon()),
      onRecorded: (id, start, bytes) => this.#followers.pass(id, start, bytes),
      onReplaced: (name) => this.#clean(this.#tails.remove(name)),
      onClosed: () => {
        if (this.#writers.get(segment) === writer) this.#writers.delete(segment)
      },
    })
    this.#writers.set(segment, writer)
    return writer
  }

  /** What counts is durable already. */
  async sync(segment: SegmentId): Promise<number> {
    return this.#writers.get(segment)?.length ?? lengthOf(await this.#stored(segment))
  }

  /** Whoever else seals it, here or elsewhere, does the same: the last one finds it done. */
  seal(segment: SegmentId, length: number): Promise<void> {
    const before = this.#underSeal.get(segment) ?? Promise.resolve()
    const sealing = before
      .catch(() => {})
      .then(() => this.#seal(segment, length))
      .finally(() => {
        if (this.#underSeal.get(segment) === sealing) this.#underSeal.delete(segment)
      })
    this.#underSeal.set(segment, sealing)
    return sealing
  }

  async truncate(segment: SegmentId, length: number): Promise<void> {
    const writer = await this.#openWriter(segment)
    try {
      await writer.truncate(length)
    } finally {
      await writer.close()
    }
  }

  read(segment: SegmentId, start: number, end: number): Readable {
    return Readable.from(this.#slices(segment, start, end), { objectMode: false })
  }

  /** Also what no row names: tails, and multipart uploads of before. */
  async remove(segment: SegmentId): Promise<void> {
    const key = objectKey(segment)
    for (const prefix of [key, tailPrefix(segment)]) {
      for await (const each of this.#bucket.sessions(prefix)) await this.#bucket.abort(each.key, each.session)
    }
    for await (const tail of this.#bucket.list(tailPrefix(segment))) await this.#tails.remove(tail.key)
    await this.#bucket.remove(key)
  }

  async *list(): AsyncIterable<SegmentId> {
    let last: string | undefined
    const keys = ascending([
      this.#bucket.list(OBJECTS),
      this.#bucket.sessions(OBJECTS),
      this.#bucket.list(TAILS),
    ])
    for await (const id of keys) {
      if (id !== last && isSegmentId(id)) yield id
      last = id
    }
  }

  /** There is no limit, but a bucket that is out of reach has no room. */
  async freeBytes(): Promise<undefined> {
    await this.#reachable.check()
  }

  async digest(
    pieces: readonly SegmentPiece[],
    algorithms: readonly DigestAlgorithm[],
    signal?: AbortSignal,
  ): Promise<Digests> {
    signal?.throwIfAborted()
    const id = this.#thread.begin(algorithms)
    try {
      for (const { segment, length, start = 0 } of pieces) {
        for await (const slice of this.#slices(segment, start, start + length)) {
          signal?.throwIfAborted()
          // A copy of its own: what comes from a socket may share its memory.
          await this.#thread.add([{ id, skip: 0 }], Uint8Array.prototype.slice.call(slice))
        }
      }
      return await this.#thread.finish(id)
    } finally {
      this.#thread.cancel(id)
    }
  }

  follow(segment: SegmentId, start: number, algorithms: readonly DigestAlgorithm[]): FollowingDigest {
    return this.#followers.follow(segment, start, algorithms)
  }

  /** Where the bytes of a sealed segment can be fetched by whoever has the URL. */
  redirect(segment: SegmentId, seconds: number, headers: RedirectHeaders): Promise<string> {
    return this.#bucket.sign(objectKey(segment), seconds, headers)
  }

  tidy(): Promise<number> {
    return this.#tidying.tidy()
  }

  async close(): Promise<void> {
    await Promise.all(this.#cleaning)
    await this.#thread.close()
    this.#bucket.close()
  }

  async #seal(segment: SegmentId, length: number): Promise<void> {
    const stored = await this.#stored(segment)
    const recorded = lengthOf(stored)
    if (recorded !== length)
      throw new StoreError('damaged', `segment ${segment} has ${recorded} bytes, not ${length}`)
    if (stored.sealed) return
    await this.#sealing.publish(segment, objectKey(segment), stored, length)
    if (!(await this.#parts.sealParts(segment, length)))
      throw new StoreError('unavailable', `segment ${segment} grew while it was sealed`)
    if (stored.tail !== undefined) this.#clean(this.#tails.remove(stored.tail.name))
  }

  async *#slices(segment: SegmentId, start: number, end: number): AsyncGenerator<Uint8Array> {
    if (start === end) return
    try {
      yield* readObject(this.#bucket, objectKey(segment), start, end)
    } catch (error) {
      if (!(error instanceof StoreError && error.code === 'missing')) throw error
      yield* this.#openSlices(segment, start, end, error)
    }
  }

  /** Of a segment that grows, only what is in no part yet can be read. */
  async *#openSlices(
    segment: SegmentId,
    start: number,
    end: number,
    missing: StoreError,
  ): AsyncGenerator<Uint8Array> {
    const stored = await this.#parts.storedSegment(segment)
    if (stored === undefined || stored.sealed) throw missing
    const recorded = lengthOf(stored)
    if (end > recorded)
      throw new StoreError('damaged', `segment ${segment} has ${recorded} bytes, not ${end}`)
    if (start < stored.inParts || stored.tail === undefined)
      throw new StoreError('unavailable', `segment ${segment} still grows: its parts cannot be read yet`)
    yield* readObject(this.#bucket, stored.tail.name, start - stored.inParts, end - stored.inParts)
  }

  async #stored(segment: SegmentId): Promise<StoredSegment> {
    const stored = await this.#parts.storedSegment(segment)
    if (stored === undefined) throw new StoreError('missing', `segment ${segment} is missing`)
    return stored
  }

  async #marker(): Promise<string | undefined> {
    const chunks: Uint8Array[] = []
    try {
      const length = await this.#bucket.lengthOf(MARKER)
      if (length === undefined) return undefined
      for await (const chunk of readObject(this.#bucket, MARKER, 0, length)) chunks.push(chunk)
      const { identity }: { identity?: unknown } = JSON.parse(Buffer.concat(chunks).toString())
      if (typeof identity === 'string' && /^[0-9a-f]{32}$/.test(identity)) return identity
    } catch (error) {
      if (error instanceof StoreError) throw error
    }
    throw new StoreError('damaged', `the object ${MARKER} cannot be read: restore it from a backup`)
  }

  /** Nobody waits for it, but the store's end does. */
  #clean(work: Promise<void>): void {
    const cleaning = work.catch(this.#onError).finally(() => this.#cleaning.delete(cleaning))
    this.#cleaning.add(cleaning)
  }
}

/** Segments' ids in keys of several listings, in ascending order; each listing is in that order. */
async function* ascending(
  listings: readonly AsyncGenerator<{ readonly key: string }>[],
): AsyncGenerator<string> {
  const idIn = (key: string): string => (key.split('/')[1] ?? '').split('.', 1)[0] ?? ''
  const heads = await Promise.all(listings.map(async (items) => ({ items, next: await items.next() })))
  for (;;) {
    let least: (typeof heads)[number] | undefined
    let leastId = ''
    for (const head of heads) {
      if (head.next.done === true) continue
      const id = idIn(head.next.value.key)
      if (least === undefined || id < leastId) [least, leastId] = [head, id]
    }
    if (least === undefined) return
    yield leastId
    least.next = await least.items.next()
  }
}
