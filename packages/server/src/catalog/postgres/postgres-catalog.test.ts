import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { catalogContract } from '../catalog.contract.ts'
import type { Catalog } from '../catalog.ts'
import { mediaContract } from '../media.contract.ts'
import { outboxContract } from '../outbox.contract.ts'
import { packsContract } from '../packs.contract.ts'
import { sampleObject, sampleUpload } from '../sample-records.ts'
import { segmentPartsContract } from '../segment-parts.contract.ts'
import { storageContract } from '../storage.contract.ts'
import { openPostgresCatalog, type PostgresCatalogOptions } from './postgres-catalog.ts'
import { POSTGRES_BIN, type PostgresServer, startPostgres } from './testing/postgres-server.ts'

let server: PostgresServer
const cleanups: (() => Promise<void>)[] = []
let schemas = 0

/** Another each time: what a test leaves behind is nobody else's. */
function newSchema(): string {
  schemas += 1
  return `catalog_${schemas}`
}

async function open(given: Partial<PostgresCatalogOptions> = {}): Promise<Catalog> {
  const catalog = await openPostgresCatalog({ url: server.url, schema: newSchema(), node: 1, ...given })
  cleanups.push(() => catalog.close())
  return catalog
}

/** As the contract compares records: without what only this catalog reads along. */
async function openPlain(given: Partial<PostgresCatalogOptions> = {}): Promise<Catalog> {
  const catalog = await open(given)
  const plain = <T extends { readonly stored?: unknown }>({ stored: _, ...upload }: T): Omit<T, 'stored'> =>
    upload
  return {
    ...catalog,
    findUpload: async (id) => {
      const found = await catalog.findUpload(id)
      return found && plain(found)
    },
    unfinished: async (after, limit) => (await catalog.unfinished(after, limit)).map(plain),
    expired: async (now, limit) => (await catalog.expired(now, limit)).map(plain),
  }
}

describe.skipIf(POSTGRES_BIN === undefined)('the catalog in Postgres', { timeout: 60_000 }, () => {
  beforeAll(async () => {
    server = await startPostgres()
  }, 120_000)
  afterAll(() => server.close())
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
  })

  catalogContract(() => openPlain(), false)
  storageContract(() => openPlain())
  packsContract(() => openPlain())
  mediaContract(() => openPlain({ keepEvents: true }))
  outboxContract((keepEvents) => openPlain({ keepEvents }))
  segmentPartsContract(() => openPlain())

  test('is brought up to date once by nodes that start together, and keeps everything', async () => {
    const schema = newSchema()
    const nodes = await Promise.all([1, 2, 3, 4].map((node) => open({ schema, node })))
    const upload = sampleUpload()
    await nodes[0]?.insertUpload(upload)
    for (const node of nodes) expect(await node.findUpload(upload.id)).toMatchObject({ key: upload.key })
  })

  test('waits for as long as another node needs to bring it up to date', async () => {
    const schema = newSchema()
    const client = await server.connect()
    await client.query('SELECT pg_advisory_lock(hashtextextended($1, 0))', [`pawl migrate ${schema}`])
    const opening = open({ schema })
    // Longer than any statement of a request may take.
    await Promise.race([opening, sleep(16_000)])
    await client.end()
    expect(await (await opening).counts()).toMatchObject({ objects: 0 })
  })

  test('of a newer version is refused with what to do', async () => {
    const schema = newSchema()
    await open({ schema })
    const client = await server.connect()
    await client.query(`UPDATE ${schema}.version SET number = 9999`)
    await client.end()
    await expect(open({ schema })).rejects.toMatchObject({
      name: 'CatalogError',
      code: 'newer',
      message: expect.stringMatching(/version 9999.*start the newer Pawl/),
    })
  })

  test('goes on where a newer version adds columns meanwhile, as it does in a rolling upgrade', async () => {
    const schema = newSchema()
    const catalog = await open({ schema })
    const upload = sampleUpload()
    await catalog.insertUpload(upload)
    await catalog.findUpload(upload.id)
    await catalog.endUpload(upload.id, ['finishing'], { kind: 'expired' }, 1)
    const client = await server.connect()
    await client.query(`ALTER TABLE ${schema}.uploads ADD COLUMN later TEXT`)
    await client.end()
    expect(await catalog.findUpload(upload.id)).toMatchObject({ key: upload.key })
    expect(await catalog.endUpload(upload.id, ['open'], { kind: 'expired' }, 1)).toBe(true)
  })

  test('that may not be changed is not', async () => {
    await expect(open({ migrate: false })).rejects.toMatchObject({ code: 'older' })
  })

  test('publishes one of many that want the same free key, on any node', async () => {
    const schema = newSchema()
    const nodes = await Promise.all([1, 2, 3].map((node) => open({ schema, node })))
    // They meet at another point each time: a key may be free at the first look, and taken at the next statement.
    for (let round = 0; round < 20; round += 1) {
      const key = `key-${round}`
      const uploads = Array.from({ length: 12 }, () => sampleUpload({ key, precondition: 'absent' }))
      await Promise.all(
        uploads.map(async (upload, i) => {
          const node = nodes[i % 3]
          await node?.insertUpload(upload)
          await node?.beginFinish(upload.id, 100)
        }),
      )
      const results = await Promise.all(
        uploads.map(async (upload, i) => {
          await sleep((i * (round % 5)) / 2)
          return nodes[i % 3]?.publish(upload.id, sampleObject(upload))
        }),
      )
      const kinds = results.map((result) => result?.kind).sort()
      expect(kinds).toEqual([...Array.from({ length: 11 }, () => 'conflict'), 'published'])
    }
  })

  test('replaces an object under many hands, and no segment is lost count of', async () => {
    const schema = newSchema()
    const nodes = await Promise.all([1, 2, 3].map((node) => open({ schema, node })))
    const uploads = Array.from({ length: 12 }, () => sampleUpload({ key: 'one', precondition: 'none' }))
    await Promise.all(
      uploads.map(async (upload, i) => {
        const node = nodes[i % 3]
        await node?.insertUpload(upload)
        await node?.beginFinish(upload.id, 100)
        expect(await node?.publish(upload.id, sampleObject(upload))).toMatchObject({ kind: 'published' })
      }),
    )
    const segments = (await nodes[0]?.segments(undefined, 100)) ?? []
    const standing = await nodes[0]?.findObject('files', 'one')
    expect(segments.filter(({ refs }) => refs > 0)).toEqual([{ id: standing?.segments[0]?.segment, refs: 1 }])
  })

  test('never lets an owner have more open uploads than allowed, whichever nodes are asked', async () => {
    const schema = newSchema()
    const nodes = await Promise.all([1, 2, 3].map((node) => open({ schema, node })))
    const results = await Promise.all(
      Array.from({ length: 20 }, (_, i) => nodes[i % 3]?.insertUpload(sampleUpload(), { ownerOpen: 5 })),
    )
    expect(results.filter((exceeded) => exceeded === undefined)).toHaveLength(5)
  })

  test('keeps exact sums of what owners and buckets hold', async () => {
    const catalog = await open({ quotas: true })
    const allowance = { bucketBytes: 250 }
    const first = sampleUpload()
    expect(await catalog.insertUpload(first, allowance)).toBeUndefined()
    expect(await catalog.insertUpload(sampleUpload(), allowance)).toBeUndefined()
    const third = sampleUpload()
    expect(await catalog.insertUpload(third, allowance)).toEqual({ what: 'bucketBytes', limit: 250 })
    await catalog.beginFinish(first.id, 100)
    await catalog.publish(first.id, sampleObject(first))
    expect(await catalog.insertUpload(third, allowance)).toEqual({ what: 'bucketBytes', limit: 250 })
    const object = await catalog.findObject(first.bucket, first.key)
    await catalog.removeObjects(object === undefined ? [] : [object], 1)
    expect(await catalog.insertUpload(third, allowance)).toBeUndefined()
  })

  test('counts partial uploads again once the final one that was made of them failed', async () => {
    const catalog = await open({ quotas: true })
    const allowance = { bucketBytes: 100 }
    const partial = sampleUpload({ concat: { kind: 'partial' } })
    expect(await catalog.insertUpload(partial, allowance)).toBeUndefined()
    await catalog.beginFinish(partial.id, 100)
    await catalog.seal(partial.id)
    const pieces = [{ segment: partial.segment, length: 100 }]
    const final = sampleUpload({
      state: { kind: 'finishing' },
      concat: { kind: 'final', list: 'final;a', pieces },
    })
    expect(await catalog.insertFinal(final, 'one', [partial.id], allowance)).toEqual({ kind: 'inserted' })
    const failure = { code: 'conflict', message: 'another upload to this key finished first' } as const
    await catalog.endUpload(final.id, ['finishing'], { kind: 'failed', failure }, 5000)
    expect(await catalog.insertUpload(sampleUpload(), allowance)).toEqual({ what: 'bucketBytes', limit: 100 })
    await catalog.endUpload(partial.id, ['sealed'], { kind: 'cancelled' }, 5000)
    expect(await catalog.insertUpload(sampleUpload(), allowance)).toBeUndefined()
  })

  test('gives each piece of the sweep, and each event, to one node at a time', async () => {
    const schema = newSchema()
    const [a, b] = [
      await open({ schema, node: 1, keepEvents: true }),
      await open({ schema, node: 2, keepEvents: true }),
    ]
    for (let i = 0; i < 10; i += 1) await a.insertUpload(sampleUpload())
    const [some, others] = await Promise.all([a.expired(9000, 6), b.expired(9000, 6)])
    const ids = [...some, ...others].map(({ id }) => id)
    expect(new Set(ids).size).toBe(ids.length)
    expect(ids.length).toBe(10)
    const events = (await a.pendingEvents(4)).map(({ id }) => id)
    expect(events).toHaveLength(4)
    for (const { id } of await b.pendingEvents(100)) expect(events).not.toContain(id)
    // A node that looks again finds what it has taken.
    expect((await a.pendingEvents(4)).map(({ id }) => id)).toEqual(events)
  })
})
