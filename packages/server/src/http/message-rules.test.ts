/** Requests that two hops could read differently, and what HTTP/1.1 does not allow: refused, with a reason. */
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { send } from './testing/client.ts'
import { RawConnection, rawRequest } from './testing/raw-connection.ts'
import {
  createObject,
  createUpload,
  offsetOf,
  startTestServer,
  type TestServer,
} from './testing/test-server.ts'

let server: TestServer
let path = ''
let url = ''

beforeAll(async () => {
  server = await startTestServer()
  url = await createUpload(server, 5)
  path = new URL(url).pathname
})
afterAll(() => server.close())

const TYPE = 'Content-Type: application/offset+octet-stream\r\n'
/** A PATCH whose framing headers and body are given. */
const patch = (framing: string, body: string): string =>
  `PATCH ${path} HTTP/1.1\r\nHost: localhost\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\n${TYPE}${framing}\r\n${body}`

describe('A request with ambiguous framing', () => {
  test.each([
    ['two different Content-Length', 'Content-Length: 5\r\nContent-Length: 6\r\n', 'hello'],
    ['two equal Content-Length', 'Content-Length: 5\r\nContent-Length: 5\r\n', 'hello'],
    ['a list in Content-Length', 'Content-Length: 5, 5\r\n', 'hello'],
    ['a signed Content-Length', 'Content-Length: +5\r\n', 'hello'],
    ['a negative Content-Length', 'Content-Length: -5\r\n', 'hello'],
    ['a hexadecimal Content-Length', 'Content-Length: 0x5\r\n', 'hello'],
    ['an empty Content-Length', 'Content-Length:\r\n', 'hello'],
    ['a huge Content-Length', 'Content-Length: 99999999999999999999999\r\n', 'hello'],
    [
      'Content-Length and Transfer-Encoding',
      'Content-Length: 5\r\nTransfer-Encoding: chunked\r\n',
      '5\r\nhello\r\n0\r\n\r\n',
    ],
    [
      'Transfer-Encoding and Content-Length',
      'Transfer-Encoding: chunked\r\nContent-Length: 5\r\n',
      '5\r\nhello\r\n0\r\n\r\n',
    ],
    ['an unknown Transfer-Encoding', 'Transfer-Encoding: x\r\n', '5\r\nhello\r\n0\r\n\r\n'],
    ['Transfer-Encoding: gzip, chunked', 'Transfer-Encoding: gzip, chunked\r\n', '5\r\nhello\r\n0\r\n\r\n'],
    [
      'two Transfer-Encoding',
      'Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n',
      '5\r\nhello\r\n0\r\n\r\n',
    ],
    [
      'Transfer-Encoding: chunked, identity',
      'Transfer-Encoding: chunked, identity\r\n',
      '5\r\nhello\r\n0\r\n\r\n',
    ],
    ['a space before the colon', 'Content-Length : 5\r\n', 'hello'],
    ['obsolete line folding', 'Content-Length:\r\n 5\r\n', 'hello'],
    ['obsolete line folding by tab', 'X: a\r\n\tb\r\nContent-Length: 5\r\n', 'hello'],
    ['a line folded into Transfer-Encoding', 'Transfer-Encoding:\r\n chunked\r\n', '5\r\nhello\r\n0\r\n\r\n'],
    ['a bare LF in the headers', 'X: a\nContent-Length: 5\r\n', 'hello'],
    ['a bare CR in the headers', 'X: a\rContent-Length: 5\r\n', 'hello'],
    ['a NUL in the headers', 'X: a\0b\r\nContent-Length: 5\r\n', 'hello'],
    ['a header without a name', ': a\r\nContent-Length: 5\r\n', 'hello'],
    ['a header without a colon', 'X\r\nContent-Length: 5\r\n', 'hello'],
    ['a chunk size that is none', 'Transfer-Encoding: chunked\r\n', 'zz\r\nhello\r\n0\r\n\r\n'],
    ['a negative chunk size', 'Transfer-Encoding: chunked\r\n', '-5\r\nhello\r\n0\r\n\r\n'],
    ['a chunk size as 0x5', 'Transfer-Encoding: chunked\r\n', '0x5\r\nhello\r\n0\r\n\r\n'],
    [
      'a chunk size that overflows',
      'Transfer-Encoding: chunked\r\n',
      `${'f'.repeat(40)}\r\nhello\r\n0\r\n\r\n`,
    ],
    ['bare LF between chunks', 'Transfer-Encoding: chunked\r\n', '5\nhello\n0\n\n'],
    ['a chunk longer than its size', 'Transfer-Encoding: chunked\r\n', '2\r\nhello\r\n0\r\n\r\n'],
    ['two Host', 'Host: evil.example\r\nContent-Length: 5\r\n', 'hello'],
    ['two equal Host', 'Host: localhost\r\nContent-Length: 5\r\n', 'hello'],
  ])('is refused and changes nothing: %s', async (_, framing, body) => {
    const fresh = await createUpload(server, 5)
    const reply = await rawRequest(server.port, patch(framing, body).replace(path, new URL(fresh).pathname))
    expect(reply?.status).toBe(400)
    expect(reply?.headers.connection).toBe('close')
    expect(reply?.body).toMatch(/\w+ \w+/)
    // A chunk that came whole before the framing broke is content like that of any broken transfer.
    expect(await offsetOf(fresh)).toBeLessThan(5)
  })

  test('of bare LF throughout is refused', async () => {
    const reply = await rawRequest(server.port, patch('Content-Length: 5\r\n', '').replaceAll('\r\n', '\n'))
    expect(reply?.status).toBe(400)
    expect(await offsetOf(url)).toBe(0)
  })
})

describe('A request that is no HTTP/1.1', () => {
  test.each([
    ['no Host', 'GET /health HTTP/1.1\r\n\r\n', 400],
    ['no version', 'GET /health\r\n\r\n', 400],
    ['HTTP/2 without negotiation', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400],
    ['another version', 'GET /health HTTP/3.7\r\nHost: localhost\r\n\r\n', 400],
    ['another protocol', 'SSH-2.0-OpenSSH_9.2\r\n\r\n', 400],
    ['TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 400],
    ['a method that is none', 'GE"T /health HTTP/1.1\r\nHost: localhost\r\n\r\n', 400],
    ['a method in lower case', 'get /health HTTP/1.1\r\nHost: localhost\r\n\r\n', 400],
    ['a space in the target', 'GET /hea lth HTTP/1.1\r\nHost: localhost\r\n\r\n', 400],
    ['a control character in the target', 'GET /\x01 HTTP/1.1\r\nHost: localhost\r\n\r\n', 400],
    ['CONNECT', 'CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n', 405],
    [
      'a header of 300 KB',
      `GET /health HTTP/1.1\r\nHost: localhost\r\nX: ${'a'.repeat(300_000)}\r\n\r\n`,
      431,
    ],
    [
      'a header of 2 MB',
      `GET /health HTTP/1.1\r\nHost: localhost\r\nX: ${'a'.repeat(2_000_000)}\r\n\r\n`,
      431,
    ],
    ['100,000 headers', `GET /health HTTP/1.1\r\nHost: localhost\r\n${'a:b\r\n'.repeat(100_000)}\r\n`, 431],
    ['a target of 300 KB', `GET /${'a'.repeat(300_000)} HTTP/1.1\r\nHost: localhost\r\n\r\n`, 431],
  ])('is refused with a reason: %s', async (_, bytes, status) => {
    const reply = await rawRequest(server.port, bytes)
    expect(reply?.status).toBe(status)
    expect(reply?.body).toMatch(/\w+ \w+/)
    expect(reply?.headers.connection).toBe('close')
  })

  test('is refused with headers that let a page read why', async () => {
    const reply = await rawRequest(
      server.port,
      `GET / HTTP/1.1\r\nHost: localhost\r\nX: ${'a'.repeat(300_000)}\r\n\r\n`,
    )
    expect(reply?.headers['access-control-allow-origin']).toBe('*')
  })
})

test('Thousands of headers do not push the last ones out', async () => {
  const many = 'a:b\r\n'.repeat(3000)
  const head = `POST /files/ HTTP/1.1\r\nHost: localhost\r\n${many}Tus-Resumable: 1.0.0\r\n`
  expect((await rawRequest(server.port, `${head}Upload-Length: 5\r\n\r\n`))?.status).toBe(201)
  expect((await rawRequest(server.port, `${head}Upload-Length: 5\r\nOrigin: null\r\n\r\n`))?.status).toBe(403)
})

describe('Garbage behind a request', () => {
  test('is answered after the answer to that request, not before', async () => {
    const connection = await RawConnection.open(server.port)
    connection.write('GET /ready HTTP/1.1\r\nHost: localhost\r\n\r\nGARBAGE\r\n\r\n')
    expect((await connection.reply())?.status).toBe(200)
    expect((await connection.reply())?.status).toBe(400)
    await connection.closed()
    expect(connection.pending).toBe('')
  })

  test('does not take the answer to bytes that were accepted away', async () => {
    const fresh = await createUpload(server, 50)
    const connection = await RawConnection.open(server.port)
    connection.write(
      patch('Content-Length: 5\r\n', 'helloGARBAGE\r\n\r\n').replace(path, new URL(fresh).pathname),
    )
    const reply = await connection.reply()
    expect([reply?.status, reply?.headers['upload-offset']]).toEqual([204, '5'])
    expect((await connection.reply())?.status).toBe(400)
    await connection.closed()
    expect(await offsetOf(fresh)).toBe(5)
  })

  test('is never written into an object that is being read', async () => {
    const bytes = Buffer.alloc(8 * 1024 * 1024, 'a')
    const object = await createObject(server, bytes)
    const connection = await RawConnection.open(server.port)
    connection.write(`GET ${new URL(object).pathname} HTTP/1.1\r\nHost: localhost\r\n\r\nGARBAGE\r\n\r\n`)
    const reply = await connection.reply()
    expect(reply?.status).toBe(200)
    expect(reply?.body).toBe(bytes.toString())
    expect((await connection.reply())?.status).toBe(400)
    connection.destroy()
  })
})

describe('Requests in a row on one connection', () => {
  test('are answered in their order', async () => {
    const paths = [await createUpload(server, 10), await createUpload(server, 5)].map(
      (u) => new URL(u).pathname,
    )
    const [first = '', second = ''] = paths
    const part = patch('Content-Length: 5\r\n', 'hello')
    const connection = await RawConnection.open(server.port)
    connection.write(
      `${part.replace(path, first)}${part.replace(path, second)}` +
        `OPTIONS /files/ HTTP/1.1\r\nHost: localhost\r\n\r\n${part.replace(path, second)}`,
    )
    expect(await connection.reply()).toMatchObject({ status: 204, headers: { 'upload-offset': '5' } })
    expect(await connection.reply()).toMatchObject({ status: 204, headers: { 'tus-complete': '1' } })
    expect((await connection.reply())?.headers['tus-version']).toBe('1.0.0')
    expect((await connection.reply())?.status).toBe(409)
    connection.destroy()
  })
})

describe('A body', () => {
  test('that ends before its declared length is told so where the client still listens; its bytes stay', async () => {
    const fresh = await createUpload(server, 50)
    const connection = await RawConnection.open(server.port)
    connection.write(patch('Content-Length: 50\r\n', 'hello').replace(path, new URL(fresh).pathname))
    await sleep(200)
    connection.end()
    expect((await connection.reply())?.status).toBe(400)
    expect(await offsetOf(fresh)).toBe(5)
  })

  test('may have chunk extensions and trailers, which are not part of it', async () => {
    const fresh = await createUpload(server, 5)
    const body = '5;a="b"\r\nhello\r\n0\r\nX: y\r\n\r\n'
    const reply = await rawRequest(
      server.port,
      patch('Transfer-Encoding: chunked\r\n', body).replace(path, new URL(fresh).pathname),
    )
    expect(reply).toMatchObject({ status: 204, headers: { 'upload-offset': '5' } })
    expect((await send(fresh, 'GET')).text).toBe('hello')
  })
})

describe('A path that only resembles /files/', () => {
  test.each([
    '//files/',
    '/files%2f',
    '/FILES/',
    '/%66iles/',
    '/./files/',
    '/x/../files/',
    '/files;a/',
    '/files\\',
    '*',
  ])('creates nothing: %s', async (odd) => {
    const head = `POST ${odd} HTTP/1.1\r\nHost: localhost\r\nTus-Resumable: 1.0.0\r\nUpload-Length: 5\r\n\r\n`
    const reply = await rawRequest(server.port, head)
    expect(reply?.status).toBeGreaterThanOrEqual(400)
    expect(reply?.status).toBeLessThan(500)
    expect(reply?.headers.location).toBeUndefined()
  })

  test.each(['HEAD', 'OPTIONS', 'GET', 'TRACE', 'PATCH', 'DELETE', 'PUT', 'PROPFIND'])(
    'is no upload to %s either, and the server has no trouble with it',
    async (method) => {
      const id = path.slice('/files/'.length)
      for (const odd of [
        `//files/${id}`,
        `/files//${id}`,
        `/files/${id}/`,
        `/files/${id}%00`,
        `/files/../files/${id}`,
      ]) {
        const reply = await rawRequest(
          server.port,
          `${method} ${odd} HTTP/1.1\r\nHost: localhost\r\nTus-Resumable: 1.0.0\r\n\r\n`,
        )
        expect(reply?.status).toBeLessThan(500)
        expect(reply?.headers['upload-offset']).toBeUndefined()
      }
      expect(await offsetOf(url)).toBe(0)
    },
  )

  test('in absolute form is the same path', async () => {
    const reply = await rawRequest(
      server.port,
      `HEAD http://localhost${path} HTTP/1.1\r\nHost: localhost\r\nTus-Resumable: 1.0.0\r\n\r\n`,
    )
    expect(reply).toMatchObject({ status: 200, headers: { 'upload-offset': '0' } })
  })

  test('with a query is the same path', async () => {
    const reply = await rawRequest(
      server.port,
      `HEAD ${path}?a=b/../c HTTP/1.1\r\nHost: localhost\r\nTus-Resumable: 1.0.0\r\n\r\n`,
    )
    expect(reply?.status).toBe(200)
  })
})
