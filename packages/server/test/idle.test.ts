import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import type { Server } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, type TestContext, test } from 'vitest'
import { createServer, readConfig } from '../src/index.ts'
import { contentOf } from './content.ts'
import { type Pawl, startPawl } from './process.ts'
import { fileOf, written } from './segments.ts'
import { beginPatch, create, cutWithoutAnswer, head, keepAlive, offsetOf, patch, sha256Of } from './wire.ts'

/** Too large for a pack: what arrives is in a file at once. */
const SIZE = 100_000
const content = contentOf('idle')
test.concurrent('a client that falls silent is cut without an answer after the idle timeout, and its bytes are kept', async ({
  onTestFinished,
}) => {
  const pawl = await start({ PAWL_IDLE_TIMEOUT: '1s' }, onTestFinished)
  const url = await create(pawl.url, SIZE)
  const file = await fileOf(pawl.dataDir, url)
  const sending = beginPatch(url, 0, SIZE)
  await sending.write(content.bytes(0, 600))
  await written(file, 600)
  // Nobody else asks for this upload: only the silence ends it.
  expect(await cutWithoutAnswer(sending)).toBe(true)
  expect(await offsetOf(url)).toBe(600)
  expect((await patch(url, 600, content.bytes(600, SIZE))).status).toBe(204)
  expect(await sha256Of(url)).toBe(content.sha256(SIZE))
})

test.concurrent('a client that never sends a byte of its body is cut too', async ({ onTestFinished }) => {
  const pawl = await start({ PAWL_IDLE_TIMEOUT: '1s' }, onTestFinished)
  const url = await create(pawl.url, SIZE)
  expect(await cutWithoutAnswer(beginPatch(url, 0, SIZE))).toBe(true)
  expect(await offsetOf(url)).toBe(0)
})

test.concurrent('a client that sends a byte now and then is never cut, however long it takes in all', async ({
  onTestFinished,
}) => {
  const pawl = await start({ PAWL_IDLE_TIMEOUT: '4s' }, onTestFinished)
  const url = await create(pawl.url, 30)
  const sending = beginPatch(url, 0, 30)
  for (let at = 0; at < 30; at += 1) {
    await sending.write(content.bytes(at, at + 1))
    await sleep(250)
  }
  sending.request.end()
  expect((await sending.reply).status).toBe(204)
  expect(await sha256Of(url)).toBe(content.sha256(30))
})

test('no limit is set on how long a request may take, only on how long its headers may', async ({
  onTestFinished,
}) => {
  const data = await mkdtemp(join(tmpdir(), 'pawl-idle-'))
  const argv = ['--dev', '--port', '0', '--data', data, '--log', 'silent']
  const pawl = await createServer(readConfig({ argv, env: {}, warn: () => {} }))
  onTestFinished(async () => {
    await pawl.close()
    await rm(data, { recursive: true })
  })
  const servers = new Set<Server>()
  const note = (message: unknown): void => void servers.add((message as { server: Server }).server)
  subscribe('http.server.request.start', note)
  await fetch(await pawl.listen())
  unsubscribe('http.server.request.start', note)
  const [server] = servers
  expect(server?.requestTimeout).toBe(0)
  expect(server?.timeout).toBe(0)
  expect(server?.headersTimeout).toBeGreaterThan(0)
  // Proxies commonly keep theirs for 60 s and must be the ones that close.
  expect(server?.keepAliveTimeout).toBeGreaterThanOrEqual(75_000)
})

test.concurrent('a kept-alive connection outlives the idle timeout of transfers', async ({
  onTestFinished,
}) => {
  const pawl = await start({ PAWL_IDLE_TIMEOUT: '500ms' }, onTestFinished)
  const url = await create(pawl.url, SIZE)
  const agent = keepAlive()
  expect((await head(url, agent)).status).toBe(200)
  const before = Object.values(agent.freeSockets).flat().length
  await sleep(2000)
  expect(Object.values(agent.freeSockets).flat().length).toBe(before)
  expect((await head(url, agent)).status).toBe(200)
  agent.destroy()
})

test.concurrent('a reader that stops reading for longer than the idle timeout still gets its object whole', async ({
  onTestFinished,
}) => {
  const pawl = await start({ PAWL_IDLE_TIMEOUT: '500ms' }, onTestFinished)
  const size = 32 * 1024 * 1024
  const url = await create(pawl.url, size)
  await patch(url, 0, content.bytes(0, size))
  const socket = connect(pawl.port, '127.0.0.1')
  socket.write(`GET ${new URL(url).pathname} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n`)
  await once(socket, 'readable')
  await sleep(2000)
  let received = 0
  for await (const chunk of socket as AsyncIterable<Buffer>) received += chunk.byteLength
  expect(received).toBeGreaterThan(size)
})

async function start(
  env: Readonly<Record<string, string>>,
  onEnd: TestContext['onTestFinished'],
): Promise<Pawl> {
  const pawl = await startPawl({ env })
  onEnd(() => pawl.stop())
  return pawl
}
