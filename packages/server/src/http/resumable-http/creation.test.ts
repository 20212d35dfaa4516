/** Section "Upload Creation", "Server Behavior". */
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

describe('Upload Creation', () => {
  test('4.2.2: a creation is announced with a 104 that has Location and Upload-Limit', async () => {
    const connection = await beginSlowly(
      server,
      'POST',
      '/files/',
      { 'Upload-Complete': '?1', 'Content-Length': '5' },
      '',
    )
    const interim = await connection.reply()
    expect(interim?.status).toBe(104)
    expect(interim?.headers).toEqual({
      'upload-draft-interop-version': '8',
      location: expect.stringMatching(/^\/uploads\/[0-9a-f]{44}$/),
      'upload-limit': expect.stringMatching(/^max-size=50000000000, max-age=86(400|399)$/),
    })
    connection.write('hello')
    const final = await connection.reply()
    expect(final?.status).toBe(201)
    connection.destroy()
  })

  test('with Upload-Complete: ?1 the target makes the answer, and says so', async () => {
    const reply = await begin(server, '?1', { 'Content-Type': 'text/plain' }, 'hello')
    expect(reply.status).toBe(201)
    expect(reply.headers['upload-complete']).toBe('?1')
    expect(reply.headers.location).toMatch(/^\/files\/[0-9a-f]{44}$/)
    const object = await send(locationOf(server, reply), 'GET')
    expect(object.text).toBe('hello')
    expect(object.headers['content-type']).toBe('text/plain')
    expect(object.headers.etag).toBe(reply.headers.etag)
  })

  test('4.2.2: a part is answered 201 with Location and Upload-Limit', async () => {
    const reply = await begin(server, '?0', {}, 'hel')
    expect(reply.status).toBe(201)
    expect(reply.headers['upload-complete']).toBe('?0')
    expect(reply.headers.location).toBe(reply.interim[0]?.headers.location)
    expect(reply.headers['upload-limit']).toMatch(/^max-size=/)
    const url = locationOf(server, reply)
    expect(await offsetAt(url)).toBe(3)
    expect((await append(url, 3, '?1', 'lo')).headers['upload-complete']).toBe('?1')
  })

  test('4.2.2: Location is the same in every answer to one creation', async () => {
    for (const content of ['', 'hello']) {
      const reply = await begin(server, '?0', {}, content)
      const told = [...reply.interim, reply].flatMap(({ headers }) => headers.location ?? [])
      expect(told).toHaveLength(2)
      expect(new Set(told).size).toBe(1)
    }
    // Of one that failed, too.
    const reply = await begin(server, '?0', { 'Content-Digest': `sha-256=:${'A'.repeat(43)}=:` }, 'hello')
    expect(reply.status).toBe(400)
    expect(reply.headers.location).toBe(reply.interim[0]?.headers.location)
  })

  test('4.2.2: the length is recorded', async () => {
    const told = await begin(server, '?0', { 'Upload-Length': '9' }, 'hello')
    expect((await look(locationOf(server, told))).headers['upload-length']).toBe('9')
    const whole = await begin(server, '?1', {}, 'hello')
    const url = locationOf(server, { headers: whole.interim[0]?.headers ?? {} })
    expect((await look(url)).headers['upload-length']).toBe('5')
  })

  test('4.2.2: the answer says whether it is that of the target', async () => {
    expect((await begin(server, '?1', {}, 'x')).headers['upload-complete']).toBe('?1')
    expect((await begin(server, '?0', {}, 'x')).headers['upload-complete']).toBe('?0')
    const refused = await begin(server, '?1', { 'Upload-Length': '2' }, 'x')
    expect([refused.status, refused.headers['upload-complete']]).toEqual([400, '?0'])
  })

  test('without content tells where the upload is', async () => {
    const url = await beginEmpty(server)
    expect(await offsetAt(url)).toBe(0)
  })

  test('of an empty representation completes at once', async () => {
    const reply = await begin(server, '?1', { 'Content-Length': '0' })
    expect(reply.status).toBe(201)
    expect(reply.headers['upload-complete']).toBe('?1')
    expect((await send(locationOf(server, reply), 'GET')).bytes).toHaveLength(0)
  })

  test('an empty part of an empty representation does not complete it', async () => {
    const url = await beginEmpty(server, { 'Upload-Length': '0' })
    expect((await look(url)).headers['upload-complete']).toBe('?0')
    expect((await append(url, 0, '?1')).headers['upload-complete']).toBe('?1')
  })

  test('4.2.2: a creation that breaks off keeps what came and is not complete', async () => {
    const connection = await beginSlowly(
      server,
      'POST',
      '/files/',
      { 'Upload-Complete': '?1', 'Content-Length': '10' },
      'hello',
    )
    const url = locationOf(server, { headers: (await connection.reply())?.headers ?? {} })
    await written()
    connection.destroy()
    expect(await offsetAt(url)).toBe(5)
    const seen = await look(url)
    expect(seen.headers['upload-complete']).toBe('?0')
    expect(seen.headers['upload-length']).toBe('10')
    const reply = await append(url, 5, '?1', 'world')
    expect(reply.status).toBe(201)
    expect((await send(locationOf(server, reply), 'GET')).text).toBe('helloworld')
  })

  test('that was interrupted at the very last byte before its chunked end is not complete', async () => {
    const connection = await beginSlowly(
      server,
      'POST',
      '/files/',
      { 'Upload-Complete': '?1', 'Upload-Length': '5', 'Transfer-Encoding': 'chunked' },
      '5\r\nhello\r\n',
    )
    const url = locationOf(server, { headers: (await connection.reply())?.headers ?? {} })
    connection.destroy()
    await expect.poll(async () => (await look(url)).headers['upload-complete']).toBe('?0')
    const offset = await offsetAt(url)
    const reply = await append(url, offset, '?1', 'hello'.slice(offset))
    expect((await send(locationOf(server, reply), 'GET')).text).toBe('hello')
  })

  test('takes content whose size is not known before', async () => {
    const reply = await begin(server, '?1', {}, ['hel', 'lo'])
    expect(reply.status).toBe(201)
    expect((await send(locationOf(server, reply), 'GET')).text).toBe('hello')
  })

  test("keeps the representation's metadata: type, codings, and the file's name", async () => {
    const reply = await begin(
      server,
      '?1',
      {
        'Content-Type': 'text/css; charset=utf-8',
        'Content-Encoding': 'gzip',
        'Content-Disposition': `inline; filename="naive.css"; filename*=UTF-8''na%C3%AFve%20%E2%82%AC.css`,
      },
      'body{}',
    )
    const object = await send(locationOf(server, reply), 'GET')
    expect(object.headers['content-type']).toBe('text/css; charset=utf-8')
    expect(object.headers['content-encoding']).toBe('gzip')
    expect(object.headers['content-disposition']).toContain("filename*=UTF-8''na%C3%AFve%20%E2%82%AC.css")
  })

  test.each(['attachment; filename', 'x; filename="', '\u00ff;;;', 'inline; filename=""'])(
    'passes over a Content-Disposition that makes no sense: %j',
    async (disposition) => {
      const reply = await begin(server, '?1', { 'Content-Disposition': disposition }, 'x')
      expect(reply.status).toBe(201)
    },
  )

  test('with a Content-Encoding that is none is refused', async () => {
    const reply = await begin(server, '?1', { 'Content-Encoding': 'gzip;q=1' }, 'x')
    expect(reply.status).toBe(400)
    expect(problemIn(reply).title).toContain('Content-Encoding')
  })

  test.each(['1', '?2', '', '?1, ?0', 'true'])(
    'with the invalid Upload-Complete %j is no resumable request: the field is ignored',
    async (value) => {
      const reply = await begin(server, '?1', { 'Upload-Complete': value }, 'x')
      expect(reply.status).toBe(400)
      expect(reply.headers.location).toBeUndefined()
      expect(reply.interim).toEqual([])
    },
  )

  test('by a method that the target does not take is refused with those that it does', async () => {
    const reply = await send(`${server.url}/files/`, 'PUT', { ...DRAFT, 'Upload-Complete': '?1' }, 'x')
    expect(reply.status).toBe(405)
  })

  test('4: an upload resource has a URI of its own', async () => {
    const urls = await Promise.all(Array.from({ length: 20 }, () => beginEmpty(server)))
    expect(new Set(urls).size).toBe(20)
  })
})
