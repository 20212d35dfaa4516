import { stat } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, type TestContext, test } from 'vitest'
import { contentOf } from './content.ts'
import { type Pawl, startPawl } from './process.ts'
import { fileOf } from './segments.ts'
import { until } from './until.ts'
import { beginPatch, create, head, patch, post, type Reply, sha256Of } from './wire.ts'

const TTL = 3000
/** HTTP dates count whole seconds. */
const SECOND = 1000
const SIZE = 1000
const content = contentOf('expiry')
test.concurrent('POST, PATCH and HEAD tell when an upload expires, and each accepted byte moves it', async ({
  onTestFinished,
}) => {
  const pawl = await start({ PAWL_UPLOAD_TTL: '1h' }, onTestFinished)
  const created = await post(pawl.url, SIZE)
  expectIn(created, 3600 * SECOND)
  const url = new URL(created.headers.location ?? '', pawl.url).href
  const atFirst = expiresAt(await head(url))
  await sleep(2 * SECOND)
  expect(expiresAt(await head(url)), 'a look moves nothing').toBe(atFirst)
  const patched = await patch(url, 0, content.bytes(0, 10))
  expectIn(patched, 3600 * SECOND)
  expect(expiresAt(patched)).toBeGreaterThan(atFirst)
  expect(expiresAt(await head(url))).toBeGreaterThan(atFirst)
  const last = await patch(url, 10, content.bytes(10, SIZE))
  expect(last.headers['upload-expires'], 'an object does not expire').toBeUndefined()
  expect((await head(url)).headers['upload-expires']).toBeUndefined()
})

test.concurrent('an expired upload is gone with 410, unknown with 404 one more TTL later, and its bytes are removed', async ({
  onTestFinished,
}) => {
  const pawl = await start({ PAWL_UPLOAD_TTL: `${TTL}ms` }, onTestFinished)
  const url = await create(pawl.url, SIZE)
  const file = await fileOf(pawl.dataDir, url)
  const said = expiresAt(await patch(url, 0, content.bytes(0, 10)))
  expect((await head(url)).status).toBe(200)
  await until('it expires', async () => (await head(url)).status === 410)
  expect(Date.now(), 'not before it was said to').toBeGreaterThanOrEqual(said - SECOND)
  expect((await patch(url, 10, content.bytes(10, 20))).status).toBe(410)
  expect((await fetch(url)).status).toBe(410)
  await until('its bytes are removed', () =>
    stat(file).then(
      () => false,
      () => true,
    ),
  )
  expect((await head(url)).status).toBe(410)
  await until('it is forgotten', async () => (await head(url)).status === 404)
  expect(Date.now()).toBeGreaterThanOrEqual(said + TTL - SECOND)
})

test.concurrent('a transfer that runs is never cut by the expiry, however long it takes', async ({
  onTestFinished,
}) => {
  const pawl = await start({ PAWL_UPLOAD_TTL: '1s' }, onTestFinished)
  const url = await create(pawl.url, SIZE)
  const sending = beginPatch(url, 0, SIZE)
  // Bytes come more rarely than the TTL would allow between requests.
  for (let i = 0; i < 3; i += 1) {
    await sending.write(content.bytes(i, i + 1))
    await sleep(2500)
  }
  await sending.write(content.bytes(3, SIZE))
  sending.request.end()
  expect((await sending.reply).status).toBe(204)
  expect(await sha256Of(url)).toBe(content.sha256(SIZE))
})

test.concurrent('a completed upload is never touched by the sweep', async ({ onTestFinished }) => {
  const pawl = await start({ PAWL_UPLOAD_TTL: '1s' }, onTestFinished)
  const done = await create(pawl.url, SIZE)
  await patch(done, 0, content.bytes(0, SIZE))
  const empty = await create(pawl.url, 0)
  const abandoned = await create(pawl.url, SIZE)
  await until('the sweep has been here', async () => (await head(abandoned)).status === 404)
  await sleep(2 * SECOND)
  expect(await sha256Of(done)).toBe(content.sha256(SIZE))
  expect(await sha256Of(empty)).toBe(content.sha256(0))
  expect((await head(done)).status).toBe(200)
})

test.concurrent('the expiry survives a kill: it neither begins anew nor comes early', async ({
  onTestFinished,
}) => {
  // Long enough for a start on a busy machine.
  const pawl = await start({ PAWL_UPLOAD_TTL: '30s' }, onTestFinished)
  const early = await create(pawl.url, SIZE)
  const late = await create(pawl.url, SIZE)
  await sleep(4 * SECOND)
  const slid = expiresAt(await patch(late, 0, content.bytes(0, 10)))
  const stays = expiresAt(await head(early))
  await pawl.kill()
  await pawl.restart()
  expect(expiresAt(await head(early))).toBe(stays)
  expect(Math.abs(expiresAt(await head(late)) - slid)).toBeLessThanOrEqual(SECOND)
  await until('the first one expires', async () => (await head(early)).status === 410)
  expect((await head(late)).status, 'the other was written to later').toBe(200)
  await until('the other one expires too', async () => (await head(late)).status === 410)
  expect(Date.now()).toBeGreaterThanOrEqual(slid - SECOND)
})

test.concurrent('an upload that expired while no server ran is gone when one does', async ({
  onTestFinished,
}) => {
  const pawl = await start({ PAWL_UPLOAD_TTL: '1s' }, onTestFinished)
  const url = await create(pawl.url, SIZE)
  await patch(url, 0, content.bytes(0, 10))
  await pawl.kill()
  await sleep(2 * SECOND)
  await pawl.restart()
  expect([410, 404]).toContain((await head(url)).status)
})

function expiresAt({ headers }: Reply): number {
  return Date.parse(String(headers['upload-expires']))
}

function expectIn(reply: Reply, ms: number): void {
  const left = expiresAt(reply) - Date.now()
  expect(left).toBeGreaterThan(ms - 20 * SECOND)
  expect(left).toBeLessThanOrEqual(ms + SECOND)
}

async function start(
  env: Readonly<Record<string, string>>,
  onEnd: TestContext['onTestFinished'],
): Promise<Pawl> {
  const pawl = await startPawl({ env })
  onEnd(() => pawl.stop())
  return pawl
}
