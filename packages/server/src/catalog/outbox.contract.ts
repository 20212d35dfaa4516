/** What every catalog promises of events, as tests. */
import { describe, expect, test } from 'vitest'
import type { StoredEvent } from '../events/event.ts'
import type { UploadRecord } from '../uploads/upload.ts'
import type { Catalog } from './catalog.ts'
import { sampleObject, sampleUpload } from './sample-records.ts'

/** @param open - a new, empty catalog that keeps events, or does not */
export function outboxContract(open: (keepEvents: boolean) => Promise<Catalog>): void {
  /** Delivers everything, in the order in which it is due. */
  async function drain(catalog: Catalog): Promise<StoredEvent[]> {
    const events: StoredEvent[] = []
    for (;;) {
      const [next] = await catalog.pendingEvents(1)
      if (next === undefined) return events
      events.push(JSON.parse(next.body) as StoredEvent)
      await catalog.eventDelivered(next.id, next.dueAt)
    }
  }
  const typesOf = (events: readonly StoredEvent[]) => events.map(({ type }) => type)
  async function publish(catalog: Catalog, given: Partial<UploadRecord> = {}): Promise<UploadRecord> {
    const upload = sampleUpload(given)
    await catalog.insertUpload(upload)
    await catalog.beginFinish(upload.id, upload.length ?? 0)
    await catalog.publish(upload.id, sampleObject(upload))
    return upload
  }

  describe('events', () => {
    test('of an upload that becomes an object are created, completed and object created', async () => {
      const catalog = await open(true)
      const upload = sampleUpload({ owner: { role: 'authenticated', sub: 'ada' } })
      await catalog.insertUpload(upload)
      await catalog.beginFinish(upload.id, 100)
      const object = sampleObject(upload)
      await catalog.publish(upload.id, object)
      const events = await drain(catalog)
      expect(typesOf(events)).toEqual(['upload.created', 'upload.completed', 'object.created'])
      for (const { id } of events) expect(id).toMatch(/^evt_[0-9a-f]{32}$/)
      expect(new Set(events.map(({ id }) => id)).size).toBe(3)
      expect(events[0]?.data).toEqual({
        upload: upload.id,
        bucket: upload.bucket,
        key: upload.key,
        size: 100,
        type: 'text/plain',
        metadata: { filename: 'world' },
        owner: { role: 'authenticated', sub: 'ada' },
      })
      expect(events[1]).toMatchObject({
        timestamp: new Date(object.createdAt).toISOString(),
        data: { version: object.version, size: 100, metadata: { filename: 'world' } },
      })
    })

    test('tell a replaced object before the one that takes its place', async () => {
      const catalog = await open(true)
      const first = await publish(catalog, { key: 'same', precondition: 'none' })
      const old = await catalog.findObject(first.bucket, 'same')
      await drain(catalog)
      await publish(catalog, { key: 'same', precondition: 'none' })
      const events = await drain(catalog)
      expect(typesOf(events)).toEqual([
        'upload.created',
        'upload.completed',
        'object.removed',
        'object.created',
      ])
      expect(events[2]?.data).toMatchObject({ key: 'same', version: old?.version })
    })

    test.each([
      ['upload.cancelled', { kind: 'cancelled' }],
      ['upload.expired', { kind: 'expired' }],
      ['upload.failed', { kind: 'failed', failure: { code: 'rejected', status: 422, message: 'no' } }],
    ] as const)('tell %s', async (type, end) => {
      const catalog = await open(true)
      const upload = sampleUpload()
      await catalog.insertUpload(upload)
      await catalog.endUpload(upload.id, ['open'], end, 5000)
      const [, ended, ...more] = await drain(catalog)
      expect(more).toEqual([])
      expect(ended).toMatchObject({ type, timestamp: new Date(5000).toISOString() })
      if (end.kind === 'failed') expect(ended?.data).toMatchObject({ failure: end.failure })
    })

    test('are told of a final upload and not of the partial ones it joins', async () => {
      const catalog = await open(true)
      const partial = sampleUpload({ concat: { kind: 'partial' } })
      await catalog.insertUpload(partial)
      await catalog.beginFinish(partial.id, 100)
      await catalog.seal(partial.id)
      const pieces = [{ segment: partial.segment, length: 100 }]
      const final = sampleUpload({
        state: { kind: 'finishing' },
        concat: { kind: 'final', list: 'final;/files/a', pieces },
      })
      await catalog.insertFinal(final, 'signature', [partial.id])
      await catalog.insertFinal(sampleUpload({ ...final, id: sampleUpload().id }), 'signature', [partial.id])
      await catalog.publish(final.id, sampleObject(final, { segments: pieces }))
      await catalog.endUpload(partial.id, ['sealed'], { kind: 'expired' }, 9000)
      expect(typesOf(await drain(catalog))).toEqual(['upload.created', 'upload.completed', 'object.created'])
    })

    test('are not told of what did not happen', async () => {
      const catalog = await open(true)
      const upload = sampleUpload()
      await catalog.insertUpload(upload)
      await drain(catalog)
      await expect(catalog.insertUpload(upload)).rejects.toThrow()
      expect(await catalog.endUpload(upload.id, ['finishing'], { kind: 'expired' }, 1)).toBe(false)
      expect(await catalog.publish(upload.id, sampleObject(upload))).toEqual({ kind: 'ended' })
      const taken = await publish(catalog, { key: 'taken' })
      await drain(catalog)
      const loser = sampleUpload({ key: taken.key })
      await catalog.insertUpload(loser)
      await catalog.beginFinish(loser.id, 100)
      await drain(catalog)
      expect(await catalog.publish(loser.id, sampleObject(loser))).toEqual({ kind: 'conflict' })
      expect(await catalog.outboxCounts()).toEqual({ pending: 0, dead: 0 })
    })

    test('leave no row where nothing is to deliver them', async () => {
      const catalog = await open(false)
      expect(catalog.keepsEvents).toBe(false)
      catalog.listen(() => {})
      await publish(catalog)
      expect(await catalog.outboxCounts()).toEqual({ pending: 0, dead: 0 })
    })

    test.each([true, false])(
      'reach listeners after the commit, in order, with an outbox: %s',
      async (keep) => {
        const catalog = await open(keep)
        await catalog.insertUpload(sampleUpload())
        const heard: StoredEvent[] = []
        catalog.listen((events) => heard.push(...events))
        const upload = await publish(catalog)
        await expect(catalog.insertUpload(upload)).rejects.toThrow()
        expect(typesOf(heard)).toEqual(['upload.created', 'upload.completed', 'object.created'])
        if (keep) expect((await drain(catalog)).slice(1)).toEqual(heard)
      },
    )

    test('carry the metadata that a hook gave the upload, and so does its record', async () => {
      const catalog = await open(true)
      const upload = sampleUpload()
      await catalog.insertUpload(upload)
      await catalog.beginFinish(upload.id, 100)
      await catalog.publish(upload.id, sampleObject(upload), { metadata: 'a Yg==' })
      expect((await catalog.findUpload(upload.id))?.metadata).toBe('a Yg==')
      const [, completed] = await drain(catalog)
      expect(completed?.data).toMatchObject({ metadata: { a: 'b' } })
    })
  })

  describe('the outbox', () => {
    test('shows the oldest event of each key only, by the time it is due', async () => {
      const catalog = await open(true)
      const [a, b] = [
        await publish(catalog, { key: 'a', createdAt: 2000 }),
        await publish(catalog, { key: 'b' }),
      ]
      const shown = await catalog.pendingEvents(10)
      expect(
        shown.map(({ body, dueAt, attempts }) => [JSON.parse(body).data.upload, dueAt, attempts]),
      ).toEqual([
        [b.id, 1000, 0],
        [a.id, 2000, 0],
      ])
      expect(await catalog.pendingEvents(1)).toHaveLength(1)
      expect(await catalog.outboxCounts()).toEqual({ pending: 6, dead: 0 })
    })

    test('lets no event of a key pass one that is tried again, until that is dead', async () => {
      const catalog = await open(true)
      await publish(catalog)
      const [first] = await catalog.pendingEvents(1)
      const id = first?.id ?? ''
      await catalog.eventFailed(id, { kind: 'retry', dueAt: 90_000 })
      expect(await catalog.pendingEvents(10)).toEqual([{ ...first, attempts: 1, dueAt: 90_000 }])
      await catalog.eventFailed(id, { kind: 'dead', at: 91_000, reason: 'the receiver answered 500' })
      const [second] = await catalog.pendingEvents(10)
      expect(second).toMatchObject({ dueAt: 91_000, attempts: 0 })
      expect(second?.id).not.toBe(id)
      const [dead, ...more] = await catalog.deadEvents(undefined, 10)
      expect(more).toEqual([])
      expect(dead).toMatchObject({
        event: JSON.parse(first?.body ?? ''),
        attempts: 2,
        diedAt: 91_000,
        reason: 'the receiver answered 500',
      })
      expect(await catalog.outboxCounts()).toEqual({ pending: 2, dead: 1 })
    })

    test('takes a replayed event before the younger ones of its key, but not past one that is due', async () => {
      const catalog = await open(true)
      await publish(catalog)
      const [first] = await catalog.pendingEvents(1)
      const id = first?.id ?? ''
      await catalog.eventFailed(id, { kind: 'dead', at: 5000, reason: 'gone' })
      const [second] = await catalog.pendingEvents(1)
      expect(await catalog.replayEvent(id, 6000)).toBe(true)
      expect(await catalog.pendingEvents(10)).toEqual([second])
      await catalog.eventDelivered(second?.id ?? '', 7000)
      expect(await catalog.pendingEvents(10)).toEqual([{ ...first, attempts: 0, dueAt: 7000 }])
      expect(await catalog.replayEvent(id, 8000)).toBe(false)
      expect(await catalog.replayEvent(`evt_${'0'.repeat(32)}`, 8000)).toBe(false)
    })

    test('lists dead events in pages and replays them all', async () => {
      const catalog = await open(true)
      for (let i = 0; i < 5; i += 1) await catalog.insertUpload(sampleUpload())
      for (const { id } of await catalog.pendingEvents(10)) {
        await catalog.eventFailed(id, { kind: 'dead', at: 5000, reason: 'gone' })
      }
      const page = await catalog.deadEvents(undefined, 2)
      const rest = await catalog.deadEvents(page.at(-1)?.position, 10)
      expect([...page, ...rest].map(({ position }) => position)).toEqual([1, 2, 3, 4, 5])
      expect(await catalog.replayEvents(9000, 3)).toBe(3)
      expect(await catalog.replayEvents(9000, 3)).toBe(2)
      expect(await catalog.replayEvents(9000, 3)).toBe(0)
      expect(await catalog.pendingEvents(10)).toHaveLength(5)
      expect(await catalog.outboxCounts()).toEqual({ pending: 5, dead: 0 })
    })

    test('takes the outcome of an event that is gone as done', async () => {
      const catalog = await open(true)
      await catalog.eventDelivered('evt_gone', 1)
      await catalog.eventFailed('evt_gone', { kind: 'retry', dueAt: 1 })
      await catalog.eventFailed('evt_gone', { kind: 'dead', at: 1, reason: 'x' })
      expect(await catalog.outboxCounts()).toEqual({ pending: 0, dead: 0 })
    })
  })
}
