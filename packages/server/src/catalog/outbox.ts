/**
 * Events that wait to be delivered, as records. An event is written with what it tells, in one transaction,
 * and is `pending` until it is `delivered` (its row goes) or `dead` (its row stays, to be looked at and
 * replayed).
 *
 * Events of one key go out one after the other, in the order of commits: only the oldest pending one of a key
 * is ever due.
 */
import type { StoredEvent } from '../events/event.ts'

export interface PendingEvent {
  readonly id: string
  /** The event as JSON: every delivery sends the same bytes. */
  readonly body: string
  /** Deliveries that failed. */
  readonly attempts: number
  /** Milliseconds since 1970. */
  readonly dueAt: number
}

export interface DeadEvent {
  /** Grows with each event: where a listing goes on. */
  readonly position: number
  readonly event: StoredEvent
  /** Deliveries that failed. */
  readonly attempts: number
  /** Milliseconds since 1970. */
  readonly diedAt: number
  /** How the last delivery failed. */
  readonly reason: string
}

/** What a failed delivery leads to. */
export type AfterFailure =
  | { readonly kind: 'retry'; readonly dueAt: number }
  | { readonly kind: 'dead'; readonly at: number; readonly reason: string }

interface OutboxCounts {
  readonly pending: number
  readonly dead: number
}

export interface Outbox {
  /** The oldest pending event of each key, by the time it is due; those not due yet included. */
  pendingEvents(limit: number): Promise<PendingEvent[]>
  /** Drops a delivered event; the next one of its key is due at `at`. One that is not there is fine. */
  eventDelivered(id: string, at: number): Promise<void>
  /** Counts a failed delivery. After the last one the event is dead and the next one of its key is due. */
  eventFailed(id: string, after: AfterFailure): Promise<void>
  /** Dead events by position, after `after`. */
  deadEvents(after: number | undefined, limit: number): Promise<DeadEvent[]>
  /** Makes a dead event pending again, with no failures; false when there is no such one. */
  replayEvent(id: string, at: number): Promise<boolean>
  /** Makes at most `limit` dead events pending again, oldest first; resolves to how many. */
  replayEvents(at: number, limit: number): Promise<number>
  outboxCounts(): Promise<OutboxCounts>
}
