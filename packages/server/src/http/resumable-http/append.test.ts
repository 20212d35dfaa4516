/** Section "Upload Append", "Server Behavior". */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { send } from '../testing/client.ts'
import {
  append,
  begin,
  beginEmpty,
  beginSlowly,
  DRAFT,
  locationOf,
  look,
  offsetAt,
  problemIn,
  written,
} from '../testing/resumable.ts'
import { startTestServer, type TestServer } from '../testing/test-server.ts'

let server: TestServer
beforeAll(async () => {
  server = await startTestServer()
})
afterAll(() => server.close())

const MISMATCH = 'https://iana.org/assignments/http-problem-types#mismatching-upload-offset'

describe('Upload Append', () => {
  test('appends, part by part, and the last part completes', async () => {
    const url = await beginEmpty(server)
    const first = await append(url, 0, '?0', 'one ')
    expect(first.status).toBe(204)
    expect(first.headers['upload-complete']).toBe('?0')
    await append(url, 4, '?0', 'two ')
    const last = await append(url, 8, '?1', 'three')
    expect(last.status).toBe(201)
    expect(last.headers['upload-complete']).toBe('?1')
    expect((await send(locationOf(server, last), 'GET')).text).toBe('one two three')
  })

  test('empty content with ?1 completes, with ?0 changes nothing', async () => {
    const url = await beginEmpty(server)
    await append(url, 0, '?0', 'all')
    expect((await append(url, 3, '?0')).status).toBe(204)
    expect(await offsetAt(url)).toBe(3)
    const reply = await append(url, 3, '?1')
    expect((await send(locationOf(server, reply), 'GET')).text).toBe('all')
  })

  test.each([0, 4, 6, 999_999_999_999_999])(
    'at another offset (%d) is 409 with the right one, Upload-Complete: ?0, and a problem document with both',
    async (offset) => {
      const url = await beginEmpty(server)
      await append(url, 0, '?0', 'hello')
      const reply = await append(url, offset, '?1', 'x')
      expect(reply.status).toBe(409)
      expect(reply.headers['upload-offset']).toBe('5')
      expect(reply.headers['upload-complete']).toBe('?0')
      expect(problemIn(reply)).toMatchObject({
        type: MISMATCH,
        status: 409,
        'expected-offset': 5,
        'provided-offset': offset,
      })
      expect(await offsetAt(url)).toBe(5)
    },
  )

  test('without its media type is refused with the one to use', async () => {
    const url = await beginEmpty(server)
    for (const type of ['application/octet-stream', 'application/offset+octet-stream', '']) {
      const reply = await append(url, 0, '?0', 'x', { 'Content-Type': type })
      expect(reply.status).toBe(415)
      expect(reply.headers['accept-patch']).toBe('application/partial-upload')
      expect(reply.headers['upload-complete']).toBe('?0')
    }
    expect(await offsetAt(url)).toBe(0)
    const typed = { 'Content-Type': 'Application/Partial-Upload; a=b' }
    expect((await append(url, 0, '?0', 'x', typed)).status).toBe(204)
  })

  test('without Upload-Offset or Upload-Complete is refused, and changes nothing', async () => {
    const url = await beginEmpty(server)
    const partial = { ...DRAFT, 'Content-Type': 'application/partial-upload' }
    for (const headers of [{ 'Upload-Offset': '0' }, { 'Upload-Complete': '?1' }, {}]) {
      const reply = await send(url, 'PATCH', { ...partial, ...headers }, 'x')
      expect(reply.status).toBe(400)
      expect(problemIn(reply).title).toMatch(/^an append needs/)
    }
    expect(await offsetAt(url)).toBe(0)
  })

  test('that breaks keeps what came, from its beginning and without a gap, and is not complete', async () => {
    const url = await beginEmpty(server)
    await append(url, 0, '?0', 'one')
    const slow = await beginSlowly(
      server,
      'PATCH',
      new URL(url).pathname,
      {
        'Content-Type': 'application/partial-upload',
        'Upload-Offset': '3',
        'Upload-Complete': '?1',
        'Content-Length': '9',
      },
      'two',
    )
    await written()
    slow.destroy()
    const seen = await look(url)
    expect(seen.headers['upload-offset']).toBe('6')
    expect(seen.headers['upload-complete']).toBe('?0')
    const reply = await append(url, 6, '?1', 'three!')
    expect((await send(locationOf(server, reply), 'GET')).text).toBe('onetwothree!')
  })

  test('after a ?1 that broke, ?0 goes on and does not complete at the length', async () => {
    const url = await beginEmpty(server)
    const slow = await beginSlowly(
      server,
      'PATCH',
      new URL(url).pathname,
      {
        'Content-Type': 'application/partial-upload',
        'Upload-Offset': '0',
        'Upload-Complete': '?1',
        'Content-Length': '6',
      },
      'one',
    )
    await written()
    slow.destroy()
    expect(await offsetAt(url)).toBe(3)
    expect((await append(url, 3, '?0', 'two')).headers['upload-complete']).toBe('?0')
    expect((await look(url)).headers['upload-complete']).toBe('?0')
    expect((await append(url, 6, '?1')).headers['upload-complete']).toBe('?1')
  })

  test('that repeats the end of a completed upload gets the final answer again', async () => {
    const url = await beginEmpty(server)
    const first = await append(url, 0, '?1', 'hello')
    for (let i = 0; i < 3; i += 1) {
      const again = await append(url, 5, '?1')
      expect(again.status).toBe(first.status)
      for (const name of ['location', 'etag', 'upload-complete', 'pawl-object-id', 'pawl-object-version'])
        expect(again.headers[name]).toBe(first.headers[name])
    }
    const wrong = await append(url, 0, '?1', 'hello')
    expect(wrong.status).toBe(409)
    expect(wrong.headers['upload-offset']).toBe('5')
    expect(wrong.headers['upload-complete']).toBe('?0')
  })

  test('that says it goes past the length deactivates the upload', async () => {
    const url = await beginEmpty(server, { 'Upload-Length': '5' })
    const reply = await append(url, 0, '?0', 'hello!')
    expect(reply.status).toBe(400)
    expect(problemIn(reply).type).toContain('#inconsistent-upload-length')
    await deactivated(url)
  })

  test('that goes past the length without having said so deactivates the upload', async () => {
    const url = await beginEmpty(server, { 'Upload-Length': '5' })
    await append(url, 0, '?0', 'hel')
    const reply = await append(url, 3, '?0', ['lo', ' world'])
    expect(reply.status).toBe(400)
    expect(reply.headers['upload-complete']).toBe('?0')
    await deactivated(url)
  })

  test('the creation is counted too: its content must not pass the length', async () => {
    const reply = await begin(server, '?0', { 'Upload-Length': '5' }, ['hello', ' world'])
    expect(reply.status).toBe(400)
    await deactivated(locationOf(server, { headers: reply.interim[0]?.headers ?? {} }))
  })

  test('while it runs, interim answers tell the offset and never a Location', async () => {
    const url = await beginEmpty(server)
    const slow = await beginSlowly(
      server,
      'PATCH',
      new URL(url).pathname,
      {
        'Content-Type': 'application/partial-upload',
        'Upload-Offset': '0',
        'Upload-Complete': '?1',
        'Transfer-Encoding': 'chunked',
      },
      '',
    )
    let stop = false
    const dribbling = (async () => {
      while (!stop) {
        slow.write('1\r\nx\r\n')
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
    })()
    let last = 0
    for (let i = 0; i < 2; i += 1) {
      const interim = await slow.reply()
      expect(interim?.status).toBe(104)
      expect(interim?.headers).toEqual({
        'upload-draft-interop-version': '8',
        'upload-offset': expect.stringMatching(/^\d+$/),
      })
      const offset = Number(interim?.headers['upload-offset'])
      expect(offset).toBeGreaterThan(last)
      last = offset
    }
    stop = true
    await dribbling
    slow.destroy()
    expect(await offsetAt(url)).toBeGreaterThanOrEqual(last)
  })

  test('by a method that is none of an upload resource is 405', async () => {
    const url = await beginEmpty(server)
    for (const method of ['POST', 'PUT']) {
      const reply = await send(url, method, DRAFT, 'x')
      expect(reply.status).toBe(405)
      expect(reply.headers.allow).toContain('PATCH')
    }
    expect((await send(url, 'OPTIONS')).headers['accept-patch']).toBe('application/partial-upload')
  })
})

async function deactivated(url: string): Promise<void> {
  for (const reply of [
    await look(url),
    await append(url, 0, '?1'),
    await append(url, 5, '?1', ''),
    await send(url, 'DELETE', DRAFT),
  ]) {
    expect(reply.status).toBe(410)
    expect(reply.headers['upload-complete']).toBe('?0')
  }
}
