/** The numbers of an upload: they only grow, whatever is sent twice. */
import type { Desk, Meter } from './desk.ts'

/** A report of progress. */
export interface UploadProgress {
  /** Bytes that the provider acknowledged. */
  readonly loaded: number
  readonly total: number
  /** Bytes handed to the network, acknowledged or not. */
  readonly sent: number
}

/** Reports of bytes sent come at most this often, in milliseconds; acknowledgements always come. */
const QUIET = 50
/** Speed is measured over this long, in milliseconds. */
const WINDOW = 5000
/** What goes out first, in milliseconds, only fills the buffers on the way: it says nothing about the speed. */
const FILLING = 250

export class Progress implements Meter {
  readonly total: number
  loaded = 0
  sent = 0
  #flying = 0
  #acknowledged = 0
  #reported = 0
  #samples: { readonly at: number; readonly sent: number }[] = []
  /** When bytes began to move, at the beginning or after a pause. */
  #beganAt = 0
  readonly #desk: Desk
  readonly #onProgress: ((progress: UploadProgress) => void) | undefined
  readonly #now: () => number

  constructor(
    desk: Desk,
    total: number,
    onProgress: ((progress: UploadProgress) => void) | undefined,
    now: () => number = Date.now,
  ) {
    this.#desk = desk
    this.total = total
    this.#onProgress = onProgress
    this.#now = now
    desk.meter = this
    // What was measured before a pause says nothing about now.
    desk.listen('status', () => {
      this.#samples = []
    })
  }

  /** Bytes that the provider holds in all. A provider that forgot some does not make the bar go back. */
  acknowledged(bytes: number): void {
    this.#acknowledged = bytes
    const before = this.loaded
    this.loaded = Math.min(this.total, Math.max(this.loaded, bytes))
    this.#moved(true)
    if (this.loaded > before) this.#desk.tell('session')
  }

  /** More (or, when an attempt ended, fewer) bytes are on their way. */
  flying(change: number): void {
    this.#flying += change
    if (change > 0) this.#moved(false)
  }

  /** Bytes a second. */
  get speed(): number {
    const first = this.#samples[0]
    const last = this.#samples.at(-1)
    if (!first || !last || last.at <= first.at) return 0
    return ((last.sent - first.sent) * 1000) / (last.at - first.at)
  }

  get eta(): number | undefined {
    const { speed } = this
    // Of the same bytes as the speed: acknowledgements come in large steps.
    return speed > 0 ? (this.total - this.sent) / speed : undefined
  }

  #moved(always: boolean): void {
    this.sent = Math.min(this.total, Math.max(this.sent, this.loaded, this.#acknowledged + this.#flying))
    const at = this.#now()
    if (!always && at - this.#reported < QUIET) return
    this.#reported = at
    if (this.#samples.length === 0) this.#beganAt = at
    const oldest = at - this.#beganAt < FILLING ? at : at - WINDOW
    this.#samples = [...this.#samples.filter((sample) => sample.at > oldest), { at, sent: this.sent }].slice(
      -100,
    )
    this.report()
  }

  report(): void {
    try {
      this.#onProgress?.({ loaded: this.loaded, total: this.total, sent: this.sent })
    } catch {
      // The caller's bar is the caller's: its failure must not fail the upload.
    }
    this.#desk.tell('progress')
  }
}
