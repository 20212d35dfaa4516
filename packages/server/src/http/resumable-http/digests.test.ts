/** Sections "Integrity Digests" and "Content Codings", "Transfer Codings". */
import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { send } from '../testing/client.ts'
import { RawConnection } from '../testing/raw-connection.ts'
import { append, begin, beginEmpty, locationOf, look, offsetAt, problemIn } from '../testing/resumable.ts'
import { startTestServer, type TestServer } from '../testing/test-server.ts'

let server: TestServer
beforeAll(async () => {
  server = await startTestServer()
})
afterAll(() => server.close())

const digest = (algorithm: 'sha256' | 'sha512' | 'md5', body: string | Uint8Array): string =>
  `${algorithm.replace('sha', 'sha-')}=:${createHash(algorithm).update(body).digest('base64')}:`
const MISMATCH = 'https://iana.org/assignments/http-problem-types#digest-mismatching-values'

describe('Representation Digests', () => {
  test.each(['sha256', 'sha512'] as const)(
    'a Repr-Digest (%s) that is right completes the upload',
    async (name) => {
      const url = await beginEmpty(server, { 'Repr-Digest': digest(name, 'hello') })
      await append(url, 0, '?0', 'hel')
      const reply = await append(url, 3, '?1', 'lo')
      expect(reply.status).toBe(201)
      expect(reply.headers['repr-digest']).toContain(digest(name, 'hello'))
    },
  )

  test('10.1: a Repr-Digest that does not match fails the upload, publishes nothing and says so', async () => {
    const reply = await begin(server, '?1', { 'Repr-Digest': digest('sha256', 'other') }, 'hello')
    const url = locationOf(server, { headers: reply.interim[0]?.headers ?? {} })
    for (const answer of [reply, await append(url, 5, '?1'), await append(url, 5, '?1')]) {
      expect(answer.status).toBe(400)
      expect(answer.headers['upload-complete']).toBe('?1')
      expect(problemIn(answer).type).toBe(MISMATCH)
    }
    expect((await look(url)).headers).toMatchObject({ 'upload-complete': '?1', 'upload-offset': '5' })
    expect((await append(url, 0, '?1', 'other')).status).toBe(410)
    expect((await send(url.replace('/uploads/', '/files/'), 'GET')).status).toBe(410)
  })

  test('algorithms that prove nothing are ignored', async () => {
    const reply = await begin(server, '?1', { 'Repr-Digest': digest('md5', 'other') }, 'hello')
    expect(reply.status).toBe(201)
  })

  test('one that makes no sense is refused rather than passed over', async () => {
    for (const value of ['sha-256=abc', 'sha-256=:AAAA:']) {
      const reply = await begin(server, '?1', { 'Repr-Digest': value }, 'hello')
      expect(reply.status).toBe(400)
      expect(reply.interim).toEqual([])
    }
  })

  test('10.1: the digests that Want-Repr-Digest asks for are computed and in the final answer', async () => {
    const body = Buffer.alloc(3_000_000, 'pawl')
    const reply = await begin(server, '?1', { 'Want-Repr-Digest': 'sha-512=5, sha-256=10' }, body)
    expect(reply.headers['repr-digest']).toContain(digest('sha256', body))
    expect(reply.headers['repr-digest']).toContain(digest('sha512', body))
  })
})

describe('Content Digests', () => {
  test('content that has its Content-Digest is appended', async () => {
    const url = await beginEmpty(server)
    expect((await append(url, 0, '?0', 'hel', { 'Content-Digest': digest('sha256', 'hel') })).status).toBe(
      204,
    )
    const reply = await append(url, 3, '?1', 'lo', { 'Content-Digest': digest('sha512', 'lo') })
    expect((await send(locationOf(server, reply), 'GET')).text).toBe('hello')
  })

  test('10.2: content that does not match its Content-Digest is not appended, and the client is told', async () => {
    const url = await beginEmpty(server)
    await append(url, 0, '?0', 'hel')
    const wrong = await append(url, 3, '?1', 'xx', { 'Content-Digest': digest('sha256', 'lo') })
    expect(wrong.status).toBe(400)
    expect(wrong.headers['upload-complete']).toBe('?0')
    expect(problemIn(wrong).type).toBe(MISMATCH)
    expect(await offsetAt(url)).toBe(3)
    expect((await append(url, 3, '?1', 'lo', { 'Content-Digest': digest('sha256', 'lo') })).status).toBe(201)
  })

  test('of a creation without content counts too: a client whose content was lost on the way is told', async () => {
    const lost = await begin(server, '?0', {
      'Content-Length': '0',
      'Content-Digest': digest('sha256', 'hello'),
    })
    expect([lost.status, problemIn(lost).type]).toEqual([400, MISMATCH])
    const none = await begin(server, '?0', { 'Content-Length': '0', 'Content-Digest': digest('sha256', '') })
    expect([none.status, none.headers['upload-offset']]).toEqual([201, '0'])
  })

  test('of a creation counts too; the upload is there and empty', async () => {
    const reply = await begin(server, '?1', { 'Content-Digest': digest('sha256', 'other') }, 'hello')
    expect(reply.status).toBe(400)
    expect(reply.headers['upload-complete']).toBe('?0')
    const url = locationOf(server, reply)
    expect(await offsetAt(url)).toBe(0)
    expect((await append(url, 0, '?1', 'hello')).status).toBe(201)
  })

  test('of the strongest kind counts; unknown kinds are ignored', async () => {
    const url = await beginEmpty(server)
    const both = `${digest('sha256', 'hello')}, ${digest('sha512', 'other')}`
    expect((await append(url, 0, '?0', 'hello', { 'Content-Digest': both })).status).toBe(400)
    const unknown = { 'Content-Digest': 'blake3=:AAAA:, md5=:AAAA:' }
    expect((await append(url, 0, '?0', 'hello', unknown)).status).toBe(204)
  })

  test('may come behind the content, as a trailer that was announced', async () => {
    const trailing = async (value: string | undefined) => {
      const url = await beginEmpty(server)
      const connection = await RawConnection.open(server.port)
      connection.write(
        `PATCH ${new URL(url).pathname} HTTP/1.1\r\nHost: localhost\r\nUpload-Draft-Interop-Version: 8\r\n` +
          'Content-Type: application/partial-upload\r\nUpload-Offset: 0\r\nUpload-Complete: ?0\r\n' +
          'Transfer-Encoding: chunked\r\nTrailer: Content-Digest\r\n\r\n5\r\nhello\r\n0\r\n' +
          `${value === undefined ? '' : `Content-Digest: ${value}\r\n`}\r\n`,
      )
      const reply = await connection.reply()
      connection.destroy()
      return { status: reply?.status, offset: await offsetAt(url) }
    }
    expect(await trailing(digest('sha256', 'hello'))).toEqual({ status: 204, offset: 5 })
    expect(await trailing(digest('sha256', 'other'))).toEqual({ status: 400, offset: 0 })
    expect(await trailing(undefined)).toEqual({ status: 400, offset: 0 })
  })
})

describe('Content Codings and Transfer Codings', () => {
  test('offset and length count coded bytes, the coding is kept to the end, transfer codings count for nothing', async () => {
    const coded = gzipSync('hello '.repeat(1000))
    const url = await beginEmpty(server, {
      'Content-Encoding': 'gzip',
      'Upload-Length': String(coded.length),
    })
    const half = Math.floor(coded.length / 2)
    expect((await append(url, 0, '?0', coded.subarray(0, half))).headers['upload-offset']).toBe(String(half))
    expect((await look(url)).headers['upload-length']).toBe(String(coded.length))
    const chunked = Readable.from([coded.subarray(half)])
    const last = await append(url, half, '?1', chunked)
    const object = await send(locationOf(server, last), 'GET')
    expect(object.headers['content-encoding']).toBe('gzip')
    expect(object.bytes).toEqual(coded)
  })
})
