import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { send } from '../testing/client.ts'
import {
  CHUNK,
  createUpload,
  head,
  offsetOf,
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

describe('PATCH', () => {
  test('takes bytes and answers 204 with the new Upload-Offset and Upload-Expires', async () => {
    const url = await createUpload(server, 11)
    const first = await patch(url, 0, 'hello ')
    expect([first.status, first.headers['upload-offset']]).toEqual([204, '6'])
    expect(first.headers['upload-expires']).toBeDefined()
    const last = await send(url, 'PATCH', { ...CHUNK, 'Upload-Offset': '6' }, ['wor', 'ld'])
    expect([last.status, last.headers['upload-offset'], last.headers['tus-complete']]).toEqual([
      204,
      '11',
      '1',
    ])
    expect((await send(url, 'GET')).text).toBe('hello world')
  })

  test('takes an empty body', async () => {
    const url = await createUpload(server, 5)
    expect((await patch(url, 0, '')).headers['upload-offset']).toBe('0')
  })

  test.each(['text/plain', 'application/octet-stream', 'application/offset+octet-stream; charset=utf-8', ''])(
    'with the content type "%s" is 415',
    async (type) => {
      const url = await createUpload(server, 5)
      const reply = await patch(url, 0, 'hello', { 'Content-Type': type })
      expect(reply.status).toBe(415)
      expect(reply.text).toContain('application/offset+octet-stream')
      expect(await offsetOf(url)).toBe(0)
    },
  )

  test.each(['-1', '1e3', '0x10', '', ' ', '0 0', '+0', '0.0', 'zero', '99999999999999999999', '\u00b2'])(
    'with the malformed Upload-Offset "%s" is 400',
    async (offset) => {
      const url = await createUpload(server, 5)
      const reply = await patch(url, offset, 'hello')
      expect(reply.status).toBe(400)
      expect(reply.text).toContain('Upload-Offset')
      expect(await offsetOf(url)).toBe(0)
    },
  )

  test('without Upload-Offset, or with two, is 400', async () => {
    const url = await createUpload(server, 5)
    expect((await send(url, 'PATCH', CHUNK, 'hello')).status).toBe(400)
    expect((await send(url, 'PATCH', { ...CHUNK, 'Upload-Offset': ['0', '0'] }, 'hello')).status).toBe(400)
    expect(await offsetOf(url)).toBe(0)
  })

  test('at another offset is 409 with the right Upload-Offset', async () => {
    const url = await createUpload(server, 10)
    await patch(url, 0, 'hello')
    for (const offset of [0, 4, 6, 10, Number.MAX_SAFE_INTEGER]) {
      const reply = await patch(url, offset, 'x')
      expect([reply.status, reply.headers['upload-offset']]).toEqual([409, '5'])
    }
    expect(await offsetOf(url)).toBe(5)
  })

  test('whose declared length passes the end is 413 before anything is read', async () => {
    const url = await createUpload(server, 10)
    await patch(url, 0, 'hello')
    const reply = await patch(url, 5, 'world!')
    expect(reply.status).toBe(413)
    expect(reply.text).toContain('past the end')
    expect(await offsetOf(url)).toBe(5)
  })

  test('that is chunked and passes the end is rolled back to where it began, 413', async () => {
    const url = await createUpload(server, 3_000_000)
    await patch(url, 0, 'x'.repeat(1_000_000))
    const chunks = Array.from({ length: 40 }, () => 'y'.repeat(65_536))
    const reply = await send(url, 'PATCH', { ...CHUNK, 'Upload-Offset': '1000000' }, chunks)
    expect(reply.status).toBe(413)
    expect(await offsetOf(url)).toBe(1_000_000)
    const rest = await patch(url, 1_000_000, 'z'.repeat(2_000_000))
    expect(rest.headers['tus-complete']).toBe('1')
    const { text } = await send(url, 'GET')
    expect(text === 'x'.repeat(1_000_000) + 'z'.repeat(2_000_000)).toBe(true)
  })

  test('that is chunked and one byte too long is rolled back too', async () => {
    const url = await createUpload(server, 5)
    expect((await send(url, 'PATCH', { ...CHUNK, 'Upload-Offset': '0' }, ['hello', '!'])).status).toBe(413)
    expect(await offsetOf(url)).toBe(0)
  })

  test('to an unknown upload is 404', async () => {
    expect((await patch(`${server.url}/files/${'0'.repeat(32)}`, 0, 'hello')).status).toBe(404)
    expect((await patch(`${server.url}/files/x`, 0, 'hello')).status).toBe(404)
  })
})

describe('PATCH after completion', () => {
  test('gets the stored answer when it repeats offset = length, and 409 at any other', async () => {
    const url = await createUpload(server, 5)
    const done = await patch(url, 0, 'hello')
    const version = done.headers['pawl-object-version']
    expect(version).toBeDefined()
    for (let repeat = 0; repeat < 3; repeat += 1) {
      const again = await patch(url, 5, '')
      expect(again.status).toBe(204)
      expect(again.headers).toMatchObject({
        'upload-offset': '5',
        'tus-complete': '1',
        etag: done.headers.etag,
        'pawl-object-id': done.headers['pawl-object-id'],
        'pawl-object-version': version,
      })
    }
    for (const offset of [0, 4, 6]) {
      const reply = await patch(url, offset, 'x')
      expect([reply.status, reply.headers['upload-offset']]).toEqual([409, '5'])
    }
    expect((await patch(url, 5, 'x')).status).toBe(413)
    expect((await send(url, 'GET')).text).toBe('hello')
  })
})

describe('Every 2xx that takes bytes', () => {
  test('carries Upload-Offset', async () => {
    const url = await createUpload(server, undefined)
    const replies = [
      await patch(url, 0, 'he'),
      await send(url, 'PATCH', { ...CHUNK, 'Upload-Offset': '2' }, ['l', 'l']),
      await send(url, 'POST', { ...CHUNK, 'Upload-Offset': '4', 'X-HTTP-Method-Override': 'PATCH' }, 'o'),
      await patch(url, 5, '', { 'Upload-Length': '5' }),
      await send(`${server.url}/files/`, 'POST', { ...CHUNK, 'Upload-Length': '9' }, 'hello'),
    ]
    expect(replies.map(({ status }) => status)).toEqual([204, 204, 204, 204, 201])
    expect(replies.map(({ headers }) => headers['upload-offset'])).toEqual(['2', '4', '5', '5', '5'])
  })
})

test('A GET of the upload while it is under way is 412, and HEAD shows the offset', async () => {
  const url = await createUpload(server, 10)
  await patch(url, 0, 'hello')
  expect((await send(url, 'GET')).status).toBe(412)
  expect((await head(url, TUS)).headers['upload-offset']).toBe('5')
})
