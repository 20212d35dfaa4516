import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, expect, test } from 'vitest'
import { contentOf, MIB, pieces } from './content.ts'
import { type Pawl, startPawl } from './process.ts'
import { fileOf, written } from './segments.ts'
import { startTcpProxy } from './tcp-proxy.ts'
import { uploadWithTus } from './tus-client.ts'
import { until } from './until.ts'
import { beginPatch, create, cutWithoutAnswer, head, keepAlive, offsetOf, patch, sha256Of } from './wire.ts'

/** What the server promises for its end. */
const EXIT_MS = 10_000
const content = contentOf('sigterm')
let pawl: Pawl | undefined

afterEach(async () => {
  await pawl?.stop()
})

test('SIGTERM during a transfer keeps the bytes, cuts the connection and exits with 0', async () => {
  pawl = await startPawl()
  const size = 16 * MIB
  const url = await create(pawl.url, size)
  const sending = beginPatch(url, 0, size)
  await sending.write(content.bytes(0, 5 * MIB))
  await written(await fileOf(pawl.dataDir, url), 5 * MIB)
  const began = Date.now()
  expect(await pawl.terminate()).toBe(0)
  expect(Date.now() - began).toBeLessThan(EXIT_MS)
  expect(await cutWithoutAnswer(sending)).toBe(true)
  await pawl.restart()
  expect(await offsetOf(url)).toBe(5 * MIB)
  expect((await patch(url, 5 * MIB, content.bytes(5 * MIB, size))).status).toBe(204)
  expect(await sha256Of(url)).toBe(content.sha256(size))
})

test('a HEAD that is under way when the server begins to close is told to wait with 423', async () => {
  pawl = await startPawl()
  const url = await create(pawl.url, 1000)
  await patch(url, 0, content.bytes(0, 100))
  // A connection on which a request was answered before, so that only this request is new.
  const socket = await speak(pawl.port)
  socket.write(headOf(url))
  expect(await nextAnswer(socket)).toMatch(/^HTTP\/1.1 200 /)
  const asking = headOf(url)
  socket.write(asking.slice(0, -2))
  await sleep(50)
  const exited = pawl.terminate()
  const running = pawl
  await until('the server is closing', () => running.output.includes('closing: '))
  socket.write(asking.slice(-2))
  const answer = await nextAnswer(socket)
  expect(answer).toMatch(/^HTTP\/1.1 423 /)
  expect(answer).toMatch(/^Retry-After: \d+\r$/m)
  const began = Date.now()
  expect(await exited).toBe(0)
  expect(Date.now() - began, 'the answered connection holds nothing up').toBeLessThan(5000)
})

test('idle kept-alive connections do not hold the exit up', async () => {
  pawl = await startPawl()
  const url = await create(pawl.url, 1000)
  const agents = Array.from({ length: 20 }, keepAlive)
  await Promise.all(agents.map((agent) => head(url, agent)))
  // Connected and never asked anything.
  const silent = await speak(pawl.port)
  const began = Date.now()
  expect(await pawl.terminate()).toBe(0)
  expect(Date.now() - began).toBeLessThan(5000)
  for (const agent of agents) agent.destroy()
  silent.destroy()
})

// These wait for most of their time: side by side.

test.concurrent('tus-js-client goes on through three SIGTERM, at the same URL', async ({
  onTestFinished,
}) => {
  const pawl = await startPawl()
  onTestFinished(() => pawl.stop())
  const proxy = await startTcpProxy(pawl.port, 20e6)
  try {
    const size = 48 * MIB
    const run = uploadWithTus(proxy.url, content.bytes(0, size))
    for (const at of [8 * MIB, 20 * MIB, 36 * MIB]) {
      await until(`${at} bytes are sent`, () => run.sent >= at)
      expect(await pawl.terminate()).toBe(0)
      await pawl.restart()
    }
    await run.done
    expect(run.log.filter((line) => line.startsWith('POST'))).toHaveLength(1)
    expect(await sha256Of(run.url ?? '')).toBe(content.sha256(size))
    expect(proxy.bytes).toBeLessThan(size + 3 * 16 * MIB)
  } finally {
    await proxy.close()
  }
})

test.concurrent('a reader that takes its time does not hold the exit up for longer than promised', async ({
  onTestFinished,
}) => {
  const pawl = await startPawl()
  onTestFinished(() => pawl.stop())
  const size = 64 * MIB
  const url = await create(pawl.url, size)
  let offset = 0
  for (const [start, end] of pieces(0, size, 16 * MIB)) {
    offset = Number((await patch(url, start, content.bytes(start, end))).headers['upload-offset'])
  }
  expect(offset).toBe(size)
  const reader = await speak(pawl.port)
  reader.write(`GET ${new URL(url).pathname} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`)
  await once(reader, 'readable')
  const began = Date.now()
  expect(await pawl.terminate()).toBe(0)
  expect(Date.now() - began).toBeLessThan(EXIT_MS)
  reader.destroy()
})

test.concurrent('a second signal after a second exits at once, and one that came with the first does not', async ({
  onTestFinished,
}) => {
  const pawl = await startPawl()
  onTestFinished(() => pawl.stop())
  const size = 64 * MIB
  const url = await create(pawl.url, size)
  for (const [start, end] of pieces(0, size, 16 * MIB)) await patch(url, start, content.bytes(start, end))
  // Holds the first closing up until its grace is over.
  const reader = await speak(pawl.port)
  reader.write(`GET ${new URL(url).pathname} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`)
  await once(reader, 'readable')
  const exited = pawl.terminate()
  process.kill(pawl.pid, 'SIGTERM')
  await sleep(1500)
  const began = Date.now()
  process.kill(pawl.pid, 'SIGTERM')
  expect(await exited).toBe(1)
  expect(Date.now() - began).toBeLessThan(2000)
  reader.destroy()
})

async function speak(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  await once(socket, 'connect')
  return socket
}

function headOf(url: string): string {
  return `HEAD ${new URL(url).pathname} HTTP/1.1\r\nHost: 127.0.0.1\r\nTus-Resumable: 1.0.0\r\n\r\n`
}

async function nextAnswer(socket: Socket): Promise<string> {
  let text = ''
  while (!text.includes('\r\n\r\n')) {
    const [chunk] = (await once(socket, 'data', { signal: AbortSignal.timeout(15_000) })) as [Buffer]
    text += chunk.toString('latin1')
  }
  return text
}
