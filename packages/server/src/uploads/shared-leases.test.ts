import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { LeaseRows } from '../catalog/lease-rows.ts'
import { openPostgresCatalog, type PostgresCatalog } from '../catalog/postgres/postgres-catalog.ts'
import {
  POSTGRES_BIN,
  type PostgresServer,
  startPostgres,
} from '../catalog/postgres/testing/postgres-server.ts'
import { sampleUpload } from '../catalog/sample-records.ts'
import type { PartsGrowth } from '../catalog/segment-parts.ts'
import { leaseContract } from './lease.contract.ts'
import { Leases } from './lease.ts'
import { SharedLeases } from './shared-leases.ts'
import type { UploadId, UploadRecord } from './upload.ts'

interface Node {
  readonly catalog: PostgresCatalog
  readonly leases: SharedLeases
  /** Its process is stopped: it renews nothing and answers nobody, until the result is called. */
  freeze(): () => void
  /** Statements so far. */
  statements(): number
}

let server: PostgresServer
const nodes: Node[] = []

async function startNode(url = server.url): Promise<Node> {
  let statements = 0
  const catalog = await openPostgresCatalog({
    url,
    onStatement: () => {
      statements += 1
    },
  })
  let thawed: Promise<unknown> = Promise.resolve()
  const rows: LeaseRows = {
    ...catalog.leases,
    renew: (holds) => thawed.then(() => catalog.leases.renew(holds)),
    onAsked: (answer) => catalog.leases.onAsked((question) => thawed.then(() => answer(question))),
  }
  const leases = new SharedLeases(new Leases(60_000), rows, () => {})
  const freeze = (): (() => void) => {
    const { promise, resolve } = Promise.withResolvers<void>()
    thawed = promise
    return resolve
  }
  const node = { catalog, leases, freeze, statements: () => statements }
  nodes.push(node)
  return node
}

async function newUpload(): Promise<UploadId> {
  const upload = sampleUpload()
  await nodes[0]?.catalog.insertUpload(upload)
  return upload.id
}

async function find(id: UploadId): Promise<UploadRecord> {
  const upload = await nodes[0]?.catalog.findUpload(id)
  if (upload === undefined) throw new Error('the upload is gone')
  return upload
}

interface Line {
  readonly url: string
  /** Postgres has lost the connection that listens; the node hears nothing of it, nor of anything else. */
  lose(): void
  /** The node has lost the connection that listens; Postgres hears nothing of it until the result is called. */
  loseHere(): () => void
  close(): Promise<void>
}

/** Between one node and Postgres. */
async function startLine(): Promise<Line> {
  const url = new URL(server.url)
  const socket = join(url.searchParams.get('host') ?? '', '.s.PGSQL.5432')
  const folder = await mkdtemp(join(tmpdir(), 'pawl-line-'))
  let listening: readonly Socket[] = []
  const lost = new Set<Socket>()
  const listener = createServer((client) => {
    const postgres = connect(socket)
    const pass = (from: Socket, to: Socket): void => {
      from.on('data', (chunk) => {
        if (from === client && chunk.includes('LISTEN')) listening = [client, postgres]
        if (!lost.has(from)) to.write(chunk)
      })
      from.on('close', () => lost.has(from) || to.destroy())
      from.on('error', () => {})
    }
    pass(client, postgres)
    pass(postgres, client)
  })
  listener.listen(join(folder, '.s.PGSQL.5432'))
  await once(listener, 'listening')
  url.searchParams.set('host', folder)
  const lose = (end: 0 | 1): (() => void) => {
    const both = listening
    for (const each of both) lost.add(each)
    both[end]?.destroy()
    return () => both.forEach((each) => void each.destroy())
  }
  return {
    url: url.href,
    lose: () => void lose(1),
    loseHere: () => lose(0),
    async close() {
      listener.close()
      for (const each of lost) each.destroy()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** To others. */
async function isPresent({ catalog }: Node): Promise<boolean> {
  const client = await server.connect()
  const { rowCount } = await client.query(
    "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 2 AND objid = $1::bigint::oid AND granted",
    [catalog.leases.node],
  )
  await client.end()
  return rowCount !== 0
}

const growth = (given: Partial<PartsGrowth> = {}): PartsGrowth => ({
  start: 0,
  parts: [{ number: 1, etag: 'e', length: 10 }],
  tail: undefined,
  session: 's',
  at: 1,
  ...given,
})

describe.skipIf(POSTGRES_BIN === undefined)('leases that nodes share', { timeout: 60_000 }, () => {
  beforeAll(async () => {
    server = await startPostgres()
  }, 120_000)
  afterAll(() => server.close())
  let a: Node
  let b: Node
  beforeEach(async () => {
    a = await startNode()
    b = await startNode()
  })
  afterEach(async () => {
    for (const { leases, catalog } of nodes.splice(0)) {
      // Holders that a test left let go.
      await leases.close()
      await catalog.close()
    }
  })

  leaseContract(() => ({ here: a.leases, there: b.leases, newUpload, find }))

  test('come with the record and the right to write, in one trip', async () => {
    const id = await newUpload()
    const before = a.statements()
    const lease = await a.leases.acquire(id, 'patient')
    expect(a.statements() - before).toBe(1)
    expect(lease.found).toMatchObject({ id, stored: { inParts: 0, holder: a.catalog.leases.node } })
    expect(lease.hold).toMatchObject({ fence: 1, numbers: { first: 1, count: 8 } })
    lease.release()
  })

  test('that a record has ended cost no other trip', async () => {
    const id = await newUpload()
    const lease = await a.leases.acquire(id, 'patient')
    if (lease.hold === undefined) throw new Error('no hold came with the lease')
    const before = a.statements()
    await a.catalog.recordParts(lease.hold, growth({ unusedFrom: 2 }))
    lease.release()
    const next = await b.leases.acquire(id, 'patient')
    expect(a.statements() - before).toBe(1)
    expect(next.hold).toMatchObject({ stored: { inParts: 10 }, numbers: { first: 2 } })
    next.release()
  })

  test('give part numbers back that nothing was sent under, however often a client comes in vain', async () => {
    const id = await newUpload()
    for (let i = 0; i < 5; i += 1) {
      const lease = await a.leases.acquire(id, 'patient')
      lease.release()
    }
    const lease = await a.leases.acquire(id, 'patient')
    expect(lease.hold?.numbers.first).toBe(1)
    lease.release()
  })

  test('of a node that was killed are free at once', async () => {
    const id = await newUpload()
    const killed = await startNode()
    const lease = await killed.leases.acquire(id, 'patient')
    // What the kernel does for a killed process: its connections are gone.
    const client = await server.connect()
    await client.query(
      `SELECT pg_terminate_backend(pid) FROM pg_locks
       WHERE locktype = 'advisory' AND objsubid = 2 AND objid = $1::bigint::oid`,
      [killed.catalog.leases.node],
    )
    await client.end()
    const since = performance.now()
    const next = await b.leases.acquire(id, 'patient')
    expect(performance.now() - since).toBeLessThan(1000)
    // It wakes up late: nothing that it does counts.
    if (lease.hold === undefined) throw new Error('no hold came with the lease')
    await expect(killed.catalog.recordParts(lease.hold, growth())).rejects.toMatchObject({ code: 'fenced' })
    next.release()
    lease.release()
  })

  test('of a node that is frozen are free when their time is over, and it learns that it lost them', async () => {
    const id = await newUpload()
    const lease = await a.leases.acquire(id, 'patient')
    const lost = new Promise((resolve) => lease.ended.addEventListener('abort', resolve))
    const thaw = a.freeze()
    await expect(b.leases.acquire(id, 'patient')).rejects.toMatchObject({ code: 'busy' })
    // It is not renewed: in a while, or sooner where its time is put back.
    const client = await server.connect()
    await client.query(
      "UPDATE pawl.segments SET lease_until = now() - interval '1 second' WHERE holder IS NOT NULL",
    )
    await client.end()
    const next = await b.leases.acquire(id, 'patient')
    thaw()
    if (lease.hold === undefined) throw new Error('no hold came with the lease')
    await expect(a.catalog.recordParts(lease.hold, growth())).rejects.toMatchObject({ code: 'fenced' })
    await expect(a.catalog.setRollback(id, undefined, lease.hold)).rejects.toMatchObject({ code: 'fenced' })
    await expect(a.catalog.setLength(id, 5, lease.hold)).rejects.toMatchObject({ code: 'fenced' })
    await lost
    expect(lease.ended.reason).toBe('displaced')
    lease.release()
    next.release()
  })

  test('of a node that is frozen are taken from it by who wants them at once', async () => {
    const id = await newUpload()
    const lease = await a.leases.acquire(id, 'patient')
    const thaw = a.freeze()
    const next = await b.leases.acquire(id, 'at-once')
    expect(next.hold?.fence).toBeGreaterThan(lease.hold?.fence ?? 0)
    thaw()
    lease.release()
    next.release()
  })

  test('are not asked for by someone who may not touch the upload', async () => {
    const id = await newUpload()
    const lease = await a.leases.acquire(id, 'patient')
    lease.waiting()
    const refused = b.leases.acquire(id, 'at-once', undefined, () => {
      throw new Error('not yours')
    })
    await expect(refused).rejects.toThrow('not yours')
    expect(lease.ended.aborted).toBe(false)
    lease.release()
  })

  test('of a node that lost its connection unawares are still its own, and it is asked for them', async () => {
    const line = await startLine()
    const node = await startNode(line.url)
    const id = await newUpload()
    const lease = await node.leases.acquire(id, 'patient')
    lease.ended.addEventListener('abort', () => lease.release())
    line.lose()
    await expect.poll(() => isPresent(node)).toBe(false)
    await expect.poll(() => isPresent(node), { timeout: 15_000 }).toBe(true)
    await expect(b.leases.acquire(id, 'patient')).rejects.toMatchObject({ code: 'busy' })
    lease.release()
    await line.close()
  })

  test('of a node whose old connection stays for a while are its own when that is gone as well', async () => {
    const line = await startLine()
    const node = await startNode(line.url)
    const end = line.loseHere()
    await sleep(1000)
    expect(await isPresent(node)).toBe(true)
    end()
    await expect.poll(() => isPresent(node), { timeout: 5000 }).toBe(false)
    await expect.poll(() => isPresent(node), { timeout: 5000 }).toBe(true)
    await line.close()
  })

  test('go on after Postgres was away', async () => {
    const id = await newUpload()
    const lease = await a.leases.acquire(id, 'patient')
    lease.ended.addEventListener('abort', () => lease.release())
    await server.stop('immediate')
    await expect(b.leases.acquire(id, 'patient')).rejects.toMatchObject({ code: 'unavailable' })
    await server.start()
    // Its node listens again: until then nobody is there to be asked.
    await expect
      .poll(
        () =>
          b.leases.acquire(id, 'at-once').then(
            (next) => next.release(),
            (error) => error,
          ),
        { timeout: 20_000 },
      )
      .toBeUndefined()
  })
})
