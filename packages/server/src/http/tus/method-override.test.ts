import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { send } from '../testing/client.ts'
import {
  CHUNK,
  createUpload,
  head,
  offsetOf,
  startTestServer,
  type TestServer,
  TUS,
} from '../testing/test-server.ts'

let server: TestServer
beforeAll(async () => {
  server = await startTestServer()
})
afterAll(() => server.close())

describe('X-HTTP-Method-Override', () => {
  test.each(['PATCH', 'patch'])('is honoured on POST for %s', async (method) => {
    const url = await createUpload(server, 5)
    const headers = { ...CHUNK, 'Upload-Offset': '0', 'X-HTTP-Method-Override': method }
    const reply = await send(url, 'POST', headers, 'hello')
    expect([reply.status, reply.headers['upload-offset']]).toEqual([204, '5'])
  })

  test('is honoured on POST for DELETE', async () => {
    const url = await createUpload(server, 5)
    expect((await send(url, 'POST', { ...TUS, 'X-HTTP-Method-Override': 'DELETE' })).status).toBe(204)
    expect((await head(url)).status).toBe(404)
  })

  test.each(['HEAD', 'GET', 'PATCH', 'OPTIONS'])('is not looked at on %s', async (method) => {
    const url = await createUpload(server, 5)
    await send(url, method, { ...CHUNK, 'Upload-Offset': '0', 'X-HTTP-Method-Override': 'DELETE' })
    expect((await head(url)).status).toBe(200)
  })

  test.each([
    '',
    'PUT',
    'PROPFIND',
    'X',
    'PATCH, PATCH',
    'PATCH PATCH',
    '__proto__',
    'DELETE;',
    'a'.repeat(5000),
  ])('with "%.20s" is a 4xx that changes nothing', async (method) => {
    const url = await createUpload(server, 5)
    const headers = { ...CHUNK, 'Upload-Offset': '0', 'X-HTTP-Method-Override': method }
    const reply = await send(url, 'POST', headers, 'hello')
    expect(reply.status).toBe(405)
    expect(reply.text).toContain('not possible')
    expect(await offsetOf(url)).toBe(0)
  })
})
