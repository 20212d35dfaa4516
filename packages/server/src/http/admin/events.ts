/** Events that wait for their webhook, and those that never reached it. */
import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import type { Outbox } from '../../catalog/outbox.ts'
import { parse } from './parse.ts'

export interface EventsAdmin {
  readonly outbox: Outbox
  readonly now: () => number
  /** Events are due again. */
  readonly onReplay: () => void
}

/** Rows changed in one transaction, so that uploads do not wait behind a million of them. */
const BATCH = 500

const Page = z.strictObject({
  after: z.coerce.number().int().nonnegative().optional(),
  limit: z.coerce.number().int().min(1).max(500).default(100),
})
const Named = z.object({ id: z.string().regex(/^evt_[0-9a-f]{32}$/, 'is not the id of an event') })

export function registerEvents(admin: FastifyInstance, { outbox, now, onReplay }: EventsAdmin): void {
  admin.get('/events/pending', async () => {
    const { pending } = await outbox.outboxCounts()
    return { count: pending }
  })

  admin.get('/events/dead', async (request) => {
    const { after, limit } = parse(Page, request.query)
    const found = await outbox.deadEvents(after, limit)
    return {
      events: found.map(({ event, attempts, diedAt, reason }) => ({
        ...event,
        attempts,
        diedAt: new Date(diedAt).toISOString(),
        reason,
      })),
      // What `after` goes on from; null on the last page.
      next: found.length < limit ? null : (found.at(-1)?.position ?? null),
    }
  })

  admin.post('/events/dead/:id/replay', async (request, reply) => {
    const { id } = parse(Named, request.params)
    const replayed = await outbox.replayEvent(id, now())
    if (!replayed) return reply.code(404).send({ error: 'there is no dead event of this id' })
    onReplay()
    return { replayed: 1 }
  })

  admin.post('/events/dead/replay', async () => {
    // What dies again meanwhile waits for the next call: a receiver that is still down would keep this one going.
    const { dead } = await outbox.outboxCounts()
    let replayed = 0
    while (replayed < dead) {
      const some = await outbox.replayEvents(now(), Math.min(BATCH, dead - replayed))
      if (some === 0) break
      replayed += some
      onReplay()
    }
    return { replayed }
  })
}
