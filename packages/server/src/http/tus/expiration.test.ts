import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { send } from '../testing/client.ts'
import { RawConnection } from '../testing/raw-connection.ts'
import {
  CHUNK,
  createObject,
  createUpload,
  head,
  patch,
  startTestServer,
  type TestServer,
  TUS,
} from '../testing/test-server.ts'

const TTL = 2000
let server: TestServer
beforeAll(async () => {
  server = await startTestServer({ args: ['--upload-ttl', `${TTL}ms`] })
})
afterAll(() => server.close())

const expiry = ({ headers }: { headers: Record<string, unknown> }): number =>
  Date.parse(String(headers['upload-expires']))

describe('Upload-Expires', () => {
  test('is on POST, PATCH and HEAD of an upload under way, as an HTTP date', async () => {
    const created = await send(`${server.url}/files/`, 'POST', { ...TUS, 'Upload-Length': '5' })
    const url = new URL(created.headers.location ?? '', server.url).href
    for (const reply of [created, await patch(url, 0, 'he'), await head(url)]) {
      expect(reply.headers['upload-expires']).toMatch(/^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$/)
      expect(Math.abs(expiry(reply) - Date.now() - TTL)).toBeLessThan(1500)
    }
  })

  test('slides with each accepted byte', async () => {
    const url = await createUpload(server, 10)
    const first = expiry(await head(url))
    await sleep(1200)
    const second = expiry(await patch(url, 0, 'a'))
    expect(second).toBeGreaterThan(first)
    await sleep(1200)
    expect((await head(url)).status).toBe(200)
    expect(expiry(await head(url))).toBeGreaterThanOrEqual(second)
  })
})

describe('An upload that expired', () => {
  test('is 410 to HEAD, PATCH, DELETE and GET', async () => {
    const url = await createUpload(server, 10)
    await patch(url, 0, 'hello')
    await sleep(TTL + 300)
    expect((await head(url)).status).toBe(410)
    expect((await patch(url, 5, 'world')).status).toBe(410)
    expect((await send(url, 'GET')).status).toBe(410)
  })

  test('is never one whose transfer still runs', async () => {
    const url = await createUpload(server, 1000)
    const connection = await RawConnection.open(server.port)
    const headers = Object.entries({ ...CHUNK, Host: 'localhost', 'Upload-Offset': 0, 'Content-Length': 10 })
    const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join('')
    connection.write(`PATCH ${new URL(url).pathname} HTTP/1.1\r\n${lines}\r\n`)
    for (let sent = 0; sent < 10; sent += 1) {
      connection.write('x')
      await sleep((TTL * 1.3) / 10)
    }
    expect(await connection.reply()).toMatchObject({ status: 204, headers: { 'upload-offset': '10' } })
    connection.destroy()
  })

  test('is never a completed one: upload and object stay', async () => {
    const url = await createObject(server, 'hello')
    await sleep(TTL * 1.5)
    expect((await head(url)).headers).toMatchObject({ 'upload-offset': '5', 'tus-complete': '1' })
    expect((await head(url)).headers['upload-expires']).toBeUndefined()
    expect((await send(url, 'GET')).text).toBe('hello')
  })
})
