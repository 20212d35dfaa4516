/**
 * Appends to one segment: parts of one multipart upload, sent while more bytes arrive, and at the end of a
 * request a tail where the rest is too short for a part. Bytes count once the catalog has recorded them, which
 * it does in their order: so what counts is a prefix at any moment, whatever part fails and whoever dies.
 *
 * Long, because parts in flight, the tail and what is recorded are one state that every step has to leave whole.
 */
import type {
  Hold,
  PartNumbers,
  SegmentParts,
  StoredPart,
  StoredSegment,
  StoredTail,
} from '../../catalog/segment-parts.ts'
import { type SegmentId, type SegmentWriter, StoreError } from '../blob-store.ts'
import type { Bucket } from './bucket.ts'
import { Gathered } from './gathered.ts'
import { LargePart } from './large-part.ts'
import type { Memory } from './memory.ts'
import { fitsInMemory, LAST_NUMBER, type PartPlan, type PartSizes, pieceSizes } from './part-plan.ts'
import type { Tails } from './tails.ts'

/** Parts of one upload on their way at a time. */
const IN_FLIGHT = 4
/** Bytes up to which what has no parts yet stays one object. */
const LONGEST_TAIL = 16 * 1024 * 1024
/** A long request records what is stored after so many bytes, or so many milliseconds. */
const RECORD_BYTES = 64 * 1024 * 1024
const RECORD_MS = 1000
/** Part numbers that a long request sets aside at a time. */
const MORE_NUMBERS = 32
/** What each writer may gather although memory is full: else those who wait would wait for each other. */
const ALWAYS_BYTES = 256 * 1024

export interface WriterParts {
  readonly bucket: Bucket
  readonly parts: SegmentParts
  readonly tails: Tails
  readonly memory: Memory
  readonly plan: PartPlan
  readonly now: () => number
  /** Bytes that count now, from `start` on. They may be kept and changed by whoever takes them. */
  readonly onRecorded: (segment: SegmentId, start: number, bytes: Uint8Array) => void
  /** Bytes that were given on before they counted never will. */
  readonly onLost: (segment: SegmentId) => void
  /** Nothing names this tail any more. */
  readonly onReplaced: (name: string) => void
  /** A part that was begun will not be finished. */
  readonly onAbandoned: (large: LargePart) => void
  readonly onClosed: () => void
}

/** What comes behind the parts from now on. */
interface Ending {
  readonly tail: StoredTail | undefined
  /** Of a tail that was just stored. */
  readonly bytes: Uint8Array | undefined
}

interface SentPart {
  readonly number: number
  readonly length: number
  /** Undefined where they passed before. */
  readonly bytes: Uint8Array | undefined
  etag: string | undefined
}

export class S3Writer implements SegmentWriter {
  readonly #segment: SegmentId
  readonly #key: string
  readonly #with: WriterParts
  readonly #given: boolean
  #hold: Hold | undefined
  /** As the catalog has it. */
  #stored: StoredSegment
  #session: string | undefined
  #beginning: Promise<string> | undefined
  #numbers: PartNumbers | undefined
  #used = 0
  /** Sent and not recorded, in the order of their bytes. */
  #sent: SentPart[] = []
  readonly #underWay = new Set<Promise<void>>()
  readonly #gathered = new Gathered()
  /** The recorded tail is not in a part yet: it comes before what is gathered. */
  #tail: StoredTail | undefined
  readonly #replaced: string[] = []
  /** The part that comes next, where it is made of pieces; a tail in front of it is in it. */
  #large: LargePart | undefined
  /** Pieces are passed on in their order. */
  #passing: Promise<void> = Promise.resolve()
  #recording: Promise<void> | undefined
  #recordedAt: number
  #failure: unknown
  #ended = false

  /** @param hold - undefined: one is taken with the first byte */
  constructor(
    segment: SegmentId,
    key: string,
    stored: StoredSegment,
    hold: Hold | undefined,
    parts: WriterParts,
  ) {
    this.#segment = segment
    this.#key = key
    this.#with = parts
    this.#given = hold !== undefined
    this.#hold = hold
    this.#numbers = hold?.numbers
    this.#stored = stored
    this.#session = stored.session
    this.#tail = stored.tail
    this.#recordedAt = performance.now()
  }

  get length(): number {
    return lengthOf(this.#stored)
  }

  get taken(): number {
    return this.#partsEnd + (this.#large?.length ?? this.#tail?.length ?? 0) + this.#gathered.length
  }

  async write(chunks: readonly Uint8Array[]): Promise<void> {
    await this.#failing(async () => {
      for (const chunk of chunks) {
        if (chunk.byteLength === 0) continue
        await this.#begin()
        await this.#room()
        const sizes = pieceSizes(this.#sizes)
        this.#gathered.add(chunk, sizes)
        this.#with.memory.take(chunk.byteLength)
        for (let part = this.#gathered.next(sizes); part !== undefined; part = this.#gathered.next(sizes)) {
          await this.#send(part)
        }
      }
    })
  }

  flush(last: boolean): Promise<void> {
    // Most objects are small: those never become multipart uploads.
    const inParts = this.#session !== undefined || this.#sent.length > 0
    return this.#flush(last, inParts ? this.#sizes.least : LONGEST_TAIL)
  }

  /** @param least - bytes that are worth a part */
  async #flush(last: boolean, least: number): Promise<void> {
    await this.#failing(async () => {
      const end = await this.#sendRest(least)
      await this.#settle()
      this.#refuseFailed()
      const same = this.#sent.length === 0 && end.tail?.name === this.#stored.tail?.name
      // What was replaced before may still be returned to until the hold has ended.
      if (same && !(last && this.#replaced.length > 0)) return
      await this.#record(end, last)
      if (last) this.#clean()
    })
  }

  /** Takes bytes back, those first that do not count yet. */
  async truncate(length: number): Promise<void> {
    await this.#drop()
    if (length >= this.length) return
    const hold = await this.#holding()
    const { inParts, tail } = this.#stored
    if (tail === undefined || length < inParts) await this.#cut(hold, length)
    else if (length === inParts) {
      // Nothing of the tail counts. It need not be what the hold found: that is all that cutting returns to.
      this.#tail = undefined
      await this.#record({ tail: undefined, bytes: undefined }, false)
    } else {
      const bytes = (await this.#with.tails.load(tail)).slice(0, length - inParts)
      const shorter = await this.#with.tails.store(hold, bytes)
      this.#tail = shorter
      await this.#record({ tail: shorter, bytes: undefined }, false)
    }
  }

  async close(): Promise<void> {
    await this.#settle()
    this.#forgetUncounted()
    this.#with.onClosed()
    // One that was given ends with its lease.
    if (this.#ended || this.#given || this.#hold === undefined) return
    const { inParts, tail, session, modifiedAt } = this.#stored
    const growth = {
      start: inParts,
      parts: [],
      tail,
      session,
      at: modifiedAt,
      unusedFrom: this.#unusedFrom(),
    }
    // A hold that nobody gave back costs its numbers, and nothing else.
    await this.#with.parts.recordParts(this.#hold, growth).then(
      () => this.#clean(),
      () => {},
    )
  }

  get #partsEnd(): number {
    return this.#sent.reduce((end, { length }) => end + length, this.#stored.inParts)
  }

  async #holding(): Promise<Hold> {
    if (this.#hold !== undefined) return this.#hold
    const hold = await this.#with.parts.holdSegment(this.#segment)
    if (hold === undefined) throw new StoreError('missing', `segment ${this.#segment} takes no bytes`)
    if (lengthOf(hold.stored) !== this.length)
      throw new StoreError('unavailable', `segment ${this.#segment} grew under another writer`)
    this.#hold = hold
    this.#numbers = hold.numbers
    return hold
  }

  async #begin(): Promise<void> {
    this.#refuseFailed()
    if (this.#ended)
      throw new StoreError('unavailable', `the right to write to ${this.#segment} was given back`)
    await this.#holding()
  }

  get #sizes(): PartSizes {
    return this.#with.plan(this.#unusedFrom())
  }

  /** Runs what may fail. Parts that are stored count before the failure is told. */
  async #failing(work: () => Promise<void>): Promise<void> {
    try {
      this.#refuseFailed()
      await work()
      this.#refuseFailed()
    } catch (error) {
      this.#failure ??= error
      await this.#settle()
      await this.#record(undefined, false).catch(() => {})
      throw this.#failure
    }
  }

  /** What is gathered becomes a part, or a tail where it is too short for one. Resolves to the tail from now on. */
  async #sendRest(least: number): Promise<Ending> {
    const waiting = this.#large?.length ?? this.#tail?.length ?? 0
    if (this.#large !== undefined || (this.#isLarge && waiting + this.#gathered.length > LONGEST_TAIL))
      return this.#endLarge()
    if (this.#gathered.length === 0) return { tail: this.#tail, bytes: undefined }
    if (waiting + this.#gathered.length >= least) {
      await this.#send(this.#takeAll())
      return { tail: undefined, bytes: undefined }
    }
    const hold = await this.#holding()
    const bytes = await this.#merged(this.#takeAll())
    return { tail: await this.#orGive(bytes, () => this.#with.tails.store(hold, bytes)), bytes }
  }

  /** Waits until there is memory, and makes some where this writer can. */
  async #room(): Promise<void> {
    const { memory } = this.#with
    while (memory.full && this.#gathered.length >= ALWAYS_BYTES) {
      this.#refuseFailed()
      if (this.#underWay.size > 0) await Promise.race(this.#underWay)
      // Stored behind the parts, what is gathered needs no memory any more.
      else await this.#flush(false, this.#sizes.least)
    }
  }

  get #isLarge(): boolean {
    return !fitsInMemory(this.#sizes)
  }

  /** Sends a part; what is left of a tail goes in front. */
  async #send(bytes: Uint8Array): Promise<void> {
    await this.#orGive(bytes, async () => {
      while (this.#underWay.size >= IN_FLIGHT) await Promise.race(this.#underWay)
      this.#refuseFailed()
    })
    if (this.#large !== undefined || this.#isLarge) return this.#sendPiece(bytes)
    const number = await this.#orGive(bytes, () => this.#nextNumber())
    const whole = await this.#merged(bytes)
    const part: SentPart = { number, length: whole.byteLength, bytes: whole, etag: undefined }
    this.#sent.push(part)
    this.#tail = undefined
    this.#start(async () => {
      part.etag = await this.#with.bucket.putPart(this.#key, await this.#began(), number, whole)
      this.#recordSome()
    })
  }

  /** What is under way is waited for before anything is told. */
  #start(work: () => Promise<void>): void {
    const running = work().catch((error: unknown) => {
      this.#failure ??= error
    })
    this.#underWay.add(running)
    void running.finally(() => this.#underWay.delete(running))
  }

  async #began(): Promise<string> {
    const { bucket } = this.#with
    this.#beginning ??= this.#session === undefined ? bucket.begin(this.#key) : Promise.resolve(this.#session)
    this.#session = await this.#beginning
    return this.#session
  }

  async #sendPiece(bytes: Uint8Array): Promise<void> {
    const { bucket, tails, memory } = this.#with
    let piece = bytes
    if (this.#large === undefined) {
      const { large, first } = await this.#orGive(bytes, async () =>
        LargePart.begin(bucket, tails, await this.#holding(), this.#tail),
      )
      this.#large = large
      if (first !== undefined) {
        piece = Buffer.concat([first, bytes])
        memory.take(first.byteLength)
      }
    }
    const large = this.#large
    const at = this.#partsEnd + large.length
    const { length } = piece
    const sending = large.add(piece)
    this.#start(() => sending)
    this.#passing = Promise.allSettled([sending, this.#passing]).then(([sent]) => {
      if (sent.status === 'fulfilled') this.#with.onRecorded(this.#segment, at, piece)
      memory.give(length)
    })
    if (large.length >= this.#sizes.target) await this.#promote(large)
  }

  /** The object that the pieces made becomes a part: S3 copies it. */
  async #promote(large: LargePart): Promise<void> {
    const { name, length } = await this.#finished(large)
    const number = await this.#nextNumber()
    const etag = await this.#with.bucket.copyPart(this.#key, await this.#began(), number, name)
    this.#sent.push({ number, length, bytes: undefined, etag })
    this.#replaced.push(name)
    this.#recordSome()
  }

  /** What is left of a part becomes a tail that the next request goes on with. */
  async #endLarge(): Promise<Ending> {
    if (this.#gathered.length > 0) await this.#sendPiece(this.#takeAll())
    const tail = this.#large && (await this.#finished(this.#large))
    return { tail, bytes: undefined }
  }

  async #finished(large: LargePart): Promise<StoredTail> {
    while (this.#underWay.size > 0) await Promise.all(this.#underWay)
    await this.#passing
    this.#refuseFailed()
    const tail = await large.finish()
    this.#large = undefined
    this.#tail = undefined
    return tail
  }

  async #merged(bytes: Uint8Array): Promise<Uint8Array> {
    const before = this.#tail
    if (before === undefined) return bytes
    const tail = await this.#orGive(bytes, () => this.#with.tails.load(before))
    this.#with.memory.take(tail.byteLength)
    return Buffer.concat([tail, bytes])
  }

  /** For bytes that are not among what is gathered any more: when this fails, nothing else gives their memory back. */
  async #orGive<T>(bytes: Uint8Array, work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      this.#with.memory.give(bytes.byteLength)
      throw error
    }
  }

  #takeAll(): Uint8Array {
    const bytes = this.#gathered.all()
    this.#gathered.clear()
    return bytes
  }

  async #nextNumber(): Promise<number> {
    const hold = await this.#holding()
    // From here on its numbers may be in requests that are under way.
    hold.sent = true
    if (this.#numbers === undefined || this.#used === this.#numbers.count) {
      this.#numbers = await this.#with.parts.reserveParts(hold, MORE_NUMBERS)
      this.#used = 0
    }
    const number = this.#numbers.first + this.#used
    this.#used += 1
    if (number < LAST_NUMBER) return number
    throw new StoreError('no-space', `segment ${this.#segment} has as many parts as one object may have`)
  }

  #unusedFrom(): number {
    return (this.#numbers?.first ?? 1) + this.#used
  }

  /** On its way, a long request records now and then: what is recorded survives it. */
  #recordSome(): void {
    if (this.#recording !== undefined) return
    const bytes = this.#ready().reduce((sum, { length }) => sum + length, 0)
    if (bytes === 0) return
    if (bytes < RECORD_BYTES && performance.now() - this.#recordedAt < RECORD_MS) return
    this.#recording = this.#record(undefined, false)
      .catch((error: unknown) => {
        this.#failure ??= error
      })
      .finally(() => {
        this.#recording = undefined
      })
  }

  /** The parts that are stored, up to the first one that is not. */
  #ready(): SentPart[] {
    const gap = this.#sent.findIndex(({ etag }) => etag === undefined)
    return gap === -1 ? [...this.#sent] : this.#sent.slice(0, gap)
  }

  /** Makes what is stored count. @param end - the tail behind all parts; without it only parts are recorded */
  async #record(end: Ending | undefined, last: boolean): Promise<void> {
    const ready = this.#ready()
    if (end === undefined && ready.length === 0) return
    const hold = await this.#holding()
    const start = this.#stored.inParts
    const before = this.#stored.tail
    const tail = end?.tail
    this.#stored = await this.#with.parts.recordParts(hold, {
      start,
      parts: ready.map(storedPart),
      tail,
      session: this.#session,
      at: this.#with.now(),
      ...(last && { unusedFrom: this.#unusedFrom() }),
    })
    this.#ended = last
    this.#recordedAt = performance.now()
    if (end !== undefined) this.#tail = tail
    if (before !== undefined && before.name !== tail?.name) this.#replaced.push(before.name)
    this.#sent = this.#sent.slice(ready.length)
    let at = start
    for (const { bytes, length } of ready) {
      if (bytes !== undefined) {
        this.#with.onRecorded(this.#segment, at, bytes)
        this.#with.memory.give(length)
      }
      at += length
    }
    if (end?.bytes === undefined) return
    // The cache keeps these bytes: whoever takes them gets their own.
    this.#with.onRecorded(this.#segment, at, Uint8Array.prototype.slice.call(end.bytes))
    this.#with.memory.give(end.bytes.byteLength)
  }

  async #cut(hold: Hold, length: number): Promise<void> {
    this.#stored = await this.#with.parts.cutParts(hold, length)
    this.#tail = this.#stored.tail
    this.#replaced.length = 0
  }

  /** Forgets what does not count. */
  async #drop(): Promise<void> {
    await this.#settle()
    this.#forgetUncounted()
    // A record whose answer was lost counts all the same: only the catalog knows.
    if (this.#failure !== undefined)
      this.#stored = (await this.#with.parts.storedSegment(this.#segment)) ?? this.#stored
    this.#tail = this.#stored.tail
    this.#failure = undefined
  }

  #forgetUncounted(): void {
    for (const { bytes, length } of this.#sent) if (bytes !== undefined) this.#with.memory.give(length)
    const passed = this.#large !== undefined || this.#sent.some(({ bytes }) => bytes === undefined)
    if (passed) this.#with.onLost(this.#segment)
    if (this.#large !== undefined) this.#with.onAbandoned(this.#large)
    this.#large = undefined
    this.#sent = []
    this.#with.memory.give(this.#gathered.length)
    this.#gathered.clear()
  }

  async #settle(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.all(this.#underWay)
    await this.#passing
    await this.#recording
  }

  /** Tails go once the hold has ended that could have returned to them. */
  #clean(): void {
    for (const name of this.#replaced.splice(0)) this.#with.onReplaced(name)
  }

  #refuseFailed(): void {
    if (this.#failure !== undefined) throw this.#failure
  }
}

export function lengthOf({ inParts, tail }: StoredSegment): number {
  return inParts + (tail?.length ?? 0)
}

function storedPart({ number, etag = '', length }: SentPart): StoredPart {
  return { number, etag, length }
}
