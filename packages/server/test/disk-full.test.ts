import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { contentOf, KIB, MIB } from './content.ts'
import { type Pawl, startPawl } from './process.ts'
import { mountSmallDisk, noSmallDisk, type SmallDisk } from './small-disk.ts'
import { startTcpProxy } from './tcp-proxy.ts'
import { uploadWithTus } from './tus-client.ts'
import { until } from './until.ts'
import { beginPatch, create, head, offsetOf, patch, post, remove, sha256Of } from './wire.ts'

const DISK = 48 * MIB
const content = contentOf('disk full')
let disk: SmallDisk | undefined
let pawl: Pawl | undefined

afterEach(async () => {
  await pawl?.stop()
  await disk?.remove()
  disk = pawl = undefined
})

test('an upload that cannot fit is refused with 507 at its creation', async ({ skip }) => {
  if (noSmallDisk !== undefined) return skip(noSmallDisk)
  const server = await start({ PAWL_RESERVE: '8mib' })
  expect((await post(server.url, DISK)).status).toBe(507)
  // The reserve does not count as free.
  expect((await post(server.url, 44 * MIB)).status).toBe(507)
  expect((await post(server.url, 30 * MIB)).status).toBe(201)
})

/** Sends as a client does that looks for an answer while it sends: one that only writes may have lost it to a reset. */
async function attentive(url: string, offset: number, body: Uint8Array): Promise<number | undefined> {
  const sending = beginPatch(url, offset, body.byteLength)
  let answered = false
  const reply = sending.reply.finally(() => {
    answered = true
  })
  reply.catch(() => {})
  for (let at = 0; at < body.byteLength && !answered; at += 128 * 1024) {
    await sending.write(body.subarray(at, at + 128 * 1024))
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  return (await reply).status
}

test('an upload that hits the end of the disk keeps what was written, and completes once an upload was deleted', async ({
  skip,
}) => {
  if (noSmallDisk !== undefined) return skip(noSmallDisk)
  const server = await start({ PAWL_RESERVE: '8mib' })
  const size = 30 * MIB
  const wanted = await create(server.url, size)
  const other = await create(server.url, size)
  expect((await patch(other, 0, content.bytes(0, 20 * MIB))).status).toBe(204)

  expect(await attentive(wanted, 0, content.bytes(0, size))).toBe(507)
  const kept = await offsetOf(wanted)
  expect(kept).toBeGreaterThan(8 * MIB)
  expect(kept).toBeLessThan(size)
  expect(await attentive(wanted, kept, content.bytes(kept, size))).toBe(507)
  expect(await offsetOf(wanted)).toBeGreaterThanOrEqual(kept)

  expect((await remove(other)).status).toBe(204)
  const offset = await offsetOf(wanted)
  expect((await patch(wanted, offset, content.bytes(offset, size))).status).toBe(204)
  expect(await sha256Of(wanted)).toBe(content.sha256(size))
})

test('tus-js-client waits for space and goes on with the same upload', async ({ skip }) => {
  if (noSmallDisk !== undefined) return skip(noSmallDisk)
  const server = await start({ PAWL_RESERVE: '8mib' })
  const proxy = await startTcpProxy(server.port)
  try {
    const size = 30 * MIB
    const other = await create(server.url, size)
    expect((await patch(other, 0, content.bytes(0, 8 * MIB))).status).toBe(204)
    const run = uploadWithTus(proxy.url, content.bytes(0, size), 4 * MIB)
    await until('it is created', () => run.url !== undefined)
    expect((await patch(other, 8 * MIB, content.bytes(8 * MIB, 16 * MIB))).status).toBe(204)
    await until('it has met the full disk', () => run.log.includes('PATCH 507'))
    expect((await remove(other)).status).toBe(204)
    await run.done
    expect(run.log.filter((line) => line.startsWith('POST'))).toEqual(['POST 201'])
    expect(await sha256Of(run.url ?? '')).toBe(content.sha256(size))
  } finally {
    await proxy.close()
  }
})

test('on a disk that is full to the last byte nothing is lost, nothing is pretended, and the server stays up', async ({
  skip,
}) => {
  if (noSmallDisk !== undefined) return skip(noSmallDisk)
  const server = await start({ PAWL_RESERVE: '0' })
  const { pid } = server
  const size = MIB
  const done = await create(server.url, size)
  await patch(done, 0, content.bytes(0, size))
  const open = await create(server.url, size)
  await patch(open, 0, content.bytes(0, size / 2))
  const whole = await create(server.url, size)
  await patch(whole, 0, content.bytes(0, size - 1))

  await disk?.fill()
  // Until nothing is left of what the catalog had in hand either.
  const made: string[] = []
  await until('no record can be written', async () => {
    const reply = await post(server.url, 4 * KIB)
    if (reply.status === 201) made.push(new URL(reply.headers.location ?? '', server.url).href)
    else expect([503, 507]).toContain(reply.status)
    return reply.status !== 201
  })
  expect(await sha256Of(done)).toBe(content.sha256(size))
  expect(await offsetOf(open)).toBe(size / 2)
  const rejected = await patch(open, size / 2, content.bytes(size / 2, size))
  expect([503, 507]).toContain(rejected.status)
  const kept = await offsetOf(open)
  expect(kept).toBeGreaterThanOrEqual(size / 2)
  // What was said to exist exists, whatever else is asked.
  for (const url of made) expect(await offsetOf(url)).toBe(0)
  expect([204, 503, 507]).toContain((await remove(open)).status)
  expect([200, 404, 423]).toContain((await head(open)).status)

  // Started anew on the full disk, it still serves what it has.
  await server.kill()
  await server.restart()
  expect(server.pid).not.toBe(pid)
  expect(await sha256Of(done)).toBe(content.sha256(size))
  expect(await offsetOf(whole)).toBe(size - 1)

  await disk?.clear()
  expect((await patch(whole, size - 1, content.bytes(size - 1, size))).status).toBe(204)
  expect(await sha256Of(whole)).toBe(content.sha256(size))
  const left = await head(open)
  if (left.status === 200) {
    const offset = Number(left.headers['upload-offset'])
    expect(offset).toBeGreaterThanOrEqual(kept)
    expect((await patch(open, offset, content.bytes(offset, size))).status).toBe(204)
    expect(await sha256Of(open)).toBe(content.sha256(size))
  }
  expect((await post(server.url, size)).status).toBe(201)
})

async function start(env: Readonly<Record<string, string>>): Promise<Pawl> {
  disk = await mountSmallDisk(DISK)
  pawl = await startPawl({ dataDir: join(disk.folder, 'data'), env })
  return pawl
}
