/** Section "State": offset, completeness, length, limits. */
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
} from '../testing/resumable.ts'
import { startTestServer, type TestServer } from '../testing/test-server.ts'

let server: TestServer
beforeAll(async () => {
  server = await startTestServer({ args: ['--max-size', '1000000'] })
})
afterAll(() => server.close())

const INCONSISTENT = 'https://iana.org/assignments/http-problem-types#inconsistent-upload-length'

describe('Offset', () => {
  test.each(['-1', '1.0', '"0"', '?0', '0, 0', '1000000000000000', ''])(
    'an Upload-Offset that is no non-negative Integer is ignored: %j is like none',
    async (value) => {
      const url = await beginEmpty(server)
      const reply = await append(url, 0, '?0', 'x', { 'Upload-Offset': value })
      expect(reply.status).toBe(400)
      expect(problemIn(reply).title).toContain('Upload-Offset')
      expect(await offsetAt(url)).toBe(0)
    },
  )

  test('with parameters is an Integer all the same', async () => {
    const url = await beginEmpty(server)
    expect((await append(url, 0, '?0', 'x', { 'Upload-Offset': '0;hint=1' })).status).toBe(204)
  })

  test('never decreases, whatever is tried', async () => {
    const url = await beginEmpty(server)
    await append(url, 0, '?0', 'hello')
    await append(url, 0, '?0', 'xx')
    await append(url, 2, '?0', 'xx')
    await append(url, 99, '?0', 'xx')
    await append(url, 5, '?0', 'xx', { 'Content-Digest': `sha-256=:${'A'.repeat(43)}=:` })
    expect(await offsetAt(url)).toBe(5)
    expect((await append(url, 5, '?0', '!')).headers['upload-offset']).toBe('6')
  })
})

describe('Completeness', () => {
  test.each(['1', 'true', '?2', '?1, ?1', ''])(
    'an Upload-Complete that is no Boolean is ignored: %j is like none',
    async (value) => {
      const url = await beginEmpty(server)
      const reply = await append(url, 0, '?1', 'x', { 'Upload-Complete': value })
      expect(reply.status).toBe(400)
      expect(problemIn(reply).title).toContain('Upload-Complete')
      expect(await offsetAt(url)).toBe(0)
    },
  )

  test('an upload is incomplete until it is said to be complete, also with all of its bytes', async () => {
    const url = await beginEmpty(server, { 'Upload-Length': '5' })
    const reply = await append(url, 0, '?0', 'hello')
    expect(reply.status).toBe(204)
    expect(reply.headers['upload-complete']).toBe('?0')
    const seen = await look(url)
    expect(seen.headers['upload-offset']).toBe('5')
    expect(seen.headers['upload-complete']).toBe('?0')
    expect((await append(url, 5, '?1')).headers['upload-complete']).toBe('?1')
    expect((await look(url)).headers['upload-complete']).toBe('?1')
  })

  test('after completion nothing can be appended', async () => {
    const reply = await begin(server, '?1', {}, 'hello')
    const url = locationOf(server, { headers: reply.interim[0]?.headers ?? {} })
    const more = await append(url, 5, '?1', ' world')
    expect(more.status).toBe(400)
    expect(more.headers['upload-complete']).toBe('?0')
    const part = await append(url, 5, '?0')
    expect(part.status).toBe(400)
    expect(problemIn(part).type).toBe('https://iana.org/assignments/http-problem-types#completed-upload')
    expect((await send(locationOf(server, reply), 'GET')).text).toBe('hello')
    expect((await look(url)).headers['upload-complete']).toBe('?1')
  })
})

describe('Length', () => {
  test('is told by Upload-Length', async () => {
    const url = await beginEmpty(server, { 'Upload-Length': '7' })
    expect((await look(url)).headers['upload-length']).toBe('7')
  })

  test('is told by the content of a request that completes the upload', async () => {
    const url = await beginEmpty(server)
    expect((await look(url)).headers['upload-length']).toBeUndefined()
    await append(url, 0, '?0', '123')
    const slow = await beginSlowly(
      server,
      'PATCH',
      new URL(url).pathname,
      {
        'Content-Type': 'application/partial-upload',
        'Upload-Offset': '3',
        'Upload-Complete': '?1',
        'Content-Length': '4',
      },
      '45',
    )
    await expect.poll(async () => (await look(url)).headers['upload-length']).toBe('7')
    slow.destroy()
  })

  test('can be told while appending', async () => {
    const url = await beginEmpty(server)
    expect((await append(url, 0, '?0', 'x', { 'Upload-Length': '2' })).status).toBe(204)
    expect((await look(url)).headers['upload-length']).toBe('2')
  })

  test('is known at the end, though nobody told it', async () => {
    const url = await beginEmpty(server)
    expect((await append(url, 0, '?1', ['a', 'bc'])).status).toBe(201)
    expect((await look(url)).headers['upload-length']).toBe('3')
  })

  test.each(['-1', '1.5', 'x', '1000000000000000', '?1'])(
    'that is no non-negative Integer is ignored: %j',
    async (value) => {
      const url = await beginEmpty(server, { 'Upload-Length': value })
      expect((await look(url)).headers['upload-length']).toBeUndefined()
    },
  )

  test.each([
    ['?1', '6', 'hello'],
    ['?1', '4', 'hello'],
    ['?0', '4', 'hello'],
  ] as const)(
    'two that differ in one creation (%s, %s) are refused, and nothing is created',
    async (complete, length, body) => {
      const reply = await begin(server, complete, { 'Upload-Length': length }, body)
      expect(reply.status).toBe(400)
      expect(problemIn(reply).type).toBe(INCONSISTENT)
      expect(reply.headers['upload-complete']).toBe('?0')
      expect(reply.headers.location).toBeUndefined()
      expect(reply.interim).toEqual([])
    },
  )

  test('one that differs from that of an earlier request is refused, and the upload stays as it was', async () => {
    const url = await beginEmpty(server, { 'Upload-Length': '5' })
    for (const reply of [
      await append(url, 0, '?0', 'he', { 'Upload-Length': '6' }),
      await append(url, 0, '?1', 'hell'),
      await append(url, 0, '?1', 'hello!'),
      await append(url, 0, '?1', 'hello', { 'Upload-Length': '6' }),
      await append(url, 0, '?1'),
    ]) {
      expect(reply.status).toBe(400)
      expect(problemIn(reply).type).toBe(INCONSISTENT)
      expect(reply.headers['upload-complete']).toBe('?0')
    }
    expect(await offsetAt(url)).toBe(0)
    expect((await append(url, 0, '?1', 'hello')).status).toBe(201)
  })

  test('one below what is there already is refused', async () => {
    const url = await beginEmpty(server)
    await append(url, 0, '?0', 'hello')
    const reply = await append(url, 5, '?0', '', { 'Upload-Length': '4' })
    expect(reply.status).toBe(400)
    expect(problemIn(reply).type).toBe(INCONSISTENT)
  })

  test('content without a declared size that says it is the end before the length does not complete the upload', async () => {
    const url = await beginEmpty(server, { 'Upload-Length': '10' })
    const reply = await append(url, 0, '?1', ['hel', 'lo'])
    expect(reply.status).toBe(400)
    expect(problemIn(reply).type).toBe(INCONSISTENT)
    // What was processed is not taken back: an offset never decreases.
    expect(reply.headers['upload-offset']).toBe('5')
    expect(await offsetAt(url)).toBe(5)
    expect((await append(url, 5, '?1', 'world')).status).toBe(201)
  })
})

describe('Limits', () => {
  test('stand in the answer to OPTIONS, of a browser too', async () => {
    for (const headers of [
      {},
      DRAFT,
      { Origin: 'http://localhost', 'Access-Control-Request-Method': 'POST' },
    ]) {
      const reply = await send(`${server.url}/files/`, 'OPTIONS', headers)
      expect(reply.status).toBe(204)
      expect(reply.headers['upload-limit']).toBe('max-size=1000000, max-age=86400')
      expect(reply.headers['accept-patch']).toBe('application/partial-upload')
    }
  })

  test('max-size: a creation that says it is larger is refused with the limits, and nothing is created', async () => {
    for (const reply of [
      await begin(server, '?0', { 'Upload-Length': '1000001', 'Content-Length': '0' }),
      await begin(server, '?1', {}, Buffer.alloc(1_000_001)),
    ]) {
      expect(reply.status).toBe(413)
      expect(reply.headers['upload-limit']).toMatch(/^max-size=1000000/)
      expect(reply.headers['upload-complete']).toBe('?0')
      expect(reply.headers.location).toBeUndefined()
      expect(reply.interim).toEqual([])
    }
  })

  test('max-size: an append that says it would pass it is refused, and the upload stays', async () => {
    const url = await beginEmpty(server)
    await append(url, 0, '?0', 'x')
    const reply = await append(url, 1, '?0', Buffer.alloc(1_000_000))
    expect(reply.status).toBe(413)
    expect(reply.headers['upload-limit']).toMatch(/^max-size=1000000/)
    expect(await offsetAt(url)).toBe(1)
  })

  test('max-size: content that passes it without having said so deactivates the upload', async () => {
    const url = await beginEmpty(server)
    const reply = await append(url, 0, '?0', [
      Buffer.alloc(600_000).toString(),
      Buffer.alloc(600_000).toString(),
    ])
    expect(reply.status).toBe(413)
    expect((await look(url)).status).toBe(410)
    expect((await append(url, 0, '?1')).status).toBe(410)
  })

  test('max-age is the time that is left, and an upload lives on while it grows', async () => {
    const short = await startTestServer({ args: ['--upload-ttl', '2s'] })
    try {
      const url = await beginEmpty(short)
      expect((await look(url)).headers['upload-limit']).toMatch(/max-age=[12]$/)
      await expect.poll(async () => (await look(url)).status, { timeout: 10_000 }).toBe(410)
      expect((await append(url, 0, '?0', 'x')).status).toBe(410)
    } finally {
      await short.close()
    }
  })
})
