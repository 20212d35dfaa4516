import { afterAll, beforeAll, expect, test } from 'vitest'
import { contentOf, KIB } from './content.ts'
import { type Pawl, startPawl } from './process.ts'
import { fileOf, written } from './segments.ts'
import { until } from './until.ts'
import {
  beginPatch,
  create,
  cutWithoutAnswer,
  head,
  offsetOf,
  patch,
  remove,
  type Sending,
  sha256Of,
} from './wire.ts'

/** Too large for a pack: what arrives is in a file at once. */
const SIZE = 128 * KIB
const content = contentOf('two writers')
let pawl: Pawl

beforeAll(async () => {
  pawl = await startPawl()
})
afterAll(() => pawl.stop())

test('of two writers the living one goes on, and the other is told where it stands and when to come back', async () => {
  const url = await create(pawl.url, SIZE)
  const first = beginPatch(url, 0, SIZE)
  const stop = trickle(first, 0)
  await until('the first one writes', async () => (await offsetOf(url)) > 0)
  const second = await patch(url, await offsetOf(url), content.bytes(0, 100))
  expect(second.status).toBe(409)
  expect(second.headers['retry-after']).toBe('1')
  const told = Number(second.headers['upload-offset'])
  expect(told).toBeGreaterThan(0)
  expect(told).toBeLessThanOrEqual(await offsetOf(url))
  const sent = await stop()
  await first.write(content.bytes(sent, SIZE))
  first.request.end()
  expect((await first.reply).status).toBe(204)
  expect(await sha256Of(url)).toBe(content.sha256(SIZE))
})

test('a stalled writer is displaced by the next one and its connection ends without an answer', async () => {
  const url = await create(pawl.url, SIZE)
  const stalled = beginPatch(url, 0, SIZE)
  await stalled.write(content.bytes(0, 10 * KIB))
  await written(await fileOf(pawl.dataDir, url), 10 * KIB)
  const again = beginPatch(url, 10 * KIB, 20 * KIB)
  await again.write(content.bytes(10 * KIB, 30 * KIB))
  const began = Date.now()
  again.request.end()
  const reply = await again.reply
  expect(Date.now() - began, 'the handover takes half a second').toBeLessThan(2000)
  expect(reply.status).toBe(204)
  expect(reply.headers['upload-offset']).toBe(String(30 * KIB))
  expect(await cutWithoutAnswer(stalled)).toBe(true)
  expect((await patch(url, 30 * KIB, content.bytes(30 * KIB, SIZE))).status).toBe(204)
  expect(await sha256Of(url)).toBe(content.sha256(SIZE))
})

test('what the displaced writer still sends never reaches the upload', async () => {
  const url = await create(pawl.url, SIZE)
  const stalled = beginPatch(url, 0, SIZE)
  await stalled.write(content.bytes(0, 10 * KIB))
  await written(await fileOf(pawl.dataDir, url), 10 * KIB)
  const next = beginPatch(url, 10 * KIB, SIZE - 10 * KIB)
  await next.write(content.bytes(10 * KIB, 20 * KIB))
  await written(await fileOf(pawl.dataDir, url), 20 * KIB)
  await stalled.write(Buffer.alloc(20 * KIB, 'x')).catch(() => {})
  await next.write(content.bytes(20 * KIB, SIZE))
  next.request.end()
  expect((await next.reply).status).toBe(204)
  expect(await sha256Of(url)).toBe(content.sha256(SIZE))
})

test('HEAD ends a silent writer and then says where to go on', async () => {
  const url = await create(pawl.url, SIZE)
  const silent = beginPatch(url, 0, SIZE)
  await silent.write(content.bytes(0, 10 * KIB))
  await written(await fileOf(pawl.dataDir, url), 10 * KIB)
  const began = Date.now()
  const reply = await head(url)
  expect(Date.now() - began).toBeLessThan(2000)
  expect(reply.status).toBe(200)
  expect(reply.headers['upload-offset']).toBe(String(10 * KIB))
  expect(await cutWithoutAnswer(silent)).toBe(true)
  expect((await patch(url, 10 * KIB, content.bytes(10 * KIB, SIZE))).status).toBe(204)
  expect(await sha256Of(url)).toBe(content.sha256(SIZE))
})

test('HEAD leaves a living writer alone and shows how far it is', async () => {
  const url = await create(pawl.url, SIZE)
  const living = beginPatch(url, 0, SIZE)
  const stop = trickle(living, 0)
  let shown = 0
  for (let i = 0; i < 5; i += 1) {
    await until('it goes on', async () => {
      const reply = await head(url)
      expect(reply.status).toBe(200)
      const offset = Number(reply.headers['upload-offset'])
      expect(offset).toBeGreaterThanOrEqual(shown)
      const more = offset > shown
      shown = offset
      return more
    })
  }
  const sent = await stop()
  await living.write(content.bytes(sent, SIZE))
  living.request.end()
  expect((await living.reply).status).toBe(204)
  expect(await sha256Of(url)).toBe(content.sha256(SIZE))
})

test('of many writers at once exactly one wins, and no byte of another gets in', async () => {
  const url = await create(pawl.url, SIZE)
  const writers = Array.from({ length: 20 }, () => patch(url, 0, content.bytes(0, SIZE / 2)))
  const statuses = (await Promise.all(writers)).map((reply) => reply.status)
  expect(statuses.filter((status) => status === 204)).toHaveLength(1)
  expect(statuses.filter((status) => status === 409)).toHaveLength(19)
  expect(await offsetOf(url)).toBe(SIZE / 2)
  expect((await patch(url, SIZE / 2, content.bytes(SIZE / 2, SIZE))).status).toBe(204)
  expect(await sha256Of(url)).toBe(content.sha256(SIZE))
})

test('a writer that has just taken over is not displaced in turn', async () => {
  const url = await create(pawl.url, SIZE)
  const first = beginPatch(url, 0, SIZE)
  await first.write(content.bytes(0, 1000))
  await written(await fileOf(pawl.dataDir, url), 1000)
  const second = beginPatch(url, 1000, SIZE - 1000)
  expect(await cutWithoutAnswer(first)).toBe(true)
  // As silent as the first one was, but protected.
  const third = await patch(url, 1000, content.bytes(1000, 2000))
  expect(third.status).toBe(409)
  expect(third.headers['upload-offset']).toBe('1000')
  await second.write(content.bytes(1000, SIZE))
  second.request.end()
  expect((await second.reply).status).toBe(204)
  expect(await sha256Of(url)).toBe(content.sha256(SIZE))
})

test('DELETE ends even a living writer, and the upload is gone', async () => {
  const url = await create(pawl.url, SIZE)
  const living = beginPatch(url, 0, SIZE)
  const stop = trickle(living, 0)
  await until('it writes', async () => (await offsetOf(url)) > 0)
  expect((await remove(url)).status).toBe(204)
  expect(await cutWithoutAnswer(living)).toBe(true)
  await stop()
  expect((await head(url)).status).toBe(404)
})

/** Sends 64 bytes every 20 ms; the function it returns stops that and resolves to where it came. */
function trickle(sending: Sending, from: number): () => Promise<number> {
  let at = from
  let last = Promise.resolve()
  const timer = setInterval(() => {
    const end = at + 64
    last = sending.write(content.bytes(at, end)).catch(() => {})
    at = end
  }, 20)
  return async () => {
    clearInterval(timer)
    await last
    return at
  }
}
