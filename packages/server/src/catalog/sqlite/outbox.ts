/** The outbox as SQL, and the events of the operation that runs. */
import { z } from 'zod'
import type { StoredEvent } from '../../events/event.ts'
import type { Synchronous } from '../catalog.ts'
import { CatalogError } from '../catalog.ts'
import type { Row, SqlValue } from '../columns.ts'
import type { DeadEvent, Outbox, PendingEvent } from '../outbox.ts'

/** Collects what operations tell, between their start and their commit. */
export interface EventLog {
  /** Events become rows, to be delivered. */
  readonly keep: boolean
  /** Events are handed to listeners after the commit. */
  live: boolean
  /** What the operation that runs has told so far. */
  told: StoredEvent[]
}

interface Statements {
  run(text: string, ...values: SqlValue[]): number
  one(text: string, ...values: SqlValue[]): Row | undefined
  all(text: string, ...values: SqlValue[]): Row[]
}

export interface OutboxOperations extends Synchronous<Outbox> {
  /** Called inside the transaction of what the events tell; makes none when nothing consumes them. */
  tell(make: () => readonly StoredEvent[]): void
}

export function outboxOperations({ run, one, all }: Statements, log: EventLog): OutboxOperations {
  const streamOf = ({ data }: StoredEvent): string => `${data.bucket}/${data.key}`

  /** Only one event of a stream may be due: the others wait without a time. */
  const promote = (stream: string, at: number): void => {
    run(
      `UPDATE outbox SET due_at = ?1
       WHERE position = (SELECT min(position) FROM outbox WHERE stream = ?2 AND state = 'pending')
         AND NOT EXISTS (SELECT 1 FROM outbox WHERE stream = ?2 AND state = 'pending' AND due_at IS NOT NULL)`,
      at,
      stream,
    )
  }
  const streamOfRow = (id: string): string | undefined => {
    const row = one('SELECT stream FROM outbox WHERE id = ?', id)
    return row === undefined ? undefined : String(row.stream)
  }

  const replay = (id: string, at: number): boolean => {
    const row = one("SELECT stream FROM outbox WHERE id = ? AND state = 'dead'", id)
    if (row === undefined) return false
    run("UPDATE outbox SET state = 'pending', attempts = 0, died_at = NULL, reason = NULL WHERE id = ?", id)
    promote(String(row.stream), at)
    return true
  }

  return {
    tell(make) {
      if (!log.keep && !log.live) return
      const events = make()
      log.told.push(...events)
      if (!log.keep) return
      for (const event of events) {
        const stream = streamOf(event)
        run(
          "INSERT INTO outbox (id, stream, body, state, attempts) VALUES (?, ?, ?, 'pending', 0)",
          event.id,
          stream,
          JSON.stringify(event),
        )
        promote(stream, Date.parse(event.timestamp))
      }
    },

    pendingEvents(limit) {
      return all(
        `SELECT id, body, attempts, due_at FROM outbox
         WHERE due_at IS NOT NULL ORDER BY due_at, position LIMIT ?`,
        limit,
      ).map(
        (row): PendingEvent => ({
          id: String(row.id),
          body: String(row.body),
          attempts: Number(row.attempts),
          dueAt: Number(row.due_at),
        }),
      )
    },

    eventDelivered(id, at) {
      const stream = streamOfRow(id)
      if (stream === undefined) return
      run('DELETE FROM outbox WHERE id = ?', id)
      promote(stream, at)
    },

    eventFailed(id, after) {
      const stream = streamOfRow(id)
      if (stream === undefined) return
      if (after.kind === 'retry') {
        run(
          "UPDATE outbox SET attempts = attempts + 1, due_at = ? WHERE id = ? AND state = 'pending'",
          after.dueAt,
          id,
        )
        return
      }
      run(
        `UPDATE outbox SET state = 'dead', attempts = attempts + 1, due_at = NULL, died_at = ?, reason = ?
         WHERE id = ? AND state = 'pending'`,
        after.at,
        after.reason,
        id,
      )
      promote(stream, after.at)
    },

    deadEvents(after, limit) {
      return all(
        "SELECT * FROM outbox WHERE state = 'dead' AND position > ? ORDER BY position LIMIT ?",
        after ?? 0,
        limit,
      ).map(deadFromRow)
    },

    replayEvent: replay,

    replayEvents(at, limit) {
      const dead = all("SELECT id FROM outbox WHERE state = 'dead' ORDER BY position LIMIT ?", limit)
      for (const { id } of dead) replay(String(id), at)
      return dead.length
    },

    outboxCounts() {
      const count = (state: string): number =>
        Number(one('SELECT count(*) AS n FROM outbox WHERE state = ?', state)?.n ?? 0)
      return { pending: count('pending'), dead: count('dead') }
    },
  }
}

const DeadRow = z.object({
  position: z.number(),
  body: z.string(),
  attempts: z.number(),
  died_at: z.number(),
  reason: z.string(),
})

function deadFromRow(row: Row): DeadEvent {
  const parsed = DeadRow.safeParse(row)
  if (!parsed.success) {
    throw new CatalogError(
      'damaged',
      'a row of the outbox makes no sense: restore the catalog from a backup',
      parsed.error,
    )
  }
  const { position, body, attempts, died_at, reason } = parsed.data
  return { position, event: JSON.parse(body) as StoredEvent, attempts, diedAt: died_at, reason }
}
