import { once } from 'node:events'
import { get, type IncomingMessage, type ServerResponse } from 'node:http'
import { promisify } from 'node:util'
import Fastify from 'fastify'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { until } from '../../../test/until.ts'
import { Listeners } from '../../events/listeners.ts'
import { createLog } from '../../log.ts'
import { send } from '../testing/client.ts'
import { createUpload, startTestServer, type TestServer, TUS } from '../testing/test-server.ts'
import { registerEventStream } from './event-stream.ts'

let server: TestServer
let service: Readonly<Record<string, string>>
const open: IncomingMessage[] = []

beforeEach(async () => {
  server = await startTestServer()
  service = { Authorization: `Bearer ${await server.server.tokens.apiKey('service_role')}` }
})
afterEach(async () => {
  for (const stream of open.splice(0)) stream.destroy()
  await server.close()
})

const connect = (headers = service) => connectTo(`${server.url}/admin/events/stream`, headers)

async function connectTo(
  url: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<IncomingMessage> {
  const request = get(url, { headers, agent: false })
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  open.push(response)
  response.on('error', () => {})
  return response
}

/** What a stream has told so far. */
function heard(stream: IncomingMessage): () => { event: string; id: string; data: { type: string } }[] {
  let text = ''
  stream.setEncoding('utf8').on('data', (chunk) => {
    text += chunk
  })
  return () =>
    [...text.matchAll(/^id: (.*)\nevent: (.*)\ndata: (.*)\n\n/gm)].map(
      ([, id = '', event = '', data = '']) => ({
        id,
        event,
        data: JSON.parse(data),
      }),
    )
}

test('tells events as they happen, in their order, to everyone who listens', async () => {
  const streams = [await connect(), await connect()]
  expect(streams[0]?.headers['content-type']).toBe('text/event-stream')
  expect(streams[0]?.headers['cache-control']).toBe('no-store')
  const told = streams.map(heard)
  const url = await createUpload(server, 3)
  await send(url, 'DELETE', TUS)
  await until('both were told', () => told.every((events) => events().length === 2))
  const [one, other] = told.map((events) => events())
  expect(one).toEqual(other)
  expect(one?.map(({ event }) => event)).toEqual(['upload.created', 'upload.cancelled'])
  expect(one?.[0]?.data).toMatchObject({ type: 'upload.created', id: one?.[0]?.id })
})

test('is for the service key only', async () => {
  const anon = await server.server.tokens.apiKey('anon')
  expect((await connect({})).statusCode).toBe(401)
  expect((await connect({ Authorization: `Bearer ${anon}` })).statusCode).toBe(403)
})

test('a name with line breaks cannot forge an event', async () => {
  const stream = await connect()
  const told = heard(stream)
  const name = Buffer.from('a\n\nevent: upload.completed\ndata: {}\n\n').toString('base64')
  await send(`${server.url}/files/`, 'POST', {
    ...TUS,
    'Upload-Length': '3',
    'Upload-Metadata': `filename ${name}`,
  })
  await until('it was told', () => told().length > 0)
  expect(told().map(({ event }) => event)).toEqual(['upload.created'])
})

test('a reader that does not read loses its stream, and nobody else anything', async () => {
  const live = new Listeners(createLog('silent'), () => {})
  const app = Fastify()
  registerEventStream(app, { live, closing: new AbortController().signal })
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  try {
    const lazy = await connectTo(`${url}/events/stream`)
    lazy.pause()
    const told = heard(await connectTo(`${url}/events/stream`))
    const connections = promisify(app.server.getConnections.bind(app.server))
    expect(await connections()).toBe(2)
    const metadata = { name: 'x'.repeat(64 * 1024) }
    let made = 0
    // Many times what sockets hold of themselves.
    while ((await connections()) > 1 && made < 1000) {
      live.tell([{ id: `evt_${made}`, type: 'upload.created', timestamp: '', data: { metadata } } as never])
      made += 1
      await until('it arrived', () => told().length === made)
    }
    expect(await connections()).toBe(1)
    expect(made).toBeLessThan(1000)
  } finally {
    for (const stream of open.splice(0)) stream.destroy()
    await app.close()
  }
})

test('there is an end to how many may listen, and who leaves makes room', async () => {
  const streams = []
  for (let i = 0; i < 32; i += 1) streams.push(await connect())
  const refused = await connect()
  expect([refused.statusCode, refused.headers['retry-after']]).toEqual([503, '5'])
  streams[0]?.destroy()
  await until('there is room', async () => (await connect()).statusCode === 200)
})

test('streams end when the server closes', async () => {
  const stream = await connect()
  stream.resume()
  const ended = once(stream, 'end')
  await server.server.close()
  await ended
})

test('what happens while the server closes does no harm to a stream that has not been read to its end', async () => {
  const live = new Listeners(createLog('silent'), () => {})
  const closing = new AbortController()
  const app = Fastify()
  let raw: ServerResponse | undefined
  app.server.on('request', (_request, response) => {
    raw = response
  })
  registerEventStream(app, { live, closing: closing.signal })
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  try {
    const slow = await connectTo(`${url}/events/stream`)
    slow.pause()
    const tell = async (id: string): Promise<void> => {
      live.tell([{ id, type: 'upload.created', timestamp: '', data: { name: 'x'.repeat(100_000) } } as never])
      // Listeners are told in a later turn.
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    let made = 0
    // What sockets take by themselves is no longer ours: only what is left keeps a stream open after its end.
    while (raw?.writableLength === 0) {
      made += 1
      await tell(`evt_${made}`)
    }
    closing.abort()
    await tell('evt_late')
    const told = heard(slow)
    slow.resume()
    await once(slow, 'end')
    expect(told()).toHaveLength(made)
  } finally {
    for (const stream of open.splice(0)) stream.destroy()
    await app.close()
  }
})
