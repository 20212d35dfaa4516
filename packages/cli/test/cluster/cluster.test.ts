/**
 * Uploads through a cluster while nodes are killed, Postgres is restarted and S3 is away. Small here;
 * `npm run test:soak -- --cluster` runs it in the size that the promise names.
 */
import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { hasCeph } from '@pawl/emulators/ceph'
import { Files } from 'pawl'
import { tus } from 'pawl/tus'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { S3Store } from '../../../server/src/blobs/s3/s3-store.ts'
import { openPostgresCatalog } from '../../../server/src/catalog/postgres/postgres-catalog.ts'
import { POSTGRES_BIN } from '../../../server/src/catalog/postgres/testing/postgres-server.ts'
import { Readers } from '../../../server/src/objects/readers.ts'
import { sampleEngine } from '../../../server/src/uploads/sample-engine.ts'
import { sweep } from '../../../server/src/uploads/sweep.ts'
import { type Content, chance, contentOf, MIB } from '../../../server/test/content.ts'
import { PROXIES } from '../../../server/test/http-proxies.ts'
import { contentsOf } from '../../../server/test/nodes.ts'
import { startTcpProxy, type TcpProxy } from '../../../server/test/tcp-proxy.ts'
import { uploadWithTus } from '../../../server/test/tus-client.ts'
import { type Cluster, startCluster } from './cluster.ts'

/** How many uploads, of how many MiB at least and at most, and how long S3 is away. */
const LARGE = process.env.PAWL_TEST_CLUSTER === 'large'
const [UPLOADS, LEAST, MOST, AWAY_MS] = LARGE ? [200, 16, 512, 10_000] : [6, 6, 24, 1500]
/** Small files are many and large ones few, as it is with what people upload. */
const SKEW = LARGE ? 8 : 1
const AT_ONCE = LARGE ? 8 : 6
const CHUNK = 8 * MIB
const LIMIT_MS = LARGE ? 3_600_000 : 300_000

const can =
  POSTGRES_BIN !== undefined && PROXIES.some(({ name, program }) => name === 'nginx' && program !== '')

describe.skipIf(!can || !(await hasCeph()))('a cluster', { timeout: LIMIT_MS }, () => {
  let cluster: Cluster
  let front: TcpProxy
  beforeAll(async () => {
    cluster = await startCluster(LARGE ? { diskGiB: 60 } : {})
    // Counts what clients send, before any proxy could repeat it.
    front = await startTcpProxy(cluster.proxy.port, LARGE ? 0 : 12 * MIB)
  }, 300_000)
  afterAll(async () => {
    await front?.close()
    await cluster?.close()
  }, 60_000)

  test('finishes every upload, once and with its own bytes, whatever is killed or away meanwhile', async () => {
    const random = chance('cluster')
    const wanted: { readonly content: Content; readonly size: number; readonly client: string }[] = []
    const urls = new Map<number, string>()
    const posts: string[] = []
    let uploading = true
    let calm = false
    const lane = async (): Promise<void> => {
      // There is always something under way that can be disturbed.
      while (wanted.length < UPLOADS || !(calm || LARGE)) {
        const i = wanted.length
        const content = contentOf(`cluster-${random.seed}-${i}`)
        // Not a multiple of anything.
        const size = Math.round(LEAST * MIB * (MOST / LEAST) ** ((random.between(0, 1000) / 1000) ** SKEW))
        const client = i % 2 === 0 ? 'tus-js-client' : 'pawl'
        wanted.push({ content, size, client })
        const bytes = content.bytes(0, size)
        if (client === 'pawl') {
          const files = new Files({ adapter: tus({ endpoint: `${front.url}/files/` }) })
          const options = { multipart: { partSize: CHUNK }, retries: { max: 300, backoff: () => 250 } }
          urls.set(i, (await files.upload(`${i}.bin`, bytes, options)).url ?? '')
          continue
        }
        const run = uploadWithTus(front.url, bytes, CHUNK)
        await run.done
        posts.push(...run.log.filter((line) => line === 'POST 201'))
        urls.set(i, run.url ?? '')
      }
    }
    const disturbed = disturb(cluster, () => uploading, random.between).finally(() => {
      calm = true
    })
    const uploads = Promise.all(Array.from({ length: AT_ONCE }, lane)).finally(() => {
      uploading = false
    })
    const [, disturbances] = await Promise.all([uploads, disturbed])
    const total = wanted.reduce((sum, { size }) => sum + size, 0)
    const sent = front.bytes
    console.log(`cluster: ${total / MIB} MiB wanted, ${sent / MIB} MiB sent, ${disturbances.join(', ')}`)

    // No upload started over: what is sent twice is what no node had recorded when it died.
    expect(posts).toHaveLength(wanted.filter(({ client }) => client === 'tus-js-client').length)
    expect(sent).toBeLessThan(total + CHUNK * AT_ONCE * (disturbances.length + 1))
    for (const [i, { content, size }] of wanted.entries()) {
      const url = `${cluster.url}${new URL(urls.get(i) ?? '', cluster.url).pathname}`
      const hash = createHash('sha256')
      const answer = await fetch(url)
      for await (const chunk of answer.body ?? []) hash.update(chunk)
      expect(hash.digest('hex')).toBe(content.sha256(size))
    }
    const client = await cluster.postgres.connect()
    const count = async (sql: string): Promise<number> => Number((await client.query(sql)).rows[0]?.n)
    // Published once each; what an answer that was lost made a client begin anew is open and empty at most.
    expect(await count('SELECT count(*) AS n FROM pawl.objects')).toBe(wanted.length)
    expect(await count("SELECT count(*) AS n FROM pawl.uploads WHERE state = 'complete'")).toBe(wanted.length)
    expect(await count('SELECT coalesce(sum(in_parts), 0) AS n FROM pawl.segments WHERE sealed = 0')).toBe(0)
    await client.end()
    for (const node of cluster.nodes) await node.stop()
    expect(await leftAfterSweep(cluster)).toEqual({ rows: {}, keys: [] })
  })
})

/** A time at which everything that a sweep may take is due. */
const LATER_MS = 30 * 24 * 3_600_000

/**
 * Sweeps as a node does, with a clock that is a month ahead. Resolves to what is there besides objects: rows by their
 * tables, and keys in S3, those of multipart uploads under way included.
 */
async function leftAfterSweep({ postgres, s3, bucket }: Cluster): Promise<{ rows: object; keys: string[] }> {
  const now = (): number => Date.now() + LATER_MS
  const catalog = await openPostgresCatalog({ url: postgres.url })
  const place = { bucket, prefix: 'pawl/', endpoint: s3.endpoint, region: undefined, forcePathStyle: true }
  const blobs = new S3Store({ ...place, credentials: s3.credentials, parts: catalog, now })
  const client = await postgres.connect()
  try {
    const engine = sampleEngine(catalog, blobs, now)
    // What expires is forgotten later, and its bytes later still.
    for (const late of [0, 1, 2])
      await sweep({ ...engine, now: () => now() + late * LATER_MS }, new Readers())
    const rows: Record<string, number> = {}
    const named = 'SELECT segment FROM pawl.object_segments'
    for (const [table, which] of [
      ['uploads', "state <> 'complete'"],
      ['segments', `id NOT IN (${named}) OR sealed = 0`],
      ['segment_parts', 'true'],
      ['outbox', 'true'],
    ] as const) {
      const { rows: found } = await client.query(`SELECT count(*) AS n FROM pawl.${table} WHERE ${which}`)
      if (Number(found[0]?.n) > 0) rows[table] = Number(found[0]?.n)
    }
    const wanted = new Set((await client.query(named)).rows.map(({ segment }) => `pawl/segments/${segment}`))
    const { objects, sessions } = await contentsOf(s3, bucket)
    const keys = [...objects.filter((key) => !wanted.delete(key) && key !== 'pawl/store.json'), ...sessions]
    // Nor is anything missing.
    return { rows, keys: [...keys, ...wanted] }
  } finally {
    await client.end()
    await blobs.close()
    await catalog.close()
  }
}

/** Does what the promise names, one after the other; a large test goes on with kills. Resolves to what it did. */
async function disturb(
  { nodes, postgres, s3 }: Cluster,
  isUploading: () => boolean,
  between: (min: number, max: number) => number,
): Promise<string[]> {
  const did: string[] = []
  const kill = async (): Promise<void> => {
    const node = nodes[between(0, nodes.length - 1)]
    await node?.kill()
    await sleep(between(100, 800))
    await node?.restart()
    did.push('a node killed')
  }
  const restartPostgres = async (): Promise<void> => {
    await postgres.stop('immediate')
    await sleep(500)
    await postgres.start()
    did.push('Postgres restarted')
  }
  const loseS3 = async (): Promise<void> => {
    await s3.stopGateways()
    await sleep(AWAY_MS)
    await s3.startGateways()
    did.push('S3 away')
  }
  const steps = LARGE
    ? [kill, kill, restartPostgres, kill, loseS3, kill, kill, restartPostgres]
    : [kill, loseS3, restartPostgres, kill]
  for (const step of steps) {
    await sleep(between(300, 1000))
    await step()
  }
  if (!LARGE) return did
  while (isUploading()) {
    await sleep(between(1000, 4000))
    await kill()
  }
  return did
}
