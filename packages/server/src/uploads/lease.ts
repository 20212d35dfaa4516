/**
 * The right to write to an upload, held by one request at a time.
 *
 * - A holder is *silent* while it waits for its client with nothing unwritten; a slow disk is not silence.
 * - A newcomer that meets a holder silent for 500 ms ends it, waits until its last write is through and it
 *   let go, and takes over. A living holder stays.
 * - Who took over cannot be displaced for 5 s, so that two tabs do not play ping-pong.
 *
 * Time is the monotonic clock's: a step of the wall clock is nobody's silence. Nothing polls: newcomers wait
 * on the holder's events, and all of them share one timer.
 */
import type { Hold } from '../catalog/segment-parts.ts'
import { SlotMap } from '../slot-map.ts'
import { UploadError } from './errors.ts'
import type { UploadId, UploadRecord } from './upload.ts'

export const SILENCE_MS = 500
export const PROTECTED_MS = 5000
/** A holder that is busy all along (a slow disk) counts as living after this long. */
const VERDICT_MS = 2000

/** Why a holder had to stop before its client was done. */
export type LeaseEnd = 'displaced' | 'idle' | 'slow' | 'over-quota' | 'unsynced' | 'closing'

/** How a newcomer gets past a holder. */
export type Manner = 'patient' | 'at-once'

type Verdict = 'released' | 'alive' | 'silent'

export class Lease {
  readonly upload: UploadId
  /** Grows with each lease of the process; the newest is the only valid one. */
  readonly fence: number
  readonly #end = new AbortController()
  readonly #released = Promise.withResolvers<void>()
  #protectedUntil: number
  readonly #onRelease: () => void
  readonly #watchers = new Set<(verdict: Verdict) => void>()
  #silentSince: number | undefined
  #timer: NodeJS.Timeout | undefined
  #patientUntil: number | undefined
  #done = false
  /** Bytes of the upload that are written, as far as this holder is; undefined until it has looked. */
  offset: number | undefined
  /** A newcomer waits for this holder to let go. */
  succeeded = false
  /** What nodes share: the right to write to the upload's segment, and the record as it was read with it. */
  hold: Hold | undefined
  found: UploadRecord | undefined

  constructor(upload: UploadId, fence: number, tookOver: boolean, onRelease: () => void) {
    this.upload = upload
    this.fence = fence
    this.#protectedUntil = 0
    this.#onRelease = onRelease
    if (tookOver) this.protect()
  }

  /** Aborted, with a LeaseEnd as its reason, when this holder has to stop. */
  get ended(): AbortSignal {
    return this.#end.signal
  }

  get released(): Promise<void> {
    return this.#released.promise
  }

  /** The client is to move next: from now on, silence counts. */
  waiting(): void {
    this.#silentSince ??= performance.now()
    if (this.#watchers.size > 0) this.#watch()
  }

  /** There is something to write: no silence. */
  working(): void {
    this.#silentSince = undefined
  }

  /** The client sent something: it lives. */
  heard(): void {
    this.#silentSince = undefined
    if (this.#watchers.size > 0) this.#tell('alive')
  }

  /** Milliseconds of silence. */
  silence(now = performance.now()): number {
    return this.#silentSince === undefined ? 0 : now - this.#silentSince
  }

  end(why: LeaseEnd): void {
    this.#end.abort(why)
  }

  release(): void {
    if (this.#done) return
    this.#done = true
    clearTimeout(this.#timer)
    this.#onRelease()
    this.#released.resolve()
    this.#tell('released')
  }

  /** It took over, from a holder on another node: see PROTECTED_MS. */
  protect(): void {
    this.#protectedUntil = performance.now() + PROTECTED_MS
  }

  /** Resolves as soon as it is clear whether this holder lives. */
  judge(signal: AbortSignal | undefined): Promise<Verdict> {
    if (this.#done) return Promise.resolve('released')
    if (this.succeeded || performance.now() < this.#protectedUntil) return Promise.resolve('alive')
    if (this.silence() >= SILENCE_MS) return Promise.resolve('silent')
    return new Promise((resolve, reject) => {
      const settle = (verdict: Verdict): void => {
        signal?.removeEventListener('abort', abandon)
        resolve(verdict)
      }
      const abandon = (): void => {
        this.#watchers.delete(settle)
        if (this.#watchers.size === 0) this.#rest()
        reject(signal?.reason)
      }
      if (signal?.aborted) return reject(signal.reason)
      signal?.addEventListener('abort', abandon, { once: true })
      this.#watchers.add(settle)
      this.#watch()
    })
  }

  /** One timer for all who wait: for the end of the silence, or else of their patience. */
  #watch(): void {
    clearTimeout(this.#timer)
    // Counted from the first of them: newcomers that keep coming must not put off the answer to the others.
    if (this.#silentSince === undefined) this.#patientUntil ??= performance.now() + VERDICT_MS
    const until = this.#silentSince === undefined ? this.#patientUntil : this.#silentSince + SILENCE_MS
    this.#timer = setTimeout(() => this.#decide(), Math.max(0, (until ?? 0) - performance.now()))
  }

  /** The holder may have begun to write, or to wait, since the timer was set. */
  #decide(): void {
    if (this.silence() >= SILENCE_MS) this.#tell('silent')
    else if (this.#silentSince === undefined && performance.now() >= (this.#patientUntil ?? Infinity)) {
      this.#tell('alive')
    } else this.#watch()
  }

  #tell(verdict: Verdict): void {
    this.#rest()
    const watchers = [...this.#watchers]
    this.#watchers.clear()
    for (const watcher of watchers) watcher(verdict)
  }

  #rest(): void {
    clearTimeout(this.#timer)
    this.#patientUntil = undefined
  }
}

/** A transfer under way, here or on another node, and how far it is as far as that is known. */
export type Holder = Pick<Lease, 'offset'>

/** The leases that the engine gives: those of this process, which may have to agree with those of others. */
export interface UploadLeases {
  /** In this process. */
  holder(upload: UploadId): Lease | undefined
  /**
   * @param manner - `patient` leaves a living holder alone, `at-once` ends it, and whoever is about to follow it
   * @param signal - the one who asks has gone
   * @param mayMeet - throws where the one who asks must not meet a holder in another process
   * @throws UploadError `busy` with the holder's offset, `unavailable` while closing
   */
  acquire(
    upload: UploadId,
    manner: Manner,
    signal?: AbortSignal,
    mayMeet?: (found: UploadRecord) => void,
  ): Promise<Lease>
  /**
   * For those who only look: ends a silent holder, or with `at-once` whoever holds; resolves to the one that lives,
   * if there is one.
   * @param found - the record, which tells of a holder in another process
   */
  settle(
    upload: UploadId,
    signal?: AbortSignal,
    manner?: Manner,
    found?: UploadRecord,
  ): Promise<Holder | undefined>
  /** Ends every holder and lets nobody in any more; resolves when all have let go. */
  close(): Promise<void>
}

export class Leases implements UploadLeases {
  readonly #held = new SlotMap<UploadId, Lease>()
  readonly #idleTimeout: number
  readonly #idleCheck: NodeJS.Timeout
  #fence = 0
  #closing = false

  /** @param idleTimeout - milliseconds of silence after which a holder is ended, whether anyone waits or not */
  constructor(idleTimeout: number) {
    this.#idleTimeout = idleTimeout
    this.#idleCheck = setInterval(() => this.#endIdle(), Math.max(10, Math.min(1000, idleTimeout / 4)))
    this.#idleCheck.unref()
  }

  get size(): number {
    return this.#held.size
  }

  holder(upload: UploadId): Lease | undefined {
    return this.#held.get(upload)
  }

  async acquire(upload: UploadId, manner: Manner, signal?: AbortSignal): Promise<Lease> {
    for (;;) {
      if (this.#closing) throw closing()
      const holder = this.#held.get(upload)
      if (holder === undefined) return this.#grant(upload, false)
      if (manner === 'at-once' && holder.succeeded) {
        await this.#letGo(holder, signal)
        continue
      }
      const verdict = manner === 'at-once' ? 'silent' : await holder.judge(signal)
      if (verdict === 'released') continue
      if (verdict === 'alive' || holder.succeeded) throw busy(holder)
      const lease = await this.#displace(holder)
      if (lease !== undefined) return lease
    }
  }

  async settle(
    upload: UploadId,
    signal?: AbortSignal,
    manner: Manner = 'patient',
  ): Promise<Lease | undefined> {
    if (manner === 'at-once') {
      for (let holder = this.#held.get(upload); holder !== undefined; holder = this.#held.get(upload)) {
        holder.end('displaced')
        await this.#letGo(holder, signal)
      }
    }
    if (this.#closing) throw closing()
    const holder = this.#held.get(upload)
    if (holder === undefined) return undefined
    const verdict = await holder.judge(signal)
    if (verdict === 'alive') return this.#held.get(upload)
    if (verdict === 'silent') {
      holder.end('displaced')
      await holder.released
    }
    return undefined
  }

  async close(): Promise<void> {
    this.#closing = true
    clearInterval(this.#idleCheck)
    const holders = [...this.#held.values()]
    for (const holder of holders) holder.end('closing')
    await Promise.all(holders.map((holder) => holder.released))
  }

  async #letGo(holder: Lease, signal: AbortSignal | undefined): Promise<void> {
    await holder.released
    signal?.throwIfAborted()
  }

  /**
   * Resolves to the lease of the newcomer that follows, or to nothing when someone else was there first. The
   * look and the grant are one step: with a turn between them, one who was told that the holder let go would
   * get a lease as well.
   */
  async #displace(holder: Lease): Promise<Lease | undefined> {
    holder.succeeded = true
    holder.end('displaced')
    await holder.released
    if (this.#closing || this.#held.has(holder.upload)) return undefined
    return this.#grant(holder.upload, true)
  }

  #grant(upload: UploadId, tookOver: boolean): Lease {
    this.#fence += 1
    const lease = new Lease(upload, this.#fence, tookOver, () => {
      if (this.#held.get(upload) === lease) this.#held.delete(upload)
    })
    this.#held.set(upload, lease)
    return lease
  }

  #endIdle(): void {
    const now = performance.now()
    for (const lease of this.#held.values()) {
      if (lease.silence(now) >= this.#idleTimeout) lease.end('idle')
    }
  }
}

function closing(): UploadError {
  return new UploadError('unavailable', 'the server is closing: try again in a moment')
}

export function busy(holder: Holder): UploadError {
  const details = holder.offset === undefined ? {} : { offset: holder.offset }
  return new UploadError('busy', 'another request is writing to this upload: try again in a moment', details)
}
