/**
 * Takes events from the outbox and delivers them, a few at a time, each until it is delivered or dead. All
 * state is in the outbox: a process that dies in the middle of a delivery delivers that event again, under
 * the same id.
 */
import type { Outbox, PendingEvent } from '../../catalog/outbox.ts'
import type { Logger } from '../../log.ts'
import type { Post } from './post.ts'
import { afterFailure } from './retry.ts'

/** Deliveries under way at a time. */
const AT_ONCE = 4
/** How long deliveries under way may go on while the server closes. */
const CLOSE_GRACE_MS = 2000
/** Before the outbox is asked again after it failed. */
const OUTBOX_RETRY_MS = 1000
/**
 * The outbox is looked at this often at least: a clock that is set back must not stop deliveries for long, and nobody
 * tells of what a node that was killed had claimed, or had not come to.
 */
const LONGEST_SLEEP_MS = 60_000

export interface DelivererOptions {
  readonly outbox: Outbox
  readonly post: Post
  readonly log: Logger
  readonly now: () => number
  /** Milliseconds between deliveries of one event that fail; those of `retry.ts` unless a test is in a hurry. */
  readonly waits?: readonly number[]
}

export class Deliverer {
  readonly #options: DelivererOptions
  readonly #abort = new AbortController()
  readonly #underWay = new Map<string, Promise<void>>()
  #closed = false
  #looking: Promise<void> | undefined
  #lookAgain = false
  #timer: NodeJS.Timeout | undefined

  constructor(options: DelivererOptions) {
    this.#options = options
  }

  /** The outbox may have something to deliver. */
  wake(): void {
    if (this.#closed) return
    this.#lookAgain = true
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined
    })
  }

  /** Begins nothing more and gives what is under way 2 s; what did not end by then is delivered after the next start. */
  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#timer)
    await this.#looking
    const timer = setTimeout(() => this.#abort.abort(new Error('the server is closing')), CLOSE_GRACE_MS)
    await Promise.all(this.#underWay.values())
    clearTimeout(timer)
  }

  async #look(): Promise<void> {
    const { outbox, log, now } = this.#options
    while (this.#lookAgain && !this.#closed) {
      this.#lookAgain = false
      clearTimeout(this.#timer)
      if (this.#underWay.size >= AT_ONCE) return
      try {
        // Those under way are still in the outbox, and due.
        const found = await outbox.pendingEvents(AT_ONCE + this.#underWay.size)
        let sleep = LONGEST_SLEEP_MS
        for (const event of found) {
          if (this.#underWay.has(event.id)) continue
          if (event.dueAt > now()) {
            sleep = event.dueAt - now()
            break
          }
          if (this.#underWay.size >= AT_ONCE || this.#closed) break
          this.#begin(event)
        }
        this.#sleep(sleep)
      } catch (error) {
        log.error({ err: error }, 'events wait: the outbox cannot be read')
        this.#sleep(OUTBOX_RETRY_MS)
      }
    }
  }

  #begin(event: PendingEvent): void {
    const work = this.#deliver(event).finally(() => {
      this.#underWay.delete(event.id)
      this.wake()
    })
    this.#underWay.set(event.id, work)
  }

  async #deliver(event: PendingEvent): Promise<void> {
    const { outbox, post, log, now, waits } = this.#options
    const result = await post(event, this.#abort.signal)
    try {
      if (result.kind === 'delivered') return await outbox.eventDelivered(event.id, now())
      // We gave up, not the receiver: this was no attempt.
      if (this.#abort.signal.aborted) return
      const after =
        result.kind === 'gone'
          ? ({ kind: 'dead', at: now(), reason: result.reason } as const)
          : afterFailure(event.attempts, result.reason, now(), waits)
      await outbox.eventFailed(event.id, after)
      const told = { event: event.id, attempt: event.attempts + 1, reason: result.reason }
      if (after.kind === 'dead') log.error(told, 'an event could not be delivered and is dead: replay it')
      else log.warn(told, 'an event could not be delivered and will be tried again')
    } catch (error) {
      log.error(
        { err: error, event: event.id },
        'the outcome of a delivery was not recorded: it is sent again',
      )
      // Not at once: the outbox is what fails, and the receiver would get the event over and over.
      await this.#pause(OUTBOX_RETRY_MS)
    }
  }

  #sleep(ms: number): void {
    if (this.#closed) return
    this.#timer = setTimeout(() => this.wake(), Math.min(ms, LONGEST_SLEEP_MS)).unref()
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      if (this.#closed) resolve()
      else setTimeout(resolve, ms).unref()
    })
  }
}
