import { mkdtemp, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { StoreError } from '../src/blobs/blob-store.ts'
import { DiskStore } from '../src/blobs/disk/disk-store.ts'
import { createServer, readConfig } from '../src/index.ts'
import { contentOf, KIB, MIB } from './content.ts'
import { type Pawl, startPawl } from './process.ts'
import { fileOf, written } from './segments.ts'
import { startTcpProxy } from './tcp-proxy.ts'
import { uploadWithTus } from './tus-client.ts'
import { until } from './until.ts'
import { beginPatch, create, head, offsetOf, patch, post, type Reply, remove, sha256Of } from './wire.ts'

const SIZE = 100 * KIB
const HALF = SIZE / 2
const content = contentOf('outage')
const cleanups: (() => Promise<unknown>)[] = []

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

test('while the blob folder is out of reach HEAD says 423 and everything else 503, and all goes on when it is back', async () => {
  const pawl = await start()
  const empty = await create(pawl.url, SIZE)
  const begun = await create(pawl.url, SIZE)
  const done = await create(pawl.url, SIZE)
  await patch(begun, 0, content.bytes(0, HALF))
  await patch(done, 0, content.bytes(0, SIZE))

  await takeAway(pawl)
  for (const url of [empty, begun]) {
    expectPassing(await head(url), 423)
    expectPassing(await patch(url, url === empty ? 0 : HALF, content.bytes(0, 10)), 503)
  }
  expectPassing(await post(pawl.url, SIZE), 503)
  expect((await fetch(`${pawl.url}/ready`)).status).toBe(503)
  expect((await fetch(`${pawl.url}/health`)).status).toBe(200)
  // The record of a finished upload needs no bytes.
  expect(await offsetOf(done)).toBe(SIZE)
  // Its bytes are not there: whatever comes, it is not a body of the right length with an end.
  expect(await sha256Of(done).catch(() => 'broken')).toBe('broken')

  await bringBack(pawl)
  expect((await fetch(`${pawl.url}/ready`)).status).toBe(200)
  expect(await sha256Of(done)).toBe(content.sha256(SIZE))
  for (const [url, offset] of [
    [empty, 0],
    [begun, HALF],
  ] as const) {
    expect(await offsetOf(url)).toBe(offset)
    expect((await patch(url, offset, content.bytes(offset, SIZE))).status).toBe(204)
    expect(await sha256Of(url)).toBe(content.sha256(SIZE))
  }
})

test('DELETE during an outage of the blob folder loses no bytes of others, and can be repeated', async () => {
  const pawl = await start()
  const url = await create(pawl.url, SIZE)
  const other = await create(pawl.url, SIZE)
  for (const each of [url, other]) await patch(each, 0, content.bytes(0, HALF))
  await takeAway(pawl)
  expect([204, 503]).toContain((await remove(url)).status)
  await bringBack(pawl)
  expect([204, 404]).toContain((await remove(url)).status)
  expect((await head(url)).status).toBe(404)
  expect(await offsetOf(other)).toBe(HALF)
})

test('an outage at the very end keeps all bytes: the repeat finishes the upload', async () => {
  const pawl = await start()
  const url = await create(pawl.url, SIZE)
  const file = await fileOf(pawl.dataDir, url)
  const sending = beginPatch(url, 0, SIZE)
  await sending.write(content.bytes(0, HALF))
  await written(file, HALF)
  // The open file is still written to; only publishing needs the folder.
  await takeAway(pawl)
  await sending.write(content.bytes(HALF, SIZE))
  sending.request.end()
  expectPassing(await sending.reply, 503)
  expectPassing(await head(url), 423)
  expectPassing(await patch(url, SIZE, Buffer.alloc(0)), 503)
  await bringBack(pawl)
  const repeat = await patch(url, SIZE, Buffer.alloc(0))
  expect(repeat.status).toBe(204)
  expect(repeat.headers['upload-offset']).toBe(String(SIZE))
  expect(await sha256Of(url)).toBe(content.sha256(SIZE))
})

test('tus-js-client keeps its upload through an outage of the blob folder', { timeout: 60_000 }, async () => {
  const pawl = await start()
  const proxy = await startTcpProxy(pawl.port, 16 * MIB)
  cleanups.push(() => proxy.close())
  const size = 24 * MIB
  const run = uploadWithTus(proxy.url, content.bytes(0, size), 2 * MIB)
  await until('it is under way', () => run.sent > 6 * MIB)
  await takeAway(pawl)
  await until('it has met the outage', () => run.log.some((line) => line === 'HEAD 423'))
  await bringBack(pawl)
  await run.done
  expect(run.log.filter((line) => line.startsWith('POST'))).toEqual(['POST 201'])
  expect(await sha256Of(run.url ?? '')).toBe(content.sha256(size))
})

test('a start without the folder of bytes is refused instead of taking every upload for lost', async () => {
  const pawl = await start()
  const url = await create(pawl.url, SIZE)
  await patch(url, 0, content.bytes(0, HALF))
  await pawl.terminate()
  await takeAway(pawl)
  await expect(pawl.restart()).rejects.toThrow(/blobs\/segments is gone.*is its disk mounted/)
  await bringBack(pawl)
  await pawl.restart()
  expect(await offsetOf(url)).toBe(HALF)
})

test('HEAD of an upload that takes long to finish says 423, never all bytes, and tus-js-client waits for it', {
  timeout: 60_000,
}, async () => {
  const { url: server, finish } = await startWithSlowFinish()
  const upload = await create(server, SIZE)
  const last = patch(upload, 0, content.bytes(0, SIZE))
  await until('it is being finished', () => finish.waiting > 0)
  const looks = Array.from({ length: 5 }, () => head(upload))
  const proxy = await startTcpProxy(Number(new URL(server).port))
  cleanups.push(() => proxy.close())
  const run = uploadWithTus(proxy.url, content.bytes(0, MIB))
  await until('the client’s upload is being finished too', () => finish.waiting > 1)
  // The client loses its answer and has to look.
  proxy.cut()
  for (const reply of await Promise.all(looks)) {
    expectPassing(reply, 423)
    expect(reply.headers['upload-offset']).not.toBe(String(SIZE))
  }
  await until('the client was told to wait', () => run.log.includes('HEAD 423'))
  finish.go()
  expect((await last).status).toBe(204)
  await run.done
  expect(await offsetOf(upload)).toBe(SIZE)
  expect(run.log.filter((line) => line.startsWith('POST'))).toEqual(['POST 201'])
  expect(run.log.filter((line) => line.startsWith('PATCH'))).toHaveLength(1)
  expect(await sha256Of(run.url ?? '')).toBe(content.sha256(MIB))
})

test('a store that fails to make the last bytes durable is asked again, and the upload is not given up', async () => {
  const { url: server, finish } = await startWithSlowFinish()
  finish.go()
  finish.fails = true
  const upload = await create(server, SIZE)
  expectPassing(await patch(upload, 0, content.bytes(0, SIZE)), 503)
  expectPassing(await head(upload), 423)
  finish.fails = false
  const repeat = await patch(upload, SIZE, Buffer.alloc(0))
  expect(repeat.status).toBe(204)
  expect(await sha256Of(upload)).toBe(content.sha256(SIZE))
})

async function start(): Promise<Pawl> {
  const pawl = await startPawl()
  cleanups.push(() => pawl.stop())
  return pawl
}

const away = ({ dataDir }: Pawl): string => join(dataDir, 'away')
const segments = ({ dataDir }: Pawl): string => join(dataDir, 'blobs', 'segments')

function takeAway(pawl: Pawl): Promise<void> {
  return rename(segments(pawl), away(pawl))
}

function bringBack(pawl: Pawl): Promise<void> {
  return rename(away(pawl), segments(pawl))
}

/** An answer that says: nothing is lost, come back. */
function expectPassing(reply: Reply, status: number): void {
  expect(reply.status).toBe(status)
  expect(Number(reply.headers['retry-after'])).toBeGreaterThan(0)
}

/** The gate that every upload passes at its end. */
class Finish {
  readonly #open = Promise.withResolvers<void>()
  waiting = 0
  fails = false

  go(): void {
    this.#open.resolve()
  }

  async pass(): Promise<void> {
    this.waiting += 1
    await this.#open.promise
    this.waiting -= 1
    if (this.fails) throw new StoreError('unavailable', 'could not sync: EIO')
  }
}

class GatedStore extends DiskStore {
  readonly finish = new Finish()

  override async seal(...args: Parameters<DiskStore['seal']>): Promise<void> {
    await this.finish.pass()
    await super.seal(...args)
  }
}

async function startWithSlowFinish(): Promise<{ url: string; finish: Finish }> {
  const data = await mkdtemp(join(tmpdir(), 'pawl-outage-'))
  cleanups.push(() => rm(data, { recursive: true }))
  const store = new GatedStore({ folder: join(data, 'blobs'), reserve: 0 })
  const argv = ['--dev', '--port', '0', '--data', data, '--log', 'silent']
  const server = await createServer(readConfig({ argv, env: {}, warn: () => {} }), { blobs: store })
  cleanups.push(async () => {
    store.finish.go()
    await server.close()
  })
  const url = await server.listen()
  return { url, finish: store.finish }
}
