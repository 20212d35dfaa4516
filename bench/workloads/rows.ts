/**
 * Whether what is in the catalog makes requests slower: the same ones to a server with few rows and to one with very
 * many, in turns, so that what drifts meets both.
 */
import { createHmac } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { startS3 } from '@pawl/emulators/s3'
import { Connection } from '../load/connection.ts'
import { type Filler, fillPostgres, fillSqlite } from '../load/fill.ts'
import { small } from '../load/payload.ts'
import { create, expectAt, patch } from '../load/tus.ts'
import { pawl } from '../servers/pawl.ts'
import { type ServerProcess, startServer } from '../servers/server-process.ts'
import { summary } from '../statistics.ts'
import type { Measurement, Scale, Target, Workload } from './workload.ts'

const FEW = 1000
/** The other uploads are finished: `growth` is about open ones, each of which a server looks at when it starts. */
const OPEN_SHARE = 0.01
/** Objects in a folder: a page of a listing. */
const FOLDER = 100
const PIECE = 1024
/** Of each operation, before the other server has its turn. */
const BATCH = 20
const WARM_UP = 2
const BATCHES = 10
const SECRET = 'only for a benchmark, and long enough'

export const growthOfRows: readonly Workload[] = [
  { ...row('SQLite'), run: (target, scale) => run(target, scale, onSqlite) },
  { ...row('Postgres'), run: (target, scale) => run(target, scale, onPostgres) },
]

function row(catalog: string): Omit<Workload, 'run'> {
  return {
    name: `growth-${catalog.toLowerCase()}`,
    title: `HEAD, append, publish, listing on ${catalog}: slowest of their times among very many rows to few`,
    unit: '×',
    better: 'lower',
    limitMinutes: 15,
  }
}

/** A server on a catalog of its own. */
interface Place {
  readonly start: () => Promise<ServerProcess>
  /** While no server runs. */
  readonly fill: () => Promise<Filler>
  readonly end: () => Promise<void>
}

interface Sample {
  readonly server: ServerProcess
  readonly connection: Connection
  readonly times: Record<Operation, number[]>
  readonly upload: { readonly path: string; offset: number }
}

const OPERATIONS = ['head', 'append', 'publish', 'list'] as const
type Operation = (typeof OPERATIONS)[number]

async function run(
  { folder }: Target,
  { rows }: Scale,
  make: (folder: string) => Promise<Place>,
): Promise<Measurement> {
  const root = await mkdtemp(join(dirname(folder), 'rows-'))
  const closing: (() => Promise<void>)[] = [() => rm(root, { recursive: true, force: true })]
  try {
    const places: Place[] = []
    for (const count of [FEW, rows]) {
      const place = await make(await mkdtemp(join(root, 'data-')))
      closing.push(place.end)
      await fill(place, count)
      places.push(place)
    }
    const samples: Sample[] = []
    for (const place of places) {
      const server = await place.start()
      closing.push(server.stop)
      const connection = await Connection.open(server.port)
      closing.push(async () => connection.close())
      const path = await create(connection, 1_000_000_000)
      const times = { head: [], append: [], publish: [], list: [] }
      samples.push({ server, connection, times, upload: { path, offset: 0 } })
    }
    for (let batch = 0; batch < WARM_UP + BATCHES; batch += 1) {
      for (const sample of batch % 2 === 0 ? samples : samples.toReversed())
        await measure(sample, batch, batch >= WARM_UP)
    }
    return result(samples, rows)
  } finally {
    for (const close of closing.reverse()) await close()
  }
}

function result([few, many]: readonly Sample[], rows: number): Measurement {
  const details: Record<string, number> = { rows }
  let worst = 0
  for (const operation of OPERATIONS) {
    const [alone, among] = [few, many].map((sample) => summary(sample?.times[operation] ?? []).median)
    if (alone === undefined || among === undefined) throw new Error(`${operation} was not measured`)
    details[`${operation}FewMs`] = alone
    details[`${operation}ManyMs`] = among
    worst = Math.max(worst, among / alone)
  }
  return { value: worst, details }
}

async function measure(sample: Sample, batch: number, counts: boolean): Promise<void> {
  const { connection, upload, times } = sample
  const time = async (operation: Operation, work: (index: number) => Promise<void>): Promise<void> => {
    for (let i = 0; i < BATCH; i += 1) {
      const begun = performance.now()
      await work(batch * BATCH + i)
      if (counts) times[operation].push(performance.now() - begun)
    }
  }
  await time('head', () => expectAt(connection, upload.path, upload.offset))
  await time('append', async (index) => {
    await patch(connection, upload.path, upload.offset, small(index, PIECE))
    upload.offset += PIECE
  })
  await time('publish', async (index) => void (await create(connection, PIECE, small(index, PIECE))))
  await time('list', (index) => list(sample.server.port, index % (FEW / FOLDER)))
}

/** One page: all of a folder in the middle of the bucket. */
async function list(port: number, folder: number): Promise<void> {
  const answer = await fetch(`http://127.0.0.1:${port}/storage/v1/object/list/files`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${serviceToken()}` },
    body: JSON.stringify({ prefix: `bulk/${folder}`, limit: FOLDER }),
  })
  const entries = (await answer.json()) as unknown[]
  if (!answer.ok || entries.length !== FOLDER)
    throw new Error(
      `the listing was answered with ${answer.status} and ${JSON.stringify(entries).slice(0, 200)}`,
    )
}

/** As many uploads and objects as are asked for, copied from one of each that the server makes. */
async function fill(place: Place, count: number): Promise<void> {
  const server = await place.start()
  const connection = await Connection.open(server.port)
  try {
    await create(connection, 1000)
    await create(connection, PIECE, small(0, PIECE))
  } finally {
    connection.close()
    await server.stop()
  }
  const filler = await place.fill()
  try {
    const open = Math.round(count * OPEN_SHARE)
    await filler.copy('uploads', "t.state = 'open'", open, {
      id: 'n.id',
      segment: 'n.id',
      key: "'open/' || n.i",
    })
    await filler.copy('uploads', "t.state = 'complete'", count - open, { id: 'n.id', key: "'bulk/' || n.i" })
    await filler.run(
      `INSERT INTO ${filler.schema}segments (id, refs) SELECT id, 1 FROM ${filler.schema}uploads
       WHERE key LIKE 'open/%'`,
    )
    const key = `'bulk/' || (n.i % ${count / FOLDER}) || '/' || n.i || '.bin'`
    const digests = `'{"sha-256":"${'0'.repeat(64)}"}'`
    await filler.copy('objects', 'true', count, { version: 'n.id', id: 'n.id', key, digests })
    await filler.run(
      `INSERT INTO ${filler.schema}object_segments (version, ordinal, segment, length, start)
       SELECT o.version, 0, t.segment, t.length, t.start
       FROM ${filler.schema}objects AS o, (SELECT * FROM ${filler.schema}object_segments LIMIT 1) AS t
       WHERE o.key LIKE 'bulk/%'`,
    )
    await filler.run(
      `UPDATE ${filler.schema}segments SET refs = refs + ${count}
       WHERE id IN (SELECT segment FROM ${filler.schema}object_segments)`,
    )
    // As a database does by itself sooner or later.
    await filler.run('ANALYZE')
  } finally {
    await filler.close()
  }
}

/** Nobody else may list what is in a bucket. */
function serviceToken(): string {
  const text = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  const claims = { role: 'service_role', exp: Math.ceil(Date.now() / 1000) + 3600 }
  const signed = `${text({ alg: 'HS256', typ: 'JWT' })}.${text(claims)}`
  return `${signed}.${createHmac('sha256', SECRET).update(signed).digest('base64url')}`
}

async function onSqlite(folder: string): Promise<Place> {
  const env = { ...pawl.env, PAWL_JWT_SECRET: SECRET }
  return {
    start: () => startServer({ ...pawl, env }, folder, undefined),
    fill: async () => fillSqlite(join(folder, 'catalog.sqlite')),
    end: async () => {},
  }
}

async function onPostgres(folder: string): Promise<Place> {
  // Loaded now: it looks where Postgres is, which may just have been installed.
  const { provideServices } = await import('../../scripts/services.ts')
  provideServices(console.error)
  const { startPostgres } = await import(
    '../../packages/server/src/catalog/postgres/testing/postgres-server.ts'
  )
  const postgres = await startPostgres()
  const s3 = await startS3()
  const env = {
    ...pawl.env,
    PAWL_DATABASE_URL: postgres.url,
    PAWL_BLOBS_URL: `s3://bucket/?endpoint=${encodeURIComponent(s3.endpoint)}&forcePathStyle=true`,
    PAWL_JWT_SECRET: SECRET,
    AWS_ACCESS_KEY_ID: 'a',
    AWS_SECRET_ACCESS_KEY: 'b',
  }
  return {
    start: () => startServer({ ...pawl, env }, folder, undefined),
    fill: async () => fillPostgres(await postgres.connect()),
    end: async () => {
      await s3.close()
      await postgres.close()
    },
  }
}
