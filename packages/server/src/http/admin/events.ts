/** Events that wait for their webhook, and those that never reached it. */
import { z } from 'zod'
import type { Outbox } from '../../catalog/outbox.ts'
import { Refusal } from './parse.ts'
import { type AdminRoute, route } from './route.ts'

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

const Dead = z.object({
  id: z.string(),
  type: z.string(),
  timestamp: z.string(),
  data: z.unknown(),
  attempts: z.number(),
  diedAt: z.string(),
  /** What the receiver answered, or why it could not be reached. */
  reason: z.string(),
})
const Replayed = z.object({ replayed: z.number() })

export function eventRoutes({ outbox, now, onReplay }: EventsAdmin): AdminRoute[] {
  return [
    route({
      method: 'GET',
      url: '/events/pending',
      summary: 'How many events wait for their delivery',
      reply: z.object({ count: z.number() }),
      async run() {
        const { pending } = await outbox.outboxCounts()
        return { count: pending }
      },
    }),
    route({
      method: 'GET',
      url: '/events/dead',
      summary: 'Events that never reached their webhook, a page at a time',
      query: Page,
      reply: z.object({ events: z.array(Dead), next: z.number().nullable() }),
      async run({ query: { after, limit } }) {
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
      },
    }),
    route({
      method: 'POST',
      url: '/events/dead/:id/replay',
      summary: 'Delivers a dead event again',
      params: Named,
      reply: Replayed,
      async run({ params: { id } }) {
        const replayed = await outbox.replayEvent(id, now())
        if (!replayed) throw new Refusal(404, 'there is no dead event of this id')
        onReplay()
        return { replayed: 1 }
      },
    }),
    route({
      method: 'POST',
      url: '/events/dead/replay',
      summary: 'Delivers every dead event again',
      reply: Replayed,
      async run() {
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
      },
    }),
  ]
}
