import { afterEach, expect, test } from 'vitest'
import { answer, type Receiver, SECRET, startReceiver } from '../src/events/testing/receiver.ts'
import { freePort, type Pawl, startPawl } from './process.ts'
import { until } from './until.ts'
import { create, patch } from './wire.ts'

const cleanups: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

async function start(url: string): Promise<Pawl> {
  const pawl = await startPawl({ env: { PAWL_WEBHOOK_URL: url, PAWL_WEBHOOK_SECRET: SECRET } })
  cleanups.push(() => pawl.stop())
  return pawl
}
const typesOf = ({ received }: Receiver) => received.map(({ event }) => event.type)
/** What the admin API says is still to be delivered. */
async function pendingOf(pawl: Pawl): Promise<number> {
  const key = /service key +(\S+)/.exec(pawl.output)?.[1]
  const reply = await fetch(`${pawl.url}/admin/events/pending`, {
    headers: { Authorization: `Bearer ${key}` },
  })
  return ((await reply.json()) as { readonly count: number }).count
}
const ALL = ['upload.created', 'upload.completed', 'object.created']
const closed = (receiver: Receiver) => receiver.close().catch(() => {})

test('an event whose delivery was under way at kill -9 is sent again with the same id, and none is lost', {
  timeout: 60_000,
}, async () => {
  // The receiver takes the event in and answers nothing: the server cannot know.
  const receiver = await startReceiver(() => {})
  cleanups.push(() => closed(receiver))
  const pawl = await start(receiver.url)
  const url = await create(pawl.url, 3)
  expect((await patch(url, 0, Buffer.from('abc'))).status).toBe(204)
  await until('the first delivery is under way', () => receiver.received.length === 1)
  await pawl.kill()
  const hung = receiver.received[0]

  receiver.behave(answer(204))
  await pawl.restart()
  await until('everything arrived', () => receiver.received.length === 4)
  expect(typesOf(receiver)).toEqual(['upload.created', ...ALL])
  expect(receiver.received[1]?.id).toBe(hung?.id)
  expect(receiver.received[1]?.body).toBe(hung?.body)
  // Recorded as delivered is delivered: another start sends nothing again.
  await until('the outbox is empty', async () => (await pendingOf(pawl)) === 0)
  await pawl.kill()
  await pawl.restart()
  const again = await create(pawl.url, 3)
  await until('the next upload is told', () => receiver.received.length === 5)
  expect(receiver.received[4]?.event.data).toMatchObject({ key: again.split('/').at(-1) })
})

test('a server that is killed after the last byte tells of the object when it is back (field notes, row 11)', {
  timeout: 120_000,
}, async () => {
  // Nobody listens while the uploads are made, so no event gets out before the kill.
  const port = await freePort()
  const pawl = await start(`http://127.0.0.1:${port}/`)
  const keys: string[] = []
  for (let round = 0; round < 5; round += 1) {
    const url = await create(pawl.url, 3)
    keys.push(url.split('/').at(-1) ?? '')
    const last = patch(url, 0, Buffer.from('abc')).catch(() => undefined)
    // From before the publishing to right after the answer, however slow the machine is today.
    if (round === 4) await last
    else await new Promise((resolve) => setTimeout(resolve, round * 8))
    await pawl.kill()
    await last
    await pawl.restart()
  }
  await pawl.kill()
  const receiver = await startReceiver(answer(204), port)
  cleanups.push(() => closed(receiver))
  await pawl.restart()
  const told = (key: string) =>
    receiver.received.filter(({ event }) => event.data.key === key).map(({ event }) => event.type)
  // A kill may come before the byte is there: then the upload is open and has no object to tell of.
  const expected = await Promise.all(
    keys.map(async (key) => {
      const object = await fetch(`${pawl.url}/files/${key}`)
      await object.body?.cancel()
      return object.status === 200 ? ALL : ['upload.created']
    }),
  )
  // Those that were refused before the kill wait for their next try, 5 to 36 s.
  await until(
    'every event arrived',
    () => keys.every((key, i) => told(key).length >= (expected[i]?.length ?? 0)),
    90_000,
  )
  for (const [i, key] of keys.entries()) expect([...new Set(told(key))]).toEqual(expected[i])
  expect(expected).toContainEqual(ALL)
})
