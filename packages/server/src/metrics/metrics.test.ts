import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { send } from '../http/testing/client.ts'
import { createUpload, patch, startTestServer, type TestServer } from '../http/testing/test-server.ts'

let server: TestServer
beforeAll(async () => {
  server = await startTestServer({ args: ['--max-open', '3'] })
})
afterAll(() => server.close())

async function scrape(): Promise<string> {
  const key = await server.server.tokens.apiKey('service_role')
  const reply = await send(`${server.url}/metrics`, 'GET', { Authorization: `Bearer ${key}` })
  expect(reply.status).toBe(200)
  expect(reply.headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8')
  return reply.text
}

/** The sum over all label sets of a metric whose labels contain `labels`. */
function valueIn(text: string, name: string, labels = ''): number {
  const lines = text.split('\n').filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
  return lines
    .filter((line) => line.includes(labels))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0)
}

test('metrics need the service key', async () => {
  expect((await send(`${server.url}/metrics`, 'GET')).status).toBe(401)
  const anon = await server.server.tokens.apiKey('anon')
  const reply = await send(`${server.url}/metrics`, 'GET', { Authorization: `Bearer ${anon}` })
  expect(reply.status).toBe(401)
  expect(reply.text).not.toContain('pawl_')
})

test('an upload shows in every number that it concerns', async () => {
  const before = await scrape()
  const url = await createUpload(server, 10)
  expect(valueIn(await scrape(), 'pawl_uploads', 'state="open"')).toBe(1)
  await patch(url, 0, 'hello')
  await patch(url, 5, 'world')
  const after = await scrape()
  const grew = (name: string, labels = ''): number =>
    valueIn(after, name, labels) - valueIn(before, name, labels)
  expect(grew('pawl_received_bytes_total')).toBe(10)
  expect(grew('pawl_append_bytes_sum')).toBe(10)
  expect(grew('pawl_append_seconds_count', 'outcome="ended"')).toBe(2)
  expect(grew('pawl_finish_seconds_count', 'outcome="published"')).toBe(1)
  expect(valueIn(after, 'pawl_uploads', 'state="open"')).toBe(0)
  expect(valueIn(after, 'pawl_transfers_active')).toBe(0)
  expect(valueIn(after, 'pawl_connections')).toBeGreaterThan(0)
  // Every operation of the catalog is in one commit: at least insert, begin of the finish, publish.
  expect(grew('pawl_catalog_commit_operations_sum')).toBeGreaterThanOrEqual(3)
  expect(grew('pawl_catalog_commit_seconds_count')).toBe(grew('pawl_catalog_commit_operations_count'))
})

test('what a limit refuses is counted by its reason', async () => {
  for (let i = 0; i < 3; i += 1) await createUpload(server, 10)
  await expect(createUpload(server, 10)).rejects.toThrow('503')
  expect(valueIn(await scrape(), 'pawl_refused_total', 'too-many-open')).toBe(1)
})

test('every metric of the dashboard exists, and every metric of ours is on the dashboard', async () => {
  const text = await scrape()
  const file = new URL('../../../../deploy/grafana/pawl.json', import.meta.url)
  const expressions = JSON.stringify(JSON.parse(readFileSync(file, 'utf8'))).match(
    /"expr":"(?:[^"\\]|\\.)*"/g,
  )
  const named = new Set(expressions?.join(' ').match(/\b(?:pawl|process|nodejs)_\w+/g))
  const families = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name = '', type]) => ({ name, type }))
  const samples = families.flatMap(({ name, type }) =>
    type === 'histogram' ? ['_bucket', '_sum', '_count'].map((end) => name + end) : [name],
  )
  expect([...named].filter((name) => !samples.includes(name))).toEqual([])
  const own = families.filter(({ name }) => name.startsWith('pawl_'))
  expect(own.filter(({ name }) => ![...named].some((used) => used.startsWith(name)))).toEqual([])
})

test('a port of its own shows them without a key, and nothing else', async () => {
  const lines: string[] = []
  const { pino } = await import('pino')
  const log = pino({}, { write: (line: string) => void lines.push(line) })
  const own = await startTestServer({ args: ['--metrics-port', '0'], parts: { log } })
  try {
    const url: unknown = lines.map((line) => JSON.parse(line)).find(({ msg }) => msg === 'metrics')?.url
    const reply = await send(String(url), 'GET')
    expect([reply.status, reply.text.includes('pawl_uploads')]).toEqual([200, true])
    // Two servers in one process do not mix.
    expect(valueIn(reply.text, 'pawl_append_bytes_sum')).toBe(0)
    expect((await send(String(url).replace('/metrics', '/files/'), 'POST')).status).toBe(404)
  } finally {
    await own.close()
  }
})
