/** The store in S3 on servers that speak S3 with others, and the server on top of it through kills and outages. */

import { createHash } from 'node:crypto'
import {
  CreateBucketCommand,
  GetObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  ListPartsCommand,
  S3Client,
} from '@aws-sdk/client-s3'
import { hasCeph, startCeph } from '@pawl/emulators/ceph'
import type { S3Server } from '@pawl/emulators/s3-server'
import { hasSwift, startSwift } from '@pawl/emulators/swift'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { blobStoreContract } from '../src/blobs/blob-store.contract.ts'
import { newSegmentId } from '../src/blobs/blob-store.ts'
import { type LooseS3Store, s3StoreAt } from '../src/blobs/s3/testing/s3-stores.ts'
import { collect, sampleBytes } from '../src/blobs/sample-bytes.ts'
import {
  POSTGRES_BIN,
  type PostgresServer,
  startPostgres,
} from '../src/catalog/postgres/testing/postgres-server.ts'
import { contentOf, MIB } from './content.ts'
import { startNode } from './nodes.ts'
import { type Pawl, startPawl } from './process.ts'
import { startTcpProxy, type TcpProxy } from './tcp-proxy.ts'
import { uploadWithTus } from './tus-client.ts'
import { until } from './until.ts'
import { beginPatch, create, head, offsetOf, patch, post, type Reply, sha256Of } from './wire.ts'

const [CEPH, SWIFT] = [await hasCeph(), await hasSwift()]
const SERVERS = [
  // Takes long to start: one is enough for the whole file.
  { name: 'Ceph', has: CEPH, start: async () => ({ ...ceph, close: async () => {} }) },
  { name: 'Swift', has: SWIFT, start: startSwift },
]
let ceph: S3Server

beforeAll(async () => {
  if (CEPH) ceph = await startCeph()
}, 300_000)
afterAll(() => ceph?.close())

describe.each(SERVERS)('the store in S3, on $name', ({ has, start }) => {
  if (!has) return test('keeps the contract', ({ skip }) => skip('it is not installed'))
  let server: S3Server
  const stores: LooseS3Store[] = []
  beforeAll(async () => {
    server = await start()
    await clientOf(server).send(new CreateBucketCommand({ Bucket: 'bucket' }))
  }, 180_000)
  afterAll(() => server?.close())
  afterEach(async () => {
    for (const store of stores.splice(0)) await store.close()
  })
  const make = async (): Promise<LooseS3Store> => {
    const store = await s3StoreAt(server)
    stores.push(store)
    return store
  }

  blobStoreContract(make, 5)

  test('parts and a tail become one object, whose bytes come back whole and in ranges', async () => {
    const store = await make()
    const bytes = sampleBytes(22 * MIB + 5)
    const segment = newSegmentId()
    for (const end of [18 * MIB, 20 * MIB, 22 * MIB + 5]) {
      const writer = await store.openWriter(segment)
      await writer.write([bytes.subarray(writer.length, end)])
      await writer.flush?.(true)
      await writer.close()
    }
    await store.seal(segment, bytes.byteLength)
    await store.seal(segment, bytes.byteLength)
    for (const [from, to] of [
      [0, bytes.byteLength],
      [18 * MIB - 1, 20 * MIB + 1],
    ] as const) {
      const read = await collect(store.read(segment, from, to))
      expect(read.equals(bytes.subarray(from, to))).toBe(true)
    }
    const url = await store.redirect(segment, 60, {
      contentType: 'text/plain',
      contentEncoding: undefined,
      contentDisposition: 'inline',
      cacheControl: 'no-cache',
    })
    const answer = await fetch(url, { headers: { Range: 'bytes=5-9' } })
    expect([answer.status, Buffer.from(await answer.arrayBuffer())]).toEqual([206, bytes.subarray(5, 10)])
    await store.remove(segment)
    expect(await store.tidy()).toBe(0)
  })
})

describe('a server whose bytes are in S3', () => {
  if (!CEPH) return test.skip('Ceph is not installed', () => {})
  const content = contentOf('s3')
  let line: TcpProxy
  const pawls: Pawl[] = []
  beforeAll(async () => {
    await clientOf(ceph).send(new CreateBucketCommand({ Bucket: 'bytes' }))
    line = await startTcpProxy(Number(new URL(ceph.endpoint).port))
  })
  afterAll(() => line?.close())
  afterEach(async () => {
    line.refuses = false
    for (const pawl of pawls.splice(0)) await pawl.stop()
  })

  async function start(prefix: string, env: Record<string, string> = {}): Promise<Pawl> {
    const { accessKeyId, secretAccessKey } = ceph.credentials
    const pawl = await startPawl({
      env: {
        AWS_ACCESS_KEY_ID: accessKeyId,
        AWS_SECRET_ACCESS_KEY: secretAccessKey,
        PAWL_BLOBS_URL: `s3://bytes/${prefix}?endpoint=${line.url}&forcePathStyle=true`,
        ...env,
      },
    })
    pawls.push(pawl)
    return pawl
  }

  test('kill -9 in mid-upload loses nothing that was told, and the object is one that other tools can read', {
    timeout: 300_000,
  }, async () => {
    const pawl = await start('kills')
    const size = 48 * MIB + 123
    const url = await create(pawl.url, size)
    let told = 0
    for (const chunk of [2 * MIB, 20 * MIB, 6 * MIB]) {
      expect((await patch(url, told, content.bytes(told, told + chunk))).status).toBe(204)
      told += chunk
      const sending = beginPatch(url, told, size - told)
      await sending.write(content.bytes(told, told + 6 * MIB))
      await pawl.kill()
      await pawl.restart()
      const offset = await offsetOf(url)
      expect(offset).toBeGreaterThanOrEqual(told)
      told = offset
    }
    expect((await patch(url, told, content.bytes(told, size))).status).toBe(204)
    expect(await sha256Of(url)).toBe(content.sha256(size))
    const { Contents = [] } = await clientOf(ceph).send(
      new ListObjectsV2Command({ Bucket: 'bytes', Prefix: 'kills/segments/' }),
    )
    const [object] = Contents
    expect(object?.Size).toBe(size)
    const { Body } = await clientOf(ceph).send(new GetObjectCommand({ Bucket: 'bytes', Key: object?.Key }))
    const bytes = await Body?.transformToByteArray()
    expect(
      createHash('sha256')
        .update(bytes ?? '')
        .digest('hex'),
    ).toBe(content.sha256(size))
  })

  test('while S3 is away HEAD says 423 and everything else 503, and all goes on when it is back', async () => {
    const pawl = await start('outage')
    const size = 100_000
    const url = await create(pawl.url, size)
    const done = await create(pawl.url, size)
    await patch(url, 0, content.bytes(0, 50_000))
    await patch(done, 0, content.bytes(0, size))
    line.refuses = true
    line.cut()
    expectPassing(await patch(url, 50_000, content.bytes(50_000, 60_000)), 503)
    expectPassing(await head(url), 423)
    expectPassing(await post(pawl.url, size), 503)
    expect((await fetch(`${pawl.url}/ready`)).status).toBe(503)
    // The record of a finished upload needs no bytes.
    expect(await offsetOf(done)).toBe(size)
    line.refuses = false
    await until('S3 is back', async () => (await head(url)).status === 200)
    expect(await offsetOf(url)).toBe(50_000)
    expect((await patch(url, 50_000, content.bytes(50_000, size))).status).toBe(204)
    expect(await sha256Of(url)).toBe(content.sha256(size))
  })

  test('tus-js-client keeps its upload through an outage of S3', async () => {
    const pawl = await start('client')
    const size = 40 * MIB
    const run = uploadWithTus(pawl.url, content.bytes(0, size), 6 * MIB)
    await until('it is under way', () => run.sent > 12 * MIB)
    line.refuses = true
    line.cut()
    await until('it has met the outage', () => run.log.some((entry) => / (503|423)$/.test(entry)))
    line.refuses = false
    await run.done
    expect(run.log.filter((entry) => entry.startsWith('POST'))).toEqual(['POST 201'])
    expect(await sha256Of(run.url ?? '')).toBe(content.sha256(size))
  })

  test('downloads are redirected to S3 where the operator wants it, ranges too', async () => {
    const pawl = await start('redirect', { PAWL_REDIRECT_DOWNLOADS: '5m' })
    const url = await create(pawl.url, 1000)
    await patch(url, 0, content.bytes(0, 1000))
    const answer = await fetch(url, { redirect: 'manual' })
    expect([answer.status, answer.headers.get('cache-control')]).toEqual([307, 'no-store'])
    expect(answer.headers.get('location')).toContain('X-Amz-Signature=')
    const part = await fetch(url, { headers: { Range: 'bytes=100-199' } })
    expect([part.status, Buffer.from(await part.arrayBuffer())]).toEqual([206, content.bytes(100, 200)])
    const { status, headers } = await head(url)
    expect(status).toBe(200)
    // S3 has another ETag than the one that is told here.
    const etag = String(headers.etag)
    const same = await fetch(url, { headers: { 'If-Match': etag } })
    expect([same.status, (await same.arrayBuffer()).byteLength]).toEqual([200, 1000])
    const rest = await fetch(url, { headers: { 'If-Range': etag, Range: 'bytes=900-' } })
    expect([rest.status, Buffer.from(await rest.arrayBuffer())]).toEqual([206, content.bytes(900, 1000)])
  })
})

describe.each(SERVERS)('nodes that share Postgres and $name', ({ has, start }) => {
  if (!has || POSTGRES_BIN === undefined) return test.skip('is not installed', () => {})
  const content = contentOf('strays')
  const SIZE = 30 * MIB + 9
  const BUCKET = 'strays'
  let server: S3Server
  let postgres: PostgresServer
  /** Between one node and S3. */
  let line: TcpProxy
  let first: Pawl
  let second: Pawl
  beforeAll(async () => {
    ;[server, postgres] = await Promise.all([start(), startPostgres()])
    await clientOf(server).send(new CreateBucketCommand({ Bucket: BUCKET }))
    line = await startTcpProxy(Number(new URL(server.endpoint).port))
    const shared = { database: postgres.url, bucket: BUCKET }
    first = await startNode({ ...shared, s3: { ...server, endpoint: line.url } })
    second = await startNode({ ...shared, s3: server })
  }, 180_000)
  afterAll(async () => {
    for (const each of [first, second]) await each?.stop()
    await line?.close()
    await postgres?.close()
    await server?.close()
  })

  /** Bytes in all parts of the one multipart upload that is under way; undefined when there is none. */
  async function sentBytes(): Promise<number | undefined> {
    const client = clientOf(server)
    const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket: BUCKET }))
    const [upload] = Uploads
    if (upload === undefined) return undefined
    const { Key, UploadId } = upload
    const { Parts = [] } = await client.send(new ListPartsCommand({ Bucket: BUCKET, Key, UploadId }))
    return Parts.reduce((sum, { Size = 0 }) => sum + Size, 0)
  }

  /** The first node has sent a part of other bytes than the client sends the next time, and has not recorded it. */
  async function sentByFirst(): Promise<{
    url: string
    wrong: Promise<Reply | undefined>
    release: () => void
  }> {
    const url = await create(first.url, SIZE)
    expect((await patch(url, 0, content.bytes(0, 18 * MIB))).status).toBe(204)
    const { promise, resolve } = Promise.withResolvers<void>()
    line.holdAnswers = promise
    const wrong = patch(url, 18 * MIB, Buffer.alloc(6 * MIB, 0xee)).catch(() => undefined)
    await until('the part is there', async () => (await sentBytes()) === 24 * MIB)
    const release = (): void => {
      line.holdAnswers = undefined
      resolve()
    }
    return { url, wrong, release }
  }

  /** The second node goes on from what was told: each byte is sent once, and none of the part's is anywhere. */
  async function finishBySecond(url: string): Promise<string> {
    const there = `${second.url}${new URL(url).pathname}`
    for (const [from, to] of [
      [18 * MIB, 24 * MIB],
      [24 * MIB, SIZE],
    ] as const) {
      await until('the lease is free', async () => (await offsetOf(there)) === from)
      // Until the lease of a frozen node runs out the upload is busy: refused before a byte of it is taken.
      await until(
        'it is taken',
        async () => (await patch(there, from, content.bytes(from, to))).status === 204,
      )
    }
    return there
  }

  async function expectWhole(...urls: string[]): Promise<void> {
    for (const url of urls) expect(await sha256Of(url)).toBe(content.sha256(SIZE))
    expect(await sentBytes()).toBeUndefined()
  }

  test('a node frozen between sending a part and recording it costs no byte, and changes nothing when it wakes up', async () => {
    const { url, wrong, release } = await sentByFirst()
    process.kill(first.pid, 'SIGSTOP')
    let there: string
    try {
      there = await finishBySecond(url)
      await expectWhole(there)
    } finally {
      release()
      process.kill(first.pid, 'SIGCONT')
    }
    expect((await wrong)?.status).not.toBe(204)
    await expectWhole(url, there)
  })

  test('a node killed between sending a part and recording it costs no byte', async () => {
    const { url, wrong, release } = await sentByFirst()
    await first.kill()
    release()
    await wrong
    const there = await finishBySecond(url)
    await expectWhole(there)
    await first.restart()
    await expectWhole(url)
  })
})

function expectPassing(reply: Reply, status: number): void {
  expect(reply.status).toBe(status)
  expect(Number(reply.headers['retry-after'])).toBeGreaterThan(0)
}

function clientOf({ endpoint, credentials }: S3Server): S3Client {
  const checksums = {
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  } as const
  return new S3Client({ endpoint, credentials, region: 'us-east-1', forcePathStyle: true, ...checksums })
}
