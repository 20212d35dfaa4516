import { pino } from 'pino'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { until } from '../../../test/until.ts'
import type { Catalog } from '../../catalog/catalog.ts'
import { sampleObject, sampleUpload } from '../../catalog/sample-records.ts'
import { openMemoryCatalog } from '../../catalog/sqlite/memory-catalog.ts'
import { answer, type Behaviour, type Receiver, SECRET, startReceiver } from '../testing/receiver.ts'
import { Deliverer } from './deliverer.ts'
import { webhookPost } from './post.ts'
import { afterFailure, WAITS } from './retry.ts'
import { parseWebhookSecret } from './secret.ts'

const cleanups: (() => Promise<void>)[] = []
afterEach(async () => {
  vi.useRealTimers()
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

interface Setup {
  readonly receiver: Receiver
  readonly catalog: Catalog
  readonly deliverer: Deliverer
}

async function setUp(
  behaviour: Behaviour,
  { waits = [10, 10], timeout = 15_000, url = '' } = {},
): Promise<Setup> {
  const receiver = await startReceiver(behaviour)
  const catalog = openMemoryCatalog({ keepEvents: true })
  const secret = parseWebhookSecret(SECRET) ?? new Uint8Array()
  const deliverer = new Deliverer({
    outbox: catalog,
    post: webhookPost({ url: url || receiver.url, secret, timeout }),
    log: pino({ level: 'silent' }),
    now: Date.now,
    waits,
  })
  cleanups.push(
    () => receiver.close(),
    () => catalog.close(),
    () => deliverer.close(),
  )
  catalog.listen(() => deliverer.wake())
  return { receiver, catalog, deliverer }
}

/** Tells created, completed and object created. */
async function publish(catalog: Catalog): Promise<void> {
  const upload = sampleUpload()
  await catalog.insertUpload(upload)
  await catalog.beginFinish(upload.id, 100)
  await catalog.publish(upload.id, sampleObject(upload))
}
const create = (catalog: Catalog) => catalog.insertUpload(sampleUpload())
const settled = (catalog: Catalog, dead = 0) =>
  until('everything is delivered or dead', async () => {
    const counts = await catalog.outboxCounts()
    return counts.pending === 0 && counts.dead === dead
  })

describe('A delivery', () => {
  test('is signed, carries the event, and its row goes when it is answered with 2xx', async () => {
    const { receiver, catalog } = await setUp(answer(202))
    await publish(catalog)
    await settled(catalog)
    expect(receiver.received.map(({ event }) => event.type)).toEqual([
      'upload.created',
      'upload.completed',
      'object.created',
    ])
    for (const { id, event, headers } of receiver.received) {
      expect(id).toBe(event.id)
      expect(headers['content-type']).toBe('application/json')
    }
  })

  test('that fails is repeated, byte for byte and under the same id', async () => {
    const { receiver, catalog } = await setUp(
      (_received, nth, res) => void res.writeHead(nth < 2 ? 500 : 200).end(),
    )
    await create(catalog)
    await settled(catalog)
    expect(receiver.received).toHaveLength(3)
    expect(new Set(receiver.received.map(({ id, body }) => id + body)).size).toBe(1)
  })

  test('that fails every time leaves a dead event that says why', async () => {
    const { receiver, catalog } = await setUp(answer(503))
    await create(catalog)
    await settled(catalog, 1)
    expect(receiver.received).toHaveLength(3)
    expect((await catalog.deadEvents(undefined, 1))[0]).toMatchObject({
      attempts: 3,
      reason: 'the receiver answered 503',
    })
  })

  test('that is answered with 410 is not repeated', async () => {
    const { receiver, catalog } = await setUp(answer(410), { waits: WAITS.slice() })
    await create(catalog)
    await settled(catalog, 1)
    expect(receiver.received).toHaveLength(1)
  })

  test('does not follow a redirect', async () => {
    const elsewhere = await startReceiver()
    cleanups.push(() => elsewhere.close())
    const { receiver, catalog } = await setUp((_received, _nth, res) => {
      res.writeHead(307, { Location: elsewhere.url }).end()
    })
    await create(catalog)
    await settled(catalog, 1)
    expect(elsewhere.received).toEqual([])
    expect(receiver.received).toHaveLength(3)
    expect((await catalog.deadEvents(undefined, 1))[0]?.reason).toBe('the receiver answered 307')
  })

  test('that is never answered is given up after the time-out and repeated', async () => {
    const { receiver, catalog } = await setUp((_received, nth, res) => nth > 0 && res.end(), { timeout: 100 })
    await create(catalog)
    await settled(catalog)
    expect(receiver.received).toHaveLength(2)
  })

  test('whose answer has no end counts by its status and is read no further than a little', async () => {
    let sent = 0
    const { receiver, catalog } = await setUp((_received, _nth, res) => {
      const more = () => {
        sent += 16_384
        res.write('x'.repeat(16_384), () => setImmediate(more))
      }
      res.on('error', () => {}).writeHead(200)
      if (receiver.received.length < 2) more()
      else res.end()
    })
    await create(catalog)
    await settled(catalog)
    expect(receiver.received).toHaveLength(1)
    expect(sent).toBeLessThan(20e6)
  })

  test('to nobody is repeated, and dies with the reason', async () => {
    const { receiver, catalog } = await setUp(answer(200), { waits: [10] })
    await receiver.close()
    cleanups.shift()
    await create(catalog)
    await settled(catalog, 1)
    expect((await catalog.deadEvents(undefined, 1))[0]?.reason).toMatch(/ECONNREFUSED/)
  })

  test('uses the user and password of the URL', async () => {
    const { receiver, catalog } = await setUp(answer(200))
    const url = receiver.url.replace('//', '//us%40er:p%3Ass@')
    const other = await setUp(answer(200), { url })
    await create(other.catalog)
    await settled(other.catalog)
    await settled(catalog)
    expect(receiver.received[0]?.headers.authorization).toBe(
      `Basic ${Buffer.from('us@er:p:ss').toString('base64')}`,
    )
  })
})

describe('Deliveries', () => {
  test('of one upload never overtake each other while one is repeated; others go on', async () => {
    const slow = sampleUpload()
    const failures = new Map<string, number>()
    const { receiver, catalog } = await setUp(
      (received, _nth, res) => {
        const count = (failures.get(received.id) ?? 0) + 1
        failures.set(received.id, count)
        const fails = 'upload' in received.event.data && received.event.data.upload === slow.id && count < 3
        res.writeHead(fails ? 500 : 200).end()
      },
      { waits: [200, 200, 200] },
    )
    await catalog.insertUpload(slow)
    await catalog.beginFinish(slow.id, 100)
    await catalog.publish(slow.id, sampleObject(slow))
    await publish(catalog)
    await settled(catalog)
    const of = (id: string) =>
      receiver.received.filter(({ event }) => 'upload' in event.data && event.data.upload === id)
    const order = of(slow.id).map(({ event }) => event.type)
    expect(order).toEqual([
      ...Array(3).fill('upload.created'),
      ...Array(3).fill('upload.completed'),
      ...Array(3).fill('object.created'),
    ])
    // The other upload was through before the first repeat.
    const last = receiver.received.findLastIndex((received) => !of(slow.id).includes(received))
    expect(last).toBeLessThan(5)
  })

  test('run four at a time', async () => {
    let open = 0
    let most = 0
    const { catalog } = await setUp((_received, _nth, res) => {
      open += 1
      most = Math.max(most, open)
      setTimeout(() => {
        open -= 1
        res.end()
      }, 30)
    })
    await Promise.all(Array.from({ length: 20 }, () => create(catalog)))
    await settled(catalog)
    expect(most).toBe(4)
  })

  test('under way are given a moment when the server closes, and are no failures if that is not enough', async () => {
    const { receiver, catalog, deliverer } = await setUp((_received, nth, res) => {
      if (nth === 0) setTimeout(() => res.end(), 200)
    })
    await Promise.all([create(catalog), create(catalog)])
    await until('both are under way', () => receiver.received.length === 2)
    const begin = Date.now()
    await deliverer.close()
    expect(Date.now() - begin).toBeLessThan(3000)
    expect(await catalog.pendingEvents(10)).toMatchObject([{ attempts: 0 }])
  })

  test('that another node had begun when it was killed are found again by one to which nothing happens', async () => {
    const { receiver, catalog, deliverer } = await setUp(answer(200))
    await deliverer.close()
    await create(catalog)
    let claimed = true
    const outbox: Catalog = {
      ...catalog,
      pendingEvents: async (limit) => (claimed ? [] : catalog.pendingEvents(limit)),
    }
    const secret = parseWebhookSecret(SECRET) ?? new Uint8Array()
    const post = webhookPost({ url: receiver.url, secret, timeout: 15_000 })
    const other = new Deliverer({ outbox, post, log: pino({ level: 'silent' }), now: Date.now })
    cleanups.push(() => other.close())
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    other.wake()
    await vi.advanceTimersByTimeAsync(30_000)
    claimed = false
    await vi.advanceTimersByTimeAsync(30_000)
    vi.useRealTimers()
    await settled(catalog)
    expect(receiver.received).toHaveLength(1)
  })

  test('go on when the outbox was out of reach', async () => {
    const { receiver, catalog, deliverer } = await setUp(answer(200))
    let broken = true
    const outbox: Catalog = {
      ...catalog,
      pendingEvents: (limit) => (broken ? Promise.reject(new Error('away')) : catalog.pendingEvents(limit)),
    }
    await deliverer.close()
    const post = webhookPost({
      url: receiver.url,
      secret: parseWebhookSecret(SECRET) ?? new Uint8Array(),
      timeout: 1000,
    })
    const other = new Deliverer({ outbox, post, log: pino({ level: 'silent' }), now: Date.now })
    cleanups.push(() => other.close())
    await create(catalog)
    other.wake()
    await new Promise((resolve) => setTimeout(resolve, 50))
    broken = false
    await settled(catalog)
    expect(receiver.received).toHaveLength(1)
  })
})

test('failed deliveries are repeated eleven times in all over three days, each later than the last, and never all at once', () => {
  const at = (random: number) =>
    WAITS.map((_wait, attempts) => {
      const after = afterFailure(attempts, 'x', 0, WAITS, random)
      return after.kind === 'retry' ? after.dueAt : Number.NaN
    })
  expect(at(0)).toEqual([...WAITS])
  expect(at(1)).toEqual(WAITS.map((wait) => Math.round(wait * 1.2)))
  expect(afterFailure(WAITS.length, 'x', 7)).toEqual({ kind: 'dead', at: 7, reason: 'x' })
  const days = WAITS.reduce((sum, wait) => sum + wait, 0) / 86_400_000
  expect(days).toBeGreaterThan(2.8)
  expect(days).toBeLessThan(3.2)
})
