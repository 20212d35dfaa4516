/**
 * Faults that were measured in running servers, by the number under which the project keeps them. Others of
 * them are shown by the tests of the guarantee they break: lost-answer (1, 11), two-writers and waiters (8),
 * expiry (9), startup (10), idle (12, 13), kill-at-full-speed (15).
 */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SignJWT } from 'jose'
import { expect, type TestContext, test } from 'vitest'
import { CatalogError } from '../src/catalog/catalog.ts'
import { createServer, openMemoryCatalog, readConfig } from '../src/index.ts'
import { contentOf, KIB, MIB } from './content.ts'
import { type Pawl, type PawlOptions, startPawl } from './process.ts'
import { readCatalog } from './segments.ts'
import { until } from './until.ts'
import { beginPatch, create, head, offsetOf, patch, send, sha256Of } from './wire.ts'

const SIZE = 100 * KIB
const content = contentOf('field notes')

test('row 2: an error of the catalog at the very end costs no byte, and the repeat finishes', async ({
  onTestFinished,
}) => {
  const data = await mkdtemp(join(tmpdir(), 'pawl-notes-'))
  const catalog = openMemoryCatalog()
  let broken = false
  const publish: typeof catalog.publish = (...args) =>
    broken ? Promise.reject(new CatalogError('unavailable', 'disk I/O error')) : catalog.publish(...args)
  const argv = ['--dev', '--port', '0', '--data', data, '--log', 'silent']
  const config = readConfig({ argv, env: {}, warn: () => {} })
  const server = await createServer(config, { catalog: { ...catalog, publish } })
  onTestFinished(async () => {
    await server.close()
    await rm(data, { recursive: true })
  })
  const url = await create(await server.listen(), SIZE)
  broken = true
  expect((await patch(url, 0, content.bytes(0, SIZE))).status).toBe(503)
  expect((await head(url)).status).toBe(423)
  expect((await patch(url, SIZE, Buffer.alloc(0))).status).toBe(503)
  broken = false
  expect((await patch(url, SIZE, Buffer.alloc(0))).status).toBe(204)
  expect(await sha256Of(url)).toBe(content.sha256(SIZE))
})

test('row 3: hundreds of slow uploads hold nothing that others need', { timeout: 60_000 }, async ({
  onTestFinished,
}) => {
  const pawl = await start({}, onTestFinished)
  const slow = await Promise.all(
    Array.from({ length: 300 }, async () => {
      const sending = beginPatch(await create(pawl.url, SIZE), 0, SIZE)
      await sending.write(content.bytes(0, 100))
      return sending
    }),
  )
  const began = Date.now()
  for (let i = 0; i < 10; i += 1) {
    const url = await create(pawl.url, SIZE)
    expect((await patch(url, 0, content.bytes(0, SIZE))).status).toBe(204)
    expect(await offsetOf(url)).toBe(SIZE)
    expect(await sha256Of(url)).toBe(content.sha256(SIZE))
  }
  expect((await fetch(`${pawl.url}/ready`)).status).toBe(200)
  expect(Date.now() - began).toBeLessThan(10_000)
  for (const { request } of slow) request.destroy()
})

test('row 4: of overlapping last requests the upload is published once, and none is told anything else', async ({
  onTestFinished,
}) => {
  const pawl = await start({}, onTestFinished)
  const url = await create(pawl.url, SIZE)
  await patch(url, 0, content.bytes(0, SIZE / 2))
  const last = content.bytes(SIZE / 2, SIZE)
  const replies = await Promise.all([
    ...Array.from({ length: 10 }, () => patch(url, SIZE / 2, last)),
    ...Array.from({ length: 10 }, () => patch(url, SIZE, Buffer.alloc(0))),
  ])
  for (const reply of replies) expect([204, 409]).toContain(reply.status)
  const done = replies.filter(
    (reply) => reply.headers['upload-offset'] === String(SIZE) && reply.status === 204,
  )
  expect(new Set(done.map((reply) => reply.headers.etag)).size).toBe(1)
  expect(await sha256Of(url)).toBe(content.sha256(SIZE))
  await pawl.kill()
  expect((await readCatalog(pawl.dataDir)).objects).toBe(1)
})

test('row 14: an object with a name in any script is returned with that name', async ({ onTestFinished }) => {
  const pawl = await start({}, onTestFinished)
  const name = 'отчёт 2026 – 最終版 😀 "a".pdf'
  const metadata = `filename ${Buffer.from(name).toString('base64')}`
  const created = await send('POST', `${pawl.url}/files/`, {
    headers: { 'Upload-Length': '3', 'Upload-Metadata': metadata },
  })
  const url = new URL(created.headers.location ?? '', pawl.url).href
  expect((await patch(url, 0, Buffer.from('abc'))).status).toBe(204)
  const reply = await fetch(url)
  expect(reply.status).toBe(200)
  const extended = /filename\*=UTF-8''([^;]+)/.exec(reply.headers.get('content-disposition') ?? '')?.[1]
  expect(decodeURIComponent(extended ?? '')).toBe(name)
  expect(await reply.text()).toBe('abc')
})

test('row 15: a killed server leaves no process id behind that could block the next one', async ({
  onTestFinished,
}) => {
  const pawl = await start({}, onTestFinished)
  const url = await create(pawl.url, SIZE)
  const sending = beginPatch(url, 0, SIZE)
  await sending.write(content.bytes(0, 1000))
  const { pid } = pawl
  await pawl.kill()
  const small = (await readdir(pawl.dataDir, { recursive: true, withFileTypes: true })).filter(
    (entry) => entry.isFile() && !entry.name.startsWith('catalog.sqlite'),
  )
  for (const entry of small) {
    const text = await readFile(join(entry.parentPath, entry.name), 'latin1')
    if (text.length < 1000) expect(text).not.toMatch(new RegExp(`\\b${pid}\\b`))
  }
  await pawl.restart()
  const offset = await offsetOf(url)
  expect((await patch(url, offset, content.bytes(offset, SIZE))).status).toBe(204)
})

test.skipIf(process.platform !== 'linux')(
  'row 16: the first byte of a large object is read without reading the rest',
  { timeout: 60_000 },
  async ({ onTestFinished }) => {
    const pawl = await start({}, onTestFinished)
    const size = 128 * MIB
    const url = await create(pawl.url, size)
    await patch(url, 0, content.bytes(0, size))
    await pawl.terminate()
    await pawl.restart()
    await until('its digest is known', async () => {
      const reply = await fetch(url, { method: 'HEAD' })
      return reply.headers.has('repr-digest')
    })
    const before = await bytesRead(pawl.pid)
    for (const range of ['bytes=0-0', 'bytes=-1', `bytes=${size / 2}-${size / 2}`]) {
      const reply = await fetch(url, { headers: { Range: range } })
      expect(reply.status).toBe(206)
      expect((await reply.arrayBuffer()).byteLength).toBe(1)
    }
    expect((await bytesRead(pawl.pid)) - before).toBeLessThan(4 * MIB)
  },
)

test('row 17: an upload shows itself to its owner and the service only, and errors show nothing of the inside', async ({
  onTestFinished,
}) => {
  const secret = 'a secret of the tests that is long enough'
  const pawl = await start({ env: { PAWL_DEV: '0', PAWL_JWT_SECRET: secret } }, onTestFinished)
  const as = async (role: string, sub?: string): Promise<Record<string, string>> => {
    const token = new SignJWT({ role, ...(sub === undefined ? {} : { sub }) })
      .setProtectedHeader({ alg: 'HS256' })
      .setIssuedAt()
      .setExpirationTime('1h')
    return { Authorization: `Bearer ${await token.sign(Buffer.from(secret))}` }
  }
  const alice = await as('authenticated', 'alice')
  const created = await send('POST', `${pawl.url}/files/`, {
    headers: { ...alice, 'Upload-Length': '10', 'Upload-Metadata': `filename ${btoa('plan.txt')}` },
  })
  expect(created.status).toBe(201)
  const url = new URL(created.headers.location ?? '', pawl.url).href

  expect((await send('HEAD', url, { headers: alice })).headers['upload-metadata']).toContain('filename')
  expect((await send('HEAD', url, { headers: await as('service_role') })).status).toBe(200)
  const unknown = `${pawl.url}/files/${'0'.repeat(32)}`
  for (const other of [await as('authenticated', 'bob'), await as('anon')]) {
    for (const method of ['HEAD', 'DELETE', 'GET']) {
      const reply = await send(method, url, { headers: other })
      const nothing = await send(method, unknown, { headers: other })
      expect(reply.status).toBe(404)
      // Word for word what is said of an upload that never was.
      expect(reply.body.toString()).toBe(nothing.body.toString())
      expect(Object.keys(reply.headers)).toEqual(Object.keys(nothing.headers))
    }
  }
  expect((await send('HEAD', url)).status).toBe(401)

  await rm(join(pawl.dataDir, 'blobs', 'segments'), { recursive: true })
  const chunk = { 'Upload-Offset': '0', 'Content-Type': 'application/offset+octet-stream' }
  const failed = await send('PATCH', url, { headers: { ...alice, ...chunk }, body: Buffer.from('x') })
  expect(failed.status).toBe(503)
  expect(failed.body.toString()).not.toMatch(/ENOENT|segment|blobs|sqlite|\.ts/)
  expect(failed.body.toString()).not.toContain(pawl.dataDir)
})

async function start(options: PawlOptions, onEnd: TestContext['onTestFinished']): Promise<Pawl> {
  const pawl = await startPawl(options)
  onEnd(() => pawl.stop())
  return pawl
}

/** Bytes the process asked the system for, from the disk or its cache. */
async function bytesRead(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/io`, 'utf8')
  return Number(/^rchar: (\d+)$/m.exec(text)?.[1])
}
