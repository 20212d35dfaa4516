import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { until } from '../../../test/until.ts'
import { openMemoryCatalog } from '../../catalog/sqlite/memory-catalog.ts'
import { ConfigError } from '../../config-error.ts'
import { answer, type Receiver, SECRET, startReceiver } from '../../events/testing/receiver.ts'
import { type Reply, send } from '../testing/client.ts'
import { createUpload, startTestServer, type TestServer, TUS } from '../testing/test-server.ts'

let receiver: Receiver
let server: TestServer
let service: Readonly<Record<string, string>>

beforeAll(async () => {
  receiver = await startReceiver(answer(410))
  server = await startTestServer({ file: { webhookUrl: receiver.url, webhookSecret: SECRET } })
  service = { Authorization: `Bearer ${await server.server.tokens.apiKey('service_role')}` }
})
afterAll(async () => {
  await server.close()
  await receiver.close()
})

const get = (path: string): Promise<Reply> => send(`${server.url}/admin${path}`, 'GET', service)
const post = (path: string): Promise<Reply> => send(`${server.url}/admin${path}`, 'POST', service)
const json = async (reply: Promise<Reply>) => JSON.parse((await reply).text)
interface Dead {
  readonly id: string
  readonly type: string
}
const dead = async (): Promise<Dead[]> => (await json(get('/events/dead?limit=500'))).events

const ROUTES = [
  ['GET', '/events/dead'],
  ['GET', '/events/pending'],
  ['POST', '/events/dead/replay'],
  ['POST', `/events/dead/evt_${'0'.repeat(32)}/replay`],
] as const

describe.each(ROUTES)('%s /admin%s', (method, path) => {
  test('is for the service key only, in development mode too, and for no page of another origin', async () => {
    const ask = (headers: Record<string, string>) => send(`${server.url}/admin${path}`, method, headers)
    const anon = await server.server.tokens.apiKey('anon')
    const none = await ask({})
    expect([none.status, none.headers['www-authenticate']]).toEqual([401, 'Bearer'])
    expect((await ask({ Authorization: 'Bearer nonsense' })).status).toBe(401)
    const forbidden = await ask({ Authorization: `Bearer ${anon}` })
    expect([forbidden.status, JSON.parse(forbidden.text)]).toEqual([
      403,
      { error: 'this needs the service key' },
    ])
    const allowed = await ask({ ...service, Origin: server.url })
    expect(allowed.status).not.toBe(403)
    expect(allowed.headers['access-control-allow-origin']).toBeUndefined()
    expect(allowed.headers['cache-control']).toBe('no-store')
  })
})

test('dead events are listed in pages with how they died, and replayed one by one or all at once', async () => {
  for (let i = 0; i < 3; i += 1) await createUpload(server, 3)
  await until('all are dead', async () => (await dead()).length === 3)
  expect(await json(get('/events/pending'))).toEqual({ count: 0 })

  const page = await json(get('/events/dead?limit=2'))
  expect(page.events[0]).toMatchObject({
    type: 'upload.created',
    data: { bucket: 'files', size: 3, owner: { role: 'anon' } },
    attempts: 1,
    reason: 'the receiver answered 410',
  })
  const rest = await json(get(`/events/dead?limit=2&after=${page.next}`))
  expect(rest.next).toBeNull()
  const ids = [...page.events, ...rest.events].map(({ id }: Dead) => id)
  expect(new Set(ids).size).toBe(3)

  receiver.behave(answer(204))
  const before = receiver.received.length
  expect(await json(post(`/events/dead/${ids[1]}/replay`))).toEqual({ replayed: 1 })
  await until('it is delivered', () => receiver.received.length === before + 1)
  expect(receiver.received.at(-1)?.id).toBe(ids[1])
  expect((await post(`/events/dead/${ids[1]}/replay`)).status).toBe(404)

  expect(await json(post('/events/dead/replay'))).toEqual({ replayed: 2 })
  await until('all are delivered', () => receiver.received.length === before + 3)
  expect(receiver.received.slice(before + 1).map(({ id }) => id)).toEqual([ids[0], ids[2]])
  expect(await dead()).toEqual([])
  expect(await json(post('/events/dead/replay'))).toEqual({ replayed: 0 })
})

test.each([
  ['GET', '/events/dead?limit=0'],
  ['GET', '/events/dead?limit=501'],
  ['GET', '/events/dead?after=-1'],
  ['GET', '/events/dead?before=1'],
  ['POST', '/events/dead/evt_1/replay'],
])('%s /admin%s is a 400 that says what is wrong', async (method, path) => {
  const reply = await send(`${server.url}/admin${path}`, method, service)
  expect(reply.status).toBe(400)
  expect(JSON.parse(reply.text).error).toMatch(/limit|after|before|id/)
})

test('events keep no row where no webhook is set, and reach listeners all the same', async () => {
  const other = await startTestServer()
  try {
    const heard: string[] = []
    other.server.events.on('*', ({ type }) => heard.push(type))
    const url = await createUpload(other, 3)
    await send(url, 'DELETE', TUS)
    await until('listeners heard it', () => heard.length === 2)
    const key = { Authorization: `Bearer ${await other.server.tokens.apiKey('service_role')}` }
    const pending = await send(`${other.url}/admin/events/pending`, 'GET', key)
    expect(JSON.parse(pending.text)).toEqual({ count: 0 })
  } finally {
    await other.close()
  }
})

test('a webhook over a catalog that keeps no events stops the start', async () => {
  const starting = startTestServer({
    file: { webhookUrl: receiver.url, webhookSecret: SECRET },
    parts: { catalog: openMemoryCatalog() },
  })
  await expect(starting).rejects.toThrow(ConfigError)
})
