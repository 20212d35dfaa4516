import { type S3, startS3 } from '@pawl/emulators/s3'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { S3Store } from '../src/blobs/s3/s3-store.ts'
import { openPostgresCatalog } from '../src/catalog/postgres/postgres-catalog.ts'
import {
  POSTGRES_BIN,
  type PostgresServer,
  startPostgres,
} from '../src/catalog/postgres/testing/postgres-server.ts'
import { createServer, type PawlServer, readConfig } from '../src/index.ts'
import { contentOf, MIB } from './content.ts'
import { startNode } from './nodes.ts'
import type { Pawl } from './process.ts'
import { until } from './until.ts'
import { beginPatch, create, head, offsetOf, patch, post, type Reply, remove, sha256Of } from './wire.ts'

const SIZE = 16 * MIB
const content = contentOf('nodes')

let postgres: PostgresServer
let s3: S3
let a: Pawl
let b: Pawl

/** The same upload as another node knows it. */
const at = (node: Pawl, url: string): string => `${node.url}${new URL(url).pathname}`

function closed(server: PawlServer): PawlServer & AsyncDisposable {
  return { ...server, [Symbol.asyncDispose]: () => server.close() }
}

function expectPassing(reply: Reply, status: number): void {
  expect(reply.status).toBe(status)
  expect(Number(reply.headers['retry-after'])).toBeGreaterThan(0)
}

describe.skipIf(POSTGRES_BIN === undefined)('nodes that share Postgres and S3', () => {
  beforeAll(async () => {
    postgres = await startPostgres()
    s3 = await startS3()
    const start = (): Promise<Pawl> => startNode({ database: postgres.url, s3 })
    ;[a, b] = await Promise.all([start(), start()])
  }, 180_000)
  afterAll(async () => {
    for (const node of [a, b]) await node?.stop()
    await s3.close()
    await postgres.close()
  })
  afterEach(() => {
    s3.hold = () => undefined
  })

  test('a HEAD is one trip to Postgres, a PATCH in the middle two', async () => {
    const statements: string[] = []
    const onStatement = (text: string): void => {
      // All leases of a node are renewed together, once a second.
      if (!text.includes('SET lease_until')) statements.push(text)
    }
    // Beside the catalog of the nodes, which belongs to another store.
    const catalog = await openPostgresCatalog({ url: postgres.url, schema: 'trips', onStatement })
    const blobs = new S3Store({
      parts: catalog,
      bucket: 'bucket',
      prefix: 'trips/',
      endpoint: s3.endpoint,
      region: undefined,
      forcePathStyle: true,
      credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
    })
    const config = readConfig({ argv: ['--dev', '--port', '0', '--log', 'silent'], env: {}, warn: () => {} })
    await using server = closed(await createServer(config, { catalog, leases: catalog.leases, blobs }))
    const url = await create(await server.listen(), SIZE)
    const trips = async (work: () => Promise<Reply>, status: number): Promise<string[]> => {
      statements.length = 0
      expect((await work()).status).toBe(status)
      return [...statements]
    }
    await patch(url, 0, content.bytes(0, 6 * MIB))
    expect(await trips(() => patch(url, 6 * MIB, content.bytes(6 * MIB, 12 * MIB)), 204)).toHaveLength(2)
    expect(await trips(() => head(url), 200)).toHaveLength(1)
    // Also where what comes is too short for a part.
    expect(await trips(() => patch(url, 12 * MIB, content.bytes(12 * MIB, 13 * MIB)), 204)).toHaveLength(2)
    expect(await trips(() => head(url), 200)).toHaveLength(1)
    expect((await patch(url, 13 * MIB, content.bytes(13 * MIB, SIZE))).status).toBe(204)
    expect(await sha256Of(url)).toBe(content.sha256(SIZE))
  })

  test('any node goes on where another one was, shows it, and gives it up', async () => {
    const url = await create(a.url, SIZE)
    for (let offset = 0, i = 0; offset < SIZE; offset += 4 * MIB, i += 1) {
      const [here, there] = i % 2 === 0 ? [a, b] : [b, a]
      expect(await offsetOf(at(there, url))).toBe(offset)
      expect((await patch(at(here, url), offset, content.bytes(offset, offset + 4 * MIB))).status).toBe(204)
    }
    expect(await offsetOf(at(b, url))).toBe(SIZE)
    for (const node of [a, b]) expect(await sha256Of(at(node, url))).toBe(content.sha256(SIZE))
    const other = await create(b.url, SIZE)
    await patch(other, 0, content.bytes(0, MIB))
    expect((await remove(at(a, other))).status).toBe(204)
    expect((await head(other)).status).toBe(404)
  })

  test('when a node is killed in the middle of a body, another goes on from what counted, at once', async () => {
    const url = await create(a.url, SIZE)
    await patch(url, 0, content.bytes(0, 6 * MIB))
    const sending = beginPatch(url, 6 * MIB, SIZE - 6 * MIB)
    await sending.write(content.bytes(6 * MIB, 8 * MIB))
    await a.kill()
    const since = performance.now()
    const offset = await offsetOf(at(b, url))
    expect((await patch(at(b, url), offset, content.bytes(offset, SIZE))).status).toBe(204)
    // Well before a lease that nobody renews is over.
    expect(performance.now() - since).toBeLessThan(5000)
    expect(await sha256Of(at(b, url))).toBe(content.sha256(SIZE))
    await a.restart()
    expect(await sha256Of(url)).toBe(content.sha256(SIZE))
  })

  test('a node that was frozen between sending a part and recording it changes nothing when it wakes up', async () => {
    const url = await create(a.url, SIZE)
    await patch(url, 0, content.bytes(0, 6 * MIB))
    const arrived = Promise.withResolvers<void>()
    const late = Promise.withResolvers<void>()
    let held = 0
    s3.hold = (call) => {
      if (call !== 'send' || held > 0) return undefined
      held += 1
      arrived.resolve()
      return late.promise
    }
    // Other bytes than those that the client sends the next time: they must not show up anywhere.
    const wrong = patch(url, 6 * MIB, Buffer.alloc(6 * MIB, 0xee)).catch(() => undefined)
    await arrived.promise
    process.kill(a.pid, 'SIGSTOP')
    try {
      // Its lease runs out: until then the upload is busy.
      await until('the other node has it', async () => {
        const reply = await patch(at(b, url), 6 * MIB, content.bytes(6 * MIB, 12 * MIB))
        return reply.status === 204
      })
      // What was sent before it froze arrives now, under a number that nobody else has.
      late.resolve()
      await until('the late part is there', () => s3.requests.some(({ call }) => call === 'send'))
    } finally {
      process.kill(a.pid, 'SIGCONT')
    }
    await wrong
    expect(await offsetOf(url)).toBe(12 * MIB)
    expect((await patch(at(b, url), 12 * MIB, content.bytes(12 * MIB, SIZE))).status).toBe(204)
    for (const node of [a, b]) expect(await sha256Of(at(node, url))).toBe(content.sha256(SIZE))
  })

  test('without Postgres HEAD says 423 and everything else 503, and all goes on when it is back', async () => {
    const begun = await create(a.url, SIZE)
    await patch(begun, 0, content.bytes(0, 6 * MIB))
    const sending = beginPatch(begun, 6 * MIB, SIZE - 6 * MIB)
    await sending.write(content.bytes(6 * MIB, 8 * MIB))

    await postgres.stop('immediate')
    expectPassing(await head(at(b, begun)), 423)
    expectPassing(await patch(at(b, begun), 6 * MIB, content.bytes(6 * MIB, 7 * MIB)), 503)
    expectPassing(await post(b.url, SIZE), 503)
    expect((await fetch(`${b.url}/ready`)).status).toBe(503)
    expect((await fetch(`${b.url}/health`)).status).toBe(200)
    // The body under way ends with an answer that lets its client look and go on, or with none.
    await sending.write(content.bytes(8 * MIB, SIZE)).catch(() => {})
    sending.request.end()
    const cut = await sending.reply.catch(() => undefined)
    if (cut !== undefined) expectPassing(cut, 503)

    await postgres.start()
    let offset = 0
    await until('it is served again', async () => {
      const reply = await head(at(b, begun))
      offset = Number(reply.headers['upload-offset'])
      return reply.status === 200
    })
    expect(offset).toBeGreaterThanOrEqual(6 * MIB)
    await until('it goes on', async () => {
      offset = await offsetOf(at(b, begun))
      return (await patch(at(b, begun), offset, content.bytes(offset, SIZE))).status === 204
    })
    for (const node of [a, b]) expect(await sha256Of(at(node, begun))).toBe(content.sha256(SIZE))
  })
})
