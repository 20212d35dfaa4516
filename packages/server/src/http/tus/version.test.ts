import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { send } from '../testing/client.ts'
import { CHUNK, createUpload, head, startTestServer, type TestServer, TUS } from '../testing/test-server.ts'

let server: TestServer
let url = ''
beforeAll(async () => {
  server = await startTestServer()
  url = await createUpload(server, 5)
})
afterAll(() => server.close())

describe('Tus-Resumable missing or unknown', () => {
  test.each([undefined, '', '0.2.2', '1.0', '1.0.1', '2.0.0', '1.0.0, 1.0.0'])(
    'is 412 with Tus-Version: %j',
    async (version) => {
      const headers = version === undefined ? {} : { 'Tus-Resumable': version }
      for (const [method, target] of [
        ['POST', `${server.url}/files/`],
        ['PATCH', url],
        ['DELETE', url],
        ['HEAD', url],
      ] as const) {
        const reply = await send(target, method, {
          'Content-Type': CHUNK['Content-Type'],
          'Upload-Offset': '0',
          'Upload-Length': '5',
          ...headers,
        })
        expect(reply.status).toBe(412)
        expect(reply.headers['tus-version']).toBe('1.0.0')
        expect(reply.headers['tus-resumable']).toBe('1.0.0')
        if (method !== 'HEAD') expect(reply.text).toMatch(/1\.0\.0/)
      }
      expect((await head(url)).headers['upload-offset']).toBe('0')
    },
  )

  test('is fine for OPTIONS', async () => {
    expect((await send(url, 'OPTIONS')).status).toBe(204)
    expect((await send(url, 'OPTIONS', { 'Tus-Resumable': '0.2.2' })).status).toBe(204)
  })
})

describe('Every response', () => {
  test('has Tus-Resumable: 1.0.0, refusals too', async () => {
    const replies = [
      await send(`${server.url}/files/`, 'POST', { ...TUS, 'Upload-Length': '5' }),
      await send(`${server.url}/files/`, 'POST', TUS),
      await send(`${server.url}/files/`, 'PUT', TUS),
      await send(`${server.url}/files/`, 'OPTIONS'),
      await send(`${server.url}/files/`, 'OPTIONS', {
        Origin: 'http://localhost',
        'Access-Control-Request-Method': 'PATCH',
      }),
      await head(url),
      await head(`${server.url}/files/nothing`),
      await send(url, 'PATCH', { ...CHUNK, 'Upload-Offset': '3' }, 'x'),
      await send(url, 'DELETE', TUS),
      await send(url, 'DELETE', TUS),
    ]
    expect(replies.map(({ headers }) => headers['tus-resumable'])).toEqual(replies.map(() => '1.0.0'))
  })
})
