import { numeric } from './numeric.ts'
import { parseToken, type SessionToken } from './session.ts'
import { Desk, type DeskEvent, type UploadControlStatus, type UploadPhase } from './transfer/desk.ts'

export type { UploadControlStatus, UploadPhase } from './transfer/desk.ts'

/** What listeners get. Read the numbers from `control`. */
export interface UploadControlEvent {
  readonly type: DeskEvent
  readonly control: UploadControl
}

type Listener = (event: UploadControlEvent) => void

let openDesk: (control: UploadControl) => Desk

/**
 * Steers one upload: pause, resume, abort, look, and take a token to go on elsewhere.
 *
 * @example
 * const control = new UploadControl()
 * const done = files.upload('db.tar', file, { control })
 * control.pause()
 * localStorage.setItem('upload', JSON.stringify(control))
 */
export class UploadControl {
  readonly #desk: Desk

  static {
    openDesk = (control) => control.#desk
  }

  constructor() {
    this.#desk = fresh ?? new Desk()
    fresh = undefined
  }

  /**
   * A control that goes on where the token's upload stands. Give it to `upload()` with the same body.
   * @param token What `toJSON()` gave, or its JSON text.
   * @throws FilesError `SessionGone` if the token cannot be read.
   */
  static from(token: SessionToken | string): UploadControl {
    fresh = new Desk(parseToken(token))
    return new UploadControl()
  }

  get status(): UploadControlStatus {
    return this.#desk.status
  }

  /** What a running upload is busy with; undefined when none runs. */
  get phase(): UploadPhase | undefined {
    return this.#desk.phase
  }

  /** Bytes that the provider acknowledged. Never falls. */
  get loaded(): number {
    return this.#desk.meter?.loaded ?? 0
  }

  /** Size of the body in bytes, once it is known. */
  get total(): number | undefined {
    return this.#desk.meter?.total ?? this.#desk.token?.body.size
  }

  /** Bytes handed to the network, acknowledged or not. Never falls, never passes `total`. */
  get sent(): number {
    return this.#desk.meter?.sent ?? 0
  }

  /** Bytes a second over the last seconds. */
  get speed(): number {
    return this.#desk.meter?.speed ?? 0
  }

  /** Seconds left at that speed; undefined while nothing is known. */
  get eta(): number | undefined {
    return this.#desk.meter?.eta
  }

  /** Most bytes a second to send. May be changed while the upload runs; undefined is no limit. */
  get maxBytesPerSecond(): number | undefined {
    return this.#desk.maxBytesPerSecond
  }

  set maxBytesPerSecond(limit: number | undefined) {
    this.#desk.maxBytesPerSecond = numeric('maxBytesPerSecond', limit)
  }

  /** The session token, or undefined before there is a session and after `abort()` or completion. */
  get session(): SessionToken | undefined {
    return this.toJSON()
  }

  /** The token to persist. Store it like a password: some providers' sessions carry their own permission. */
  toJSON(): SessionToken | undefined {
    const { status, snapshot, token } = this.#desk
    if (status === 'completed') return undefined
    return snapshot === undefined ? token : snapshot()
  }

  /**
   * Stops sending. Pieces in flight settle first; with `immediate` they are cut. `upload()` stays pending.
   */
  pause(options: { readonly immediate?: boolean } = {}): void {
    this.#desk.pause(options.immediate ?? false)
  }

  /** Goes on after `pause()`. */
  resume(): void {
    this.#desk.resume()
  }

  /**
   * Cancels the upload for good and discards the provider's session. `upload()` rejects with `aborted`, or
   * resolves if the provider turns out to have the whole object already: that one stays.
   * Resolves when the session is gone. To stop but keep the session, abort through a `signal` instead.
   * @throws FilesError if the provider could not be told.
   */
  abort(reason?: unknown): Promise<void> {
    return this.#desk.abort(reason)
  }

  /**
   * `status`: the status changed. `progress`: bytes moved or the phase changed. `session`: the token holds more
   * than before, a good moment to persist it. What a listener throws is ignored.
   */
  addEventListener(type: DeskEvent, listener: Listener): void {
    this.#desk.listen(type, () => listener({ type, control: this }), listener)
  }

  removeEventListener(type: DeskEvent, listener: Listener): void {
    this.#desk.unlisten(type, listener)
  }
}

/** Carries the token past a constructor that takes no argument in public. */
let fresh: Desk | undefined

/** The inside of a control, for the engine. */
export function deskOf(control: UploadControl): Desk {
  return openDesk(control)
}
