/**
 * Where a control and the engine meet: the control's wishes on one side, the upload's state on the other.
 * Users see `UploadControl`; this is its inside.
 */
import { abortedError, FilesError } from '../errors.ts'
import type { SessionToken } from '../session.ts'

/** Where an upload stands. The last three are final. */
export type UploadControlStatus = 'idle' | 'uploading' | 'paused' | 'completed' | 'aborted' | 'error'

/** What an upload that is not final is busy with. */
export type UploadPhase = 'verifying' | 'sending' | 'finishing'

export type DeskEvent = 'status' | 'progress' | 'session'

/** The engine's side of the numbers. */
export interface Meter {
  readonly loaded: number
  readonly total: number
  readonly sent: number
  readonly speed: number
  readonly eta: number | undefined
}

type Outcome = 'completed' | 'aborted' | 'error'

export class Desk {
  #status: UploadControlStatus = 'idle'
  #claimed = false
  #paused = false
  #cut = new AbortController()
  readonly #abort = new AbortController()
  #wake: (() => void)[] = []
  readonly #settled = Promise.withResolvers<void>()
  readonly #listeners = new Map<DeskEvent, Map<unknown, () => void>>()

  phase: UploadPhase | undefined
  meter: Meter | undefined
  /** Gives the token as of now. */
  snapshot: (() => SessionToken | undefined) | undefined
  /** Bytes a second that may be sent; undefined is no limit. */
  maxBytesPerSecond: number | undefined
  /** What the upload goes on from. */
  token: SessionToken | undefined

  constructor(token?: SessionToken) {
    this.token = token
  }

  get status(): UploadControlStatus {
    return this.#status
  }

  get paused(): boolean {
    return this.#paused
  }

  /** Aborted when a pause wants the calls in flight cut. A new one after each resume. */
  get cut(): AbortSignal {
    return this.#cut.signal
  }

  /** Aborted by `abort()`: stop and discard. */
  get aborted(): AbortSignal {
    return this.#abort.signal
  }

  get #final(): boolean {
    return this.#status === 'completed' || this.#status === 'aborted' || this.#status === 'error'
  }

  /** The upload takes the control. A control drives one upload. */
  claim(): void {
    if (this.#claimed) {
      throw new FilesError(
        'Conflict',
        'this UploadControl already drives an upload; go on with UploadControl.from(control.toJSON())',
      )
    }
    this.#claimed = true
    if (this.#status === 'idle') this.#turn('uploading')
  }

  pause(immediate: boolean): void {
    if (this.#final || this.#abort.signal.aborted) return
    if (!this.#paused) {
      this.#paused = true
      this.#turn('paused')
    }
    if (immediate) this.#cut.abort()
  }

  resume(): void {
    if (!this.#paused || this.#final) return
    this.#paused = false
    if (this.#cut.signal.aborted) this.#cut = new AbortController()
    this.#turn(this.#claimed ? 'uploading' : 'idle')
    this.#wakeAll()
  }

  /** Resolves once the session is discarded, or at once if there is nothing to give up. */
  abort(reason: unknown): Promise<void> {
    if (this.#final) return Promise.resolve()
    this.#abort.abort(abortedError('the upload', reason))
    this.#wakeAll()
    if (this.#claimed) return this.#settled.promise
    this.#turn('aborted')
    return Promise.resolve()
  }

  /** Waits while paused. Rejects when `signal` ends the upload. */
  async ready(signal: AbortSignal): Promise<void> {
    while (this.#paused && !signal.aborted) {
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#wake.push(resolve)
      signal.addEventListener('abort', () => resolve(), { once: true })
      await promise
    }
    signal.throwIfAborted()
  }

  /** The one outcome. `discardFailure` is told to who waits for `abort()`. */
  finish(outcome: Outcome, discardFailure?: FilesError): void {
    if (this.#final) return
    this.phase = undefined
    this.#turn(outcome)
    if (discardFailure) {
      this.#settled.promise.catch(() => {}) // nobody need wait for it
      this.#settled.reject(discardFailure)
    } else this.#settled.resolve()
  }

  enter(phase: UploadPhase): void {
    this.phase = phase
    this.tell('progress')
  }

  /** @param key Who listens: once for each event. */
  listen(event: DeskEvent, listener: () => void, key: unknown = listener): void {
    const listeners = this.#listeners.get(event) ?? new Map<unknown, () => void>()
    this.#listeners.set(event, listeners.set(key, listener))
  }

  unlisten(event: DeskEvent, key: unknown): void {
    this.#listeners.get(event)?.delete(key)
  }

  tell(event: DeskEvent): void {
    for (const listener of [...(this.#listeners.get(event)?.values() ?? [])]) {
      try {
        listener()
      } catch {
        // A listener's failure is its own: it must not fail the upload it watches.
      }
    }
  }

  #turn(status: UploadControlStatus): void {
    this.#status = status
    this.tell('status')
  }

  #wakeAll(): void {
    const waiting = this.#wake
    this.#wake = []
    for (const wake of waiting) wake()
  }
}
