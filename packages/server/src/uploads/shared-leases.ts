/**
 * Leases that nodes share. Within a node they are those of lease.ts; a request that has one then needs the row as
 * well, and where another node has that, asks it to judge its holder. See docs/design/cluster.md.
 */
import type { LeaseRows, Question, Reply } from '../catalog/lease-rows.ts'
import type { Hold } from '../catalog/segment-parts.ts'
import { SlotMap } from '../slot-map.ts'
import { reach } from './engine.ts'
import { UploadError } from './errors.ts'
import { busy, type Holder, type Lease, type Leases, type Manner, type UploadLeases } from './lease.ts'
import type { UploadId, UploadRecord } from './upload.ts'

/** A node that lives has decided by then: its holder is silent for 500 ms, or has shown for 2 s that it is not. */
const ANSWER_MS = 2500
const RENEW_MS = 1000

export class SharedLeases implements UploadLeases {
  readonly #local: Leases
  readonly #rows: LeaseRows
  readonly #onError: (error: unknown) => void
  /** By the lease's fence. */
  readonly #held = new SlotMap<number, { readonly hold: Hold; readonly lease: Lease }>()
  /** Rows on their way to being free. */
  readonly #leaving = new SlotMap<UploadId, Promise<void>>()
  readonly #timer: NodeJS.Timeout
  #renewing = false

  constructor(local: Leases, rows: LeaseRows, onError: (error: unknown) => void) {
    this.#local = local
    this.#rows = rows
    this.#onError = onError
    this.#timer = setInterval(() => void this.#renew(), RENEW_MS)
    this.#timer.unref()
    rows.onAsked((question) => this.#answer(question))
  }

  holder(upload: UploadId): Lease | undefined {
    return this.#local.holder(upload)
  }

  async acquire(
    upload: UploadId,
    manner: Manner,
    signal?: AbortSignal,
    mayMeet: (found: UploadRecord) => void = () => {},
  ): Promise<Lease> {
    const lease = await this.#local.acquire(upload, manner, signal)
    try {
      await reach(() => this.#grant(lease, manner, signal, mayMeet))
      return lease
    } catch (error) {
      lease.release()
      throw error
    }
  }

  async settle(
    upload: UploadId,
    signal?: AbortSignal,
    manner: Manner = 'patient',
    found?: UploadRecord,
  ): Promise<Holder | undefined> {
    const here = await this.#local.settle(upload, signal, manner)
    const node = found?.stored?.holder
    if (here !== undefined || node === undefined || node === this.#rows.node) return here
    return reach(async () => {
      const reply = await this.#rows.ask(node, { upload, manner }, ANSWER_MS)
      signal?.throwIfAborted()
      if (reply.kind === 'alive') return { offset: reply.offset }
      if (reply.kind !== 'silent') return undefined
      if (manner === 'patient') return { offset: undefined }
      const grant = await this.#rows.grant(upload, true)
      if (grant.kind === 'granted') await this.#rows.release(grant.hold)
      return undefined
    })
  }

  async close(): Promise<void> {
    await this.#local.close()
    clearInterval(this.#timer)
    await Promise.all(this.#leaving.values())
  }

  async #grant(
    lease: Lease,
    manner: Manner,
    signal: AbortSignal | undefined,
    mayMeet: (found: UploadRecord) => void,
  ): Promise<void> {
    const { upload } = lease
    const until = performance.now() + ANSWER_MS
    // The one before us on this node gives back what it did not use.
    await this.#leaving.get(upload)
    let reply: Reply | undefined
    for (;;) {
      const grant = await this.#rows.grant(upload, reply?.kind === 'silent' && manner === 'at-once')
      lease.found = grant.found
      if (grant.kind === 'none') return
      if (grant.kind === 'granted') {
        if (reply?.kind === 'free') lease.protect()
        this.#keep(lease, grant.hold)
        return
      }
      mayMeet(grant.found)
      signal?.throwIfAborted()
      const left = until - performance.now()
      if (left <= 0 || reply?.kind === 'silent' || lease.ended.aborted) throw busy({ offset: undefined })
      if (grant.node === undefined) continue
      reply = await this.#rows.ask(grant.node, { upload, manner }, left)
      if (reply.kind === 'alive') throw busy({ offset: reply.offset })
    }
  }

  #keep(lease: Lease, hold: Hold): void {
    lease.hold = hold
    this.#held.set(lease.fence, { hold, lease })
    void lease.released.then(() => {
      this.#held.delete(lease.fence)
      if (this.#rows.hasEnded(hold)) return
      const leaving = this.#rows
        .release(hold)
        // It ends by itself when it is not renewed.
        .catch(this.#onError)
        .finally(() => {
          if (this.#leaving.get(lease.upload) === leaving) this.#leaving.delete(lease.upload)
        })
      this.#leaving.set(lease.upload, leaving)
    })
  }

  async #answer({ upload, manner }: Question): Promise<Extract<Reply, { kind: 'alive' | 'free' }>> {
    const left = await this.#local.settle(upload, undefined, manner).catch((error: unknown) => {
      if (error instanceof UploadError) return undefined
      throw error
    })
    if (left !== undefined) return { kind: 'alive', offset: left.offset }
    await this.#leaving.get(upload)
    // Nobody here has it: what the row says is left from a release that failed.
    if (this.#local.holder(upload) === undefined) await this.#rows.disown(upload)
    return { kind: 'free' }
  }

  async #renew(): Promise<void> {
    const held = [...this.#held.values()].filter(({ hold }) => !this.#rows.hasEnded(hold))
    if (this.#renewing || held.length === 0) return
    this.#renewing = true
    try {
      const ours = await this.#rows.renew(held.map(({ hold }) => hold))
      for (const { hold, lease } of held) {
        if (!ours.has(hold.segment) && !this.#rows.hasEnded(hold)) lease.end('displaced')
      }
    } catch (error) {
      // Nobody else may be able to reach it either; whoever can takes over, and what we write then is refused.
      this.#onError(error)
    } finally {
      this.#renewing = false
    }
  }
}
