/**
 * Leases in Postgres: columns of the segment's row, and notifications. A node's number is locked on the connection
 * that listens, so that everybody can see that it is gone when it was killed.
 */
import { randomInt } from 'node:crypto'
import pg from 'pg'
import { z } from 'zod'
import type { SegmentId } from '../../blobs/blob-store.ts'
import type { UploadId } from '../../uploads/upload.ts'
import { optionalInteger, type Row, text } from '../columns.ts'
import type { Grant, LeaseRows, Question, Reply } from '../lease-rows.ts'
import type { Hold } from '../segment-parts.ts'
import { CLAIM } from './claims.ts'
import { configOf, type PostgresOptions } from './database.ts'
import { uploadWithStored } from './operations.ts'
import { GRANT, holdFromRow, STORED } from './parts.ts'
import type { PgValue } from './statements.ts'

/** How long a lease lasts that is not renewed. */
const LEASE = "interval '5 seconds'"
const CHANNEL = 'pawl_leases'
/** The first half of the locks that nodes have on their numbers. */
const NODES = 0x7061776c
const RECONNECT_MS = 250
/** How often the connection that listens is looked after, and how long it may take to answer. */
const LOOK_MS = 1000
const LOOK_ANSWER_MS = 3000

/** Whether a node is there. @param node - the parameter with its number */
const PRESENT = (node: string): string => `EXISTS (SELECT 1 FROM pg_locks
    WHERE locktype = 'advisory' AND classid = ${NODES} AND objid = ${node}::oid AND objsubid = 2 AND granted
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))`

/** Another node's, whose time is not over and which is there; asked in this order, since the last is dear. */
const HELD = `CASE WHEN s.holder IS NULL OR s.holder = $2 OR s.lease_until <= now() OR $3 = 1 THEN false
    ELSE ${PRESENT('s.holder')} END`

const GRANTING = `
  WITH u AS (SELECT * FROM uploads WHERE id = $1 FOR SHARE),
    g AS (UPDATE segments AS s SET holder = $2, lease_until = now() + ${LEASE}, ${GRANT('u.rollback IS NOT NULL')}
      FROM u WHERE s.id = u.segment AND u.state = 'open' AND s.sealed = 0 AND NOT ${HELD} RETURNING s.*),
    s AS (SELECT * FROM g UNION ALL
      SELECT old.* FROM segments AS old JOIN u ON old.id = u.segment WHERE NOT EXISTS (SELECT 1 FROM g))
  SELECT u.*, ${STORED}, s.fence, s.next_part, EXISTS (SELECT 1 FROM g) AS granted FROM u LEFT JOIN s ON true`

const Message = z.object({
  to: z.number(),
  from: z.number(),
  call: z.number(),
  upload: z.string(),
  manner: z.enum(['patient', 'at-once']).optional(),
  reply: z.enum(['alive', 'free']).optional(),
  offset: z.number().optional(),
})
type Message = z.infer<typeof Message>

type Query = (text: string, ...values: PgValue[]) => Promise<Row[]>

export interface PostgresLeases extends LeaseRows {
  /** A record has ended it. */
  noteEnded(hold: Hold): void
  close(): Promise<void>
}

/** A number that is this node's until it closes. */
export function newNodeNumber(): number {
  return randomInt(1, 2 ** 31 - 1)
}

export async function openLeases(
  options: PostgresOptions & { readonly node: number },
  query: Query,
  onError: (error: Error) => void,
): Promise<PostgresLeases> {
  const { node } = options
  const ended = new WeakSet<Hold>()
  const waiting = new Map<number, (reply: Reply) => void>()
  let answer: ((question: Question) => Promise<Extract<Reply, { kind: 'alive' | 'free' }>>) | undefined
  let listening: pg.Client | undefined
  let closed = false
  let calls = 0
  let retry: NodeJS.Timeout | undefined

  const notify = async (message: Message): Promise<boolean> => {
    const rows = await query(
      `SELECT pg_notify('${CHANNEL}', $1) FROM (SELECT 1) AS once WHERE ${PRESENT('$2')}`,
      JSON.stringify(message),
      message.to,
    )
    return rows.length > 0
  }
  const hear = async ({ from, call, upload, manner, reply, offset }: Message): Promise<void> => {
    if (reply !== undefined) {
      waiting.get(call)?.(reply === 'alive' ? { kind: 'alive', offset } : { kind: 'free' })
      return
    }
    if (manner === undefined || answer === undefined) return
    const { kind, ...rest } = await answer({ upload: upload as UploadId, manner })
    await notify({ to: from, from: node, call, upload, reply: kind, ...rest })
  }

  /** Listens, and shows that this node is there. */
  const listen = async (): Promise<void> => {
    const client = new pg.Client({ ...configOf(options), query_timeout: LOOK_ANSWER_MS })
    let looking: NodeJS.Timeout | undefined
    const lost = (error?: Error): void => {
      if (listening !== client) return
      listening = undefined
      clearTimeout(looking)
      if (closed) return
      if (error !== undefined) onError(error)
      again()
    }
    /**
     * Nothing else is asked on this connection, so nothing else would tell that Postgres has lost it, or taken it over
     * to another machine. To lock once more what is locked changes nothing; while a connection of before that is not
     * gone yet shows us, the lock is that one's, and has to be ours once it is gone.
     */
    const show = async (): Promise<void> => {
      await client.query('SELECT pg_try_advisory_lock($1, $2)', [NODES, node])
    }
    const look = (): void => {
      looking = setTimeout(() => {
        show().then(look, (error: Error) => {
          lost(error)
          client.end().catch(() => {})
        })
      }, LOOK_MS)
      looking.unref()
    }
    client.on('error', lost)
    client.on('end', () => lost())
    client.on('notification', ({ payload }) => {
      const message = Message.safeParse(JSON.parse(payload ?? 'null'))
      if (message.success && message.data.to === node) hear(message.data).catch(onError)
    })
    try {
      await client.connect()
      await client.query(`LISTEN ${CHANNEL}`)
      await show()
      listening = client
      look()
    } catch (error) {
      await client.end().catch(() => {})
      throw error
    }
  }
  const again = (): void => {
    retry = setTimeout(() => {
      listen().catch(() => {
        if (!closed) again()
      })
    }, RECONNECT_MS)
  }
  await listen()

  return {
    node,

    async grant(upload, force): Promise<Grant> {
      const [row] = await query(GRANTING, upload, node, force ? 1 : 0)
      if (row === undefined) return { kind: 'none', found: undefined }
      const found = uploadWithStored(row)
      if (row.granted === true) {
        return { kind: 'granted', hold: holdFromRow({ ...row, id: found.segment }), found }
      }
      if (found.state.kind !== 'open' || found.stored === undefined || found.stored.sealed) {
        return { kind: 'none', found }
      }
      const holder = optionalInteger(row, 'holder')
      return { kind: 'held', node: holder === node ? undefined : holder, found }
    },

    async release(hold) {
      if (ended.has(hold)) return
      await query(
        `UPDATE segments SET holder = NULL, lease_until = NULL, fence = fence + 1,
           next_part = CASE WHEN $3 = 1 THEN next_part ELSE $4 END
         WHERE id = $1 AND fence = $2`,
        hold.segment,
        hold.fence,
        hold.sent === true ? 1 : 0,
        hold.numbers.first,
      )
      ended.add(hold)
    },

    async disown(upload) {
      await query(
        `UPDATE segments AS s SET holder = NULL, lease_until = NULL, fence = s.fence + 1
         FROM uploads AS u WHERE u.id = $1 AND s.id = u.segment AND s.holder = $2`,
        upload,
        node,
      )
    },

    hasEnded: (hold) => ended.has(hold),
    noteEnded: (hold) => void ended.add(hold),

    async renew(holds) {
      const rows = await query(
        `UPDATE segments AS s SET lease_until = now() + ${LEASE}
         FROM unnest($1::text[], $2::bigint[]) AS h (id, fence)
         WHERE s.id = h.id AND s.fence = h.fence AND s.holder = $3 RETURNING s.id`,
        holds.map(({ segment }) => segment),
        holds.map(({ fence }) => fence),
        node,
      )
      return new Set(rows.map((row) => text(row, 'id') as SegmentId))
    },

    async ask(to, { upload, manner }, timeout): Promise<Reply> {
      calls += 1
      const call = calls
      const replied = Promise.withResolvers<Reply>()
      waiting.set(call, replied.resolve)
      const timer = setTimeout(() => replied.resolve({ kind: 'silent' }), timeout)
      try {
        if (!(await notify({ to, from: node, call, upload, manner }))) return { kind: 'gone' }
        return await replied.promise
      } finally {
        clearTimeout(timer)
        waiting.delete(call)
      }
    },

    async stranded(before, limit) {
      const rows = await query(
        `WITH due AS (SELECT u.id FROM uploads AS u LEFT JOIN segments AS s ON s.id = u.segment
             WHERE u.state IN ('open', 'finishing') AND coalesce(s.modified_at, u.created_at) <= $1
               AND (u.state = 'finishing' OR (u.rollback IS NULL
                 AND u.length = s.in_parts + coalesce(s.tail_length, 0)))
               AND (s.lease_until IS NULL OR s.lease_until <= now())
               AND (u.claimed_until IS NULL OR u.claimed_until < now() OR u.claimed_by = $3)
             LIMIT $2 FOR UPDATE OF u SKIP LOCKED),
           u AS (UPDATE uploads AS u SET ${CLAIM('$3')} FROM due WHERE u.id = due.id RETURNING u.*)
         SELECT u.*, ${STORED} FROM u LEFT JOIN segments AS s ON s.id = u.segment`,
        before,
        limit,
        node,
      )
      return rows.map(uploadWithStored)
    },

    onAsked(how) {
      answer = how
    },

    async close() {
      closed = true
      clearTimeout(retry)
      await listening?.end()
    },
  }
}
