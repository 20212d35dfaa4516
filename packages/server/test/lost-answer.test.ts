import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { contentOf, KIB, MIB } from './content.ts'
import { type Pawl, startPawl } from './process.ts'
import { readCatalog } from './segments.ts'
import { startTcpProxy } from './tcp-proxy.ts'
import { uploadWithTus } from './tus-client.ts'
import { until } from './until.ts'
import { create, head, offsetOf, patch, remove, sha256Of } from './wire.ts'

const SIZE = 300 * KIB
/** Milliseconds between the last byte and the cut: close together at first, where finishing happens. */
const POINTS = [
  ...Array.from({ length: 40 }, (_, i) => i / 2),
  ...Array.from({ length: 17 }, (_, i) => 20 + i * 5),
]
const content = contentOf('lost answer')
let pawl: Pawl

beforeAll(async () => {
  pawl = await startPawl()
})
afterAll(() => pawl.stop())

test('an upload whose last answer is lost 0 to 100 ms after its last byte is finished, once, and the repeat gets the answer', async () => {
  const { objects } = await readCatalog(pawl.dataDir)
  const urls: string[] = []
  for (const point of POINTS) {
    const url = await create(pawl.url, SIZE)
    urls.push(url)
    const half = SIZE / 2
    expect((await patch(url, 0, content.bytes(0, half))).status).toBe(204)
    const socket = await sendLast(url, half)
    await sleep(point)
    socket.destroy()
  }
  // Nobody asks again: the end needs no client.
  await until('all are finished', async () => {
    const copy = await readCatalog(pawl.dataDir).catch(() => undefined)
    return copy?.objects === objects + POINTS.length
  })
  for (const url of urls) await finishedOnce(url)
  expect((await readCatalog(pawl.dataDir)).objects).toBe(objects + POINTS.length)
})

test('tus-js-client whose last answer never comes finds its upload finished and sends nothing twice', async () => {
  const proxy = await startTcpProxy(pawl.port)
  try {
    const size = 8 * MIB
    const run = uploadWithTus(proxy.url, content.bytes(0, size))
    await until('the upload is created', () => run.url !== undefined)
    proxy.swallowAnswers = true
    const url = (run.url ?? '').replace(proxy.url, pawl.url)
    await until('the server has finished it', async () => (await offsetOf(url)) === size)
    proxy.cut()
    proxy.swallowAnswers = false
    await run.done
    expect(run.log).toEqual(['POST 201', 'PATCH -', 'HEAD 200'])
    expect(proxy.bytes).toBeLessThan(size + MIB)
    expect(await sha256Of(url)).toBe(content.sha256(size))
  } finally {
    await proxy.close()
  }
})

test('a server killed 0 to 20 ms after the last byte of an upload has it finished, or goes on, when it is back', async () => {
  for (const point of [0, 1, 2, 4, 8, 20]) {
    const url = await create(pawl.url, SIZE)
    const socket = await sendLast(url, 0)
    await sleep(point)
    await pawl.kill()
    socket.destroy()
    await pawl.restart()
    const offset = await offsetOf(url)
    if (offset < SIZE) expect((await patch(url, offset, content.bytes(offset, SIZE))).status).toBe(204)
    await finishedOnce(url)
  }
})

test('a server killed 0 to 8 ms after a DELETE has the upload as it was or not at all, and every other one as it was', async () => {
  const half = SIZE / 2
  const spared = await create(pawl.url, SIZE)
  expect((await patch(spared, 0, content.bytes(0, half))).status).toBe(204)
  for (const point of [0, 1, 2, 4, 8]) {
    const url = await create(pawl.url, SIZE)
    expect((await patch(url, 0, content.bytes(0, half))).status).toBe(204)
    const deleting = remove(url).catch(() => undefined)
    await sleep(point)
    await pawl.kill()
    const told = (await deleting)?.status
    await pawl.restart()
    const { status, headers } = await head(url)
    if (told === 204) expect(status).toBe(404)
    if (status !== 404) {
      expect(status).toBe(200)
      expect(headers['upload-offset']).toBe(String(half))
      expect((await remove(url)).status).toBe(204)
    }
    expect((await remove(url)).status).toBe(404)
    expect(await offsetOf(spared)).toBe(half)
  }
})

/** Sends all from `offset` on and resolves when the system has taken the last byte. */
async function sendLast(url: string, offset: number): Promise<Socket> {
  const socket = connect(pawl.port, '127.0.0.1')
  socket.on('error', () => {})
  await once(socket, 'connect')
  const fields = [
    `PATCH ${new URL(url).pathname} HTTP/1.1`,
    'Host: 127.0.0.1',
    'Tus-Resumable: 1.0.0',
    'Content-Type: application/offset+octet-stream',
    `Upload-Offset: ${offset}`,
    `Content-Length: ${SIZE - offset}`,
  ]
  const bytes = Buffer.concat([Buffer.from(`${fields.join('\r\n')}\r\n\r\n`), content.bytes(offset, SIZE)])
  await new Promise<void>((resolve) => socket.write(bytes, () => resolve()))
  return socket
}

async function finishedOnce(url: string): Promise<void> {
  const seen = await head(url)
  expect(seen.status).toBe(200)
  expect(seen.headers['upload-offset']).toBe(String(SIZE))
  for (let repeat = 0; repeat < 2; repeat += 1) {
    const again = await patch(url, SIZE, Buffer.alloc(0))
    expect(again.status).toBe(204)
    expect(again.headers['upload-offset']).toBe(String(SIZE))
    expect(again.headers.etag).toBe(seen.headers.etag)
  }
  expect(await sha256Of(url)).toBe(content.sha256(SIZE))
}
