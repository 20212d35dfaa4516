import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { send } from '../testing/client.ts'
import { RawConnection } from '../testing/raw-connection.ts'
import {
  createObject,
  createUpload,
  head,
  patch,
  startTestServer,
  type TestServer,
  TUS,
} from '../testing/test-server.ts'

let server: TestServer
beforeAll(async () => {
  server = await startTestServer()
})
afterAll(() => server.close())

describe('DELETE', () => {
  test('is 204, and the upload is gone: 404 to everything, DELETE included', async () => {
    const url = await createUpload(server, 10)
    await patch(url, 0, 'hello')
    const reply = await send(url, 'DELETE', TUS)
    expect([reply.status, reply.text]).toEqual([204, ''])
    expect((await send(url, 'DELETE', TUS)).status).toBe(404)
    expect((await head(url)).status).toBe(404)
    expect((await patch(url, 5, 'world')).status).toBe(404)
    expect((await send(url, 'GET')).status).toBe(404)
  })

  test('of an unknown upload is 404', async () => {
    expect((await send(`${server.url}/files/${'0'.repeat(32)}`, 'DELETE', TUS)).status).toBe(404)
  })

  test('of a completed upload is 403, and the object stays', async () => {
    const url = await createObject(server, 'hello')
    const reply = await send(url, 'DELETE', TUS)
    expect(reply.status).toBe(403)
    expect(reply.text).toContain('complete')
    expect((await send(url, 'GET')).text).toBe('hello')
  })

  test('ends a transfer in flight first: its connection is closed without an answer', async () => {
    const url = await createUpload(server, 1000)
    const writer = await RawConnection.open(server.port)
    writer.write(
      `PATCH ${new URL(url).pathname} HTTP/1.1\r\nHost: localhost\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\n` +
        'Content-Type: application/offset+octet-stream\r\nContent-Length: 1000\r\n\r\nhello',
    )
    await sleep(100)
    const began = Date.now()
    expect((await send(url, 'DELETE', TUS)).status).toBe(204)
    expect(Date.now() - began).toBeLessThan(1500)
    await writer.closed()
    expect(writer.pending).toBe('')
    expect((await head(url)).status).toBe(404)
  })
})
