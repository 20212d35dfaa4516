/** The outbox as SQL, and the events of the operation that runs. Events of one stream take turns. */
import type { StoredEvent } from '../../events/event.ts'
import { integer, type Row, text } from '../columns.ts'
import type { DeadEvent, Outbox } from '../outbox.ts'
import { CLAIM, UNCLAIMED } from './claims.ts'
import type { Statements } from './statements.ts'

/** Collects what an operation tells, between its start and its commit. */
export interface EventLog {
  /** Events become rows, to be delivered. */
  readonly keep: boolean
  /** Events are handed to listeners after the commit. */
  readonly live: () => boolean
  /** What the operation that runs has told so far. */
  told: StoredEvent[]
}

interface OutboxOperations extends Outbox {
  /** Called inside the transaction of what the events tell; makes none when nothing consumes them. */
  tell(make: () => readonly StoredEvent[]): Promise<void>
}

export function outboxOperations(
  { run, one, all, lock }: Statements,
  log: EventLog,
  node: number,
): OutboxOperations {
  const streamOf = ({ data }: StoredEvent): string => `${data.bucket}/${data.key}`
  /** Until the transaction ends nobody adds to a stream, or takes its first one away. */
  const taking = (stream: string): Promise<void> => lock(`stream ${stream}`)

  /** Only one event of a stream may be due: the others wait without a time. */
  const promote = async (stream: string, at: number): Promise<void> => {
    await run(
      `UPDATE outbox SET due_at = $1
       WHERE position = (SELECT min(position) FROM outbox
           WHERE md5(stream) = md5($2) AND stream = $2 AND state = 'pending')
         AND NOT EXISTS (SELECT 1 FROM outbox
           WHERE md5(stream) = md5($2) AND stream = $2 AND state = 'pending' AND due_at IS NOT NULL)`,
      at,
      stream,
    )
  }
  const streamOfRow = async (id: string): Promise<string | undefined> => {
    const row = await one('SELECT stream FROM outbox WHERE id = $1', id)
    if (row === undefined) return undefined
    const stream = text(row, 'stream')
    await taking(stream)
    return stream
  }
  const replay = async (id: string, at: number): Promise<boolean> => {
    const stream = await streamOfRow(id)
    if (stream === undefined) return false
    const replayed = await run(
      `UPDATE outbox SET state = 'pending', attempts = 0, died_at = NULL, reason = NULL
       WHERE id = $1 AND state = 'dead'`,
      id,
    )
    if (replayed > 0) await promote(stream, at)
    return replayed > 0
  }

  return {
    async tell(make) {
      if (!log.keep && !log.live()) return
      const events = make()
      log.told.push(...events)
      if (!log.keep) return
      for (const event of events) {
        const stream = streamOf(event)
        await taking(stream)
        await run(
          "INSERT INTO outbox (id, stream, body, state, attempts) VALUES ($1, $2, $3, 'pending', 0)",
          event.id,
          stream,
          JSON.stringify(event),
        )
        await promote(stream, Date.parse(event.timestamp))
      }
    },

    async pendingEvents(limit) {
      const rows = await all(
        // What is not due yet is shown and not claimed: whoever is awake then takes it.
        `WITH found AS (SELECT position, due_at <= $3 AS due FROM outbox
             WHERE due_at IS NOT NULL AND ${UNCLAIMED('$2')}
             ORDER BY due_at, position LIMIT $1 FOR UPDATE SKIP LOCKED),
           taken AS (UPDATE outbox AS o SET ${CLAIM('$2')} FROM found WHERE o.position = found.position AND due
             RETURNING o.position)
         SELECT o.id, o.body, o.attempts, o.due_at FROM outbox AS o JOIN found USING (position)
         ORDER BY o.due_at, o.position`,
        limit,
        node,
        Date.now(),
      )
      return rows.map((row) => ({
        id: text(row, 'id'),
        body: text(row, 'body'),
        attempts: integer(row, 'attempts'),
        dueAt: integer(row, 'due_at'),
      }))
    },

    async eventDelivered(id, at) {
      const stream = await streamOfRow(id)
      if (stream === undefined) return
      await run('DELETE FROM outbox WHERE id = $1', id)
      await promote(stream, at)
    },

    async eventFailed(id, after) {
      const stream = await streamOfRow(id)
      if (stream === undefined) return
      if (after.kind === 'retry') {
        await run(
          `UPDATE outbox SET attempts = attempts + 1, due_at = $1, claimed_until = NULL
           WHERE id = $2 AND state = 'pending'`,
          after.dueAt,
          id,
        )
        return
      }
      await run(
        `UPDATE outbox SET state = 'dead', attempts = attempts + 1, due_at = NULL, died_at = $1, reason = $2,
           claimed_until = NULL
         WHERE id = $3 AND state = 'pending'`,
        after.at,
        after.reason,
        id,
      )
      await promote(stream, after.at)
    },

    async deadEvents(after, limit) {
      const rows = await all(
        "SELECT * FROM outbox WHERE state = 'dead' AND position > $1 ORDER BY position LIMIT $2",
        after ?? 0,
        limit,
      )
      return rows.map(deadFromRow)
    },

    replayEvent: replay,

    async replayEvents(at, limit) {
      const dead = await all("SELECT id FROM outbox WHERE state = 'dead' ORDER BY position LIMIT $1", limit)
      for (const row of dead) await replay(text(row, 'id'), at)
      return dead.length
    },

    async outboxCounts() {
      const count = async (state: string): Promise<number> =>
        Number((await one('SELECT count(*) AS n FROM outbox WHERE state = $1', state))?.n ?? 0)
      return { pending: await count('pending'), dead: await count('dead') }
    },
  }
}

function deadFromRow(row: Row): DeadEvent {
  return {
    position: integer(row, 'position'),
    event: JSON.parse(text(row, 'body')) as StoredEvent,
    attempts: integer(row, 'attempts'),
    diedAt: integer(row, 'died_at'),
    reason: text(row, 'reason'),
  }
}
