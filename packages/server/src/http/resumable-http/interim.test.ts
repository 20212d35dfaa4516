/** Section "Status Code 104 (Upload Resumption Supported)", and when there must be none. */
import { describe, expect, test } from 'vitest'
import { send } from '../testing/client.ts'
import { rawRequest } from '../testing/raw-connection.ts'
import { append, begin, beginSlowly, DRAFT, locationOf, offsetAt } from '../testing/resumable.ts'
import { startTestServer, type TestServer } from '../testing/test-server.ts'

async function within(args: readonly string[], run: (server: TestServer) => Promise<void>): Promise<void> {
  const server = await startTestServer({ args })
  try {
    await run(server)
  } finally {
    await server.close()
  }
}

describe('104', () => {
  test('carries the interop version of the request, which is one that is spoken here', () =>
    within([], async (server) => {
      for (const version of ['5', '6', '8', '9', '10']) {
        const reply = await begin(server, '?1', { 'Upload-Draft-Interop-Version': version }, 'x')
        expect(reply.interim).toHaveLength(1)
        expect(reply.interim[0]?.headers['upload-draft-interop-version']).toBe(version)
      }
    }))

  test.each([undefined, '', '3', '4', '7', '11', '8.0', '"8"', 'x'])(
    'is not sent for the interop version %j',
    (version) =>
      within([], async (server) => {
        const headers = version === undefined ? {} : { 'Upload-Draft-Interop-Version': version }
        const reply = await send(`${server.url}/files/`, 'POST', { 'Upload-Complete': '?1', ...headers }, 'x')
        expect(reply.status).toBe(201)
        expect(reply.interim).toEqual([])
      }),
  )

  test('does not take the place of 100 Continue', () =>
    within([], async (server) => {
      const connection = await beginSlowly(
        server,
        'POST',
        '/files/',
        { 'Upload-Complete': '?1', 'Content-Length': '5', Expect: '100-continue' },
        '',
      )
      const codes = [(await connection.reply())?.status, (await connection.reply())?.status]
      expect(codes).toEqual([104, 100])
      connection.write('hello')
      expect((await connection.reply())?.status).toBe(201)
      connection.destroy()
    }))

  test('is not sent to HTTP/1.0, which knows no interim answers', () =>
    within([], async (server) => {
      const connection = await rawRequest(
        server.port,
        'POST /files/ HTTP/1.0\r\nHost: localhost\r\nUpload-Draft-Interop-Version: 8\r\nUpload-Complete: ?1\r\nContent-Length: 1\r\n\r\nx',
      )
      expect(connection?.status).toBe(201)
    }))

  test('is left out for a client that does not read, and nothing piles up', () =>
    within([], async (server) => {
      const reply = await begin(server, '?0', {}, Buffer.alloc(3_000_000))
      expect(reply.interim.length).toBeLessThan(10)
      expect(await offsetAt(locationOf(server, reply))).toBe(3_000_000)
    }))
})

describe('PAWL_INTERIM', () => {
  const forwarded = [
    { Forwarded: 'for=1.2.3.4' },
    { 'X-Forwarded-For': '1.2.3.4' },
    { 'X-Forwarded-Proto': 'https' },
    { Via: '1.1 proxy' },
  ]

  test('auto: none through a proxy that is trusted, or that says what it is', async () => {
    await within(['--trusted-proxies', '127.0.0.1,::1'], async (server) => {
      expect((await begin(server, '?1', {}, 'x')).interim).toEqual([])
    })
    // In development mode a request that was forwarded is refused.
    const server = await startTestServer({ dev: false })
    try {
      const Authorization = `Bearer ${await server.server.tokens.apiKey('service_role')}`
      for (const headers of forwarded) {
        const reply = await begin(server, '?1', { Authorization, ...headers }, 'x')
        expect(reply.status).toBe(201)
        expect(reply.interim).toEqual([])
      }
      expect((await begin(server, '?1', { Authorization }, 'x')).interim).toHaveLength(1)
    } finally {
      await server.close()
    }
  })

  test('off: none at all; what was begun is resumed all the same', () =>
    within(['--interim', 'off'], async (server) => {
      const reply = await begin(server, '?0', {}, 'hel')
      expect(reply.interim).toEqual([])
      expect((await append(locationOf(server, reply), 3, '?1', 'lo')).status).toBe(201)
    }))

  test('on: through proxies too', () =>
    within(['--interim', 'on', '--trusted-proxies', '127.0.0.1'], async (server) => {
      expect((await begin(server, '?1', DRAFT, 'x')).interim).toHaveLength(1)
    }))
})
