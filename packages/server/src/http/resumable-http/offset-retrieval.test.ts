/** Section "Offset Retrieval", "Server Behavior". */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { send } from '../testing/client.ts'
import { append, begin, beginEmpty, DRAFT, locationOf, look, problemIn } from '../testing/resumable.ts'
import { startTestServer, type TestServer } from '../testing/test-server.ts'

let server: TestServer
beforeAll(async () => {
  server = await startTestServer()
})
afterAll(() => server.close())

describe('Offset Retrieval', () => {
  test.each(['HEAD', 'GET'])(
    '%s shows offset, completeness, length and limits, and is not cached',
    async (method) => {
      const url = await beginEmpty(server, { 'Upload-Length': '10' })
      await append(url, 0, '?0', 'hello')
      const reply = await send(url, method, DRAFT)
      expect(reply.status).toBe(204)
      expect(reply.headers).toMatchObject({
        'upload-offset': '5',
        'upload-complete': '?0',
        'upload-length': '10',
        'upload-limit': expect.stringMatching(/^max-size=50000000000, max-age=86\d+$/),
        'cache-control': 'no-store',
      })
      expect(reply.bytes).toHaveLength(0)
    },
  )

  test('works without an interop version, as the RFC will have it', async () => {
    const url = await beginEmpty(server)
    expect((await send(url, 'HEAD')).headers['upload-offset']).toBe('0')
  })

  test('leaves the length out while the client has not told it', async () => {
    const url = await beginEmpty(server)
    expect((await look(url)).headers).not.toHaveProperty('upload-length')
  })

  test('shows a completed upload as complete', async () => {
    const reply = await begin(server, '?1', {}, 'hello')
    const url = locationOf(server, { headers: reply.interim[0]?.headers ?? {} })
    expect((await look(url)).headers).toMatchObject({
      'upload-offset': '5',
      'upload-complete': '?1',
      'upload-length': '5',
    })
  })

  test.each(['0'.repeat(32), 'x', '', '..%2f', `${'0'.repeat(32)}/x`, 'A'.repeat(32)])(
    'of an upload that is not there (%j) is 404 with a problem document, and no redirect',
    async (name) => {
      const reply = await send(`${server.url}/uploads/${name}`, 'GET', DRAFT)
      expect(reply.status).toBe(404)
      expect(problemIn(reply).status).toBe(404)
      expect(reply.headers['upload-complete']).toBe('?0')
    },
  )

  test('the offset that it shows is taken by the next append, many times over', async () => {
    const url = await beginEmpty(server)
    let sent = ''
    for (let i = 0; i < 20; i += 1) {
      const offset = Number((await look(url)).headers['upload-offset'])
      expect(offset).toBe(sent.length)
      const piece = `${i},`
      expect((await append(url, offset, '?0', piece)).status).toBe(204)
      sent += piece
    }
    const reply = await append(url, sent.length, '?1')
    expect((await send(locationOf(server, reply), 'GET')).text).toBe(sent)
  })
})
