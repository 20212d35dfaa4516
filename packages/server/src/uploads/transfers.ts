/** The transfers under way: how many there may be at a time, and how far they are. */
import type { SegmentWriter } from '../blobs/blob-store.ts'
import { SlotMap } from '../slot-map.ts'
import { UploadError } from './errors.ts'
import type { Lease } from './lease.ts'
import type { Observer, TransferOutcome } from './observer.ts'

export class ActiveTransfer {
  readonly lease: Lease
  readonly #writer: SegmentWriter
  readonly #begin: number
  readonly #startedAt = performance.now()

  constructor(lease: Lease, writer: SegmentWriter) {
    this.lease = lease
    this.#writer = writer
    this.#begin = writer.length
  }

  /** Bytes written so far; none when they were taken back. */
  get moved(): number {
    return Math.max(0, (this.#writer.taken ?? this.#writer.length) - this.#begin)
  }

  /** Bytes that are there, those of earlier requests included. */
  get offset(): number {
    return this.#writer.length
  }

  /** Since it began. */
  get seconds(): number {
    return (performance.now() - this.#startedAt) / 1000
  }
}

export class Transfers {
  readonly #most: number
  readonly #observer: Observer
  readonly #active = new SlotMap<number, ActiveTransfer>()

  /** @param most - transfers at a time */
  constructor(most: number, observer: Observer) {
    this.#most = most
    this.#observer = observer
  }

  /** Those of this moment. */
  get active(): readonly ActiveTransfer[] {
    return [...this.#active.values()]
  }

  /** @throws UploadError `overloaded`, before anything was read */
  refuseWhenFull(): void {
    if (this.#active.size < this.#most) return
    throw new UploadError('overloaded', 'the server has as many transfers as it may: try again in a moment')
  }

  /** @throws UploadError `overloaded` */
  begin(lease: Lease, writer: SegmentWriter): ActiveTransfer {
    this.refuseWhenFull()
    const transfer = new ActiveTransfer(lease, writer)
    this.#active.set(lease.fence, transfer)
    return transfer
  }

  end(transfer: ActiveTransfer, outcome: TransferOutcome): void {
    if (this.#active.delete(transfer.lease.fence))
      this.#observer.transferred(transfer.moved, transfer.seconds, outcome)
  }
}
