import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { crc32c } from '@node-rs/crc32'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { send } from '../testing/client.ts'
import { RawConnection } from '../testing/raw-connection.ts'
import {
  createUpload,
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

const base64 = (algorithm: string, body: string | Uint8Array): string =>
  createHash(algorithm).update(body).digest('base64')
const uint32 = (value: number): string => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes.toString('base64')
}

describe('Upload-Checksum', () => {
  test('is offered with all its algorithms', async () => {
    const reply = await send(`${server.url}/files/`, 'OPTIONS')
    expect(reply.headers['tus-extension']?.split(',')).toEqual(
      expect.arrayContaining(['checksum', 'checksum-trailer']),
    )
    expect(reply.headers['tus-checksum-algorithm']).toBe('sha1,sha256,sha512,md5,crc32,crc32c')
  })

  const body = Buffer.from('a body with a checksum')
  test.each([
    ['sha1', base64('sha1', body)],
    ['sha256', base64('sha256', body)],
    ['sha512', base64('sha512', body)],
    ['md5', base64('md5', body)],
    ['crc32', uint32(crc32(body))],
    ['crc32c', uint32(crc32c(body))],
  ])('%s: a body that has it is kept, one that has not is not', async (algorithm, digest) => {
    const url = await createUpload(server, body.length * 2)
    const right = await patch(url, 0, body, { 'Upload-Checksum': `${algorithm} ${digest}` })
    expect(right.status).toBe(204)
    expect(right.headers['upload-offset']).toBe(String(body.length))
    const wrong = await patch(url, body.length, Buffer.alloc(body.length), {
      'Upload-Checksum': `${algorithm} ${digest}`,
    })
    expect(wrong.status).toBe(460)
    expect(await offsetOf(url)).toBe(body.length)
    const again = await patch(url, body.length, body, { 'Upload-Checksum': `${algorithm} ${digest}` })
    expect(again.status).toBe(204)
    expect((await send(url, 'GET')).bytes).toEqual(Buffer.concat([body, body]))
  })

  test.each(['sha3 AAAA', 'sha256', 'sha256 not-base64!', `sha256 ${base64('md5', body)}`])(
    'that makes no sense (%s) is a 400, and nothing is kept',
    async (value) => {
      const url = await createUpload(server, body.length)
      expect((await patch(url, 0, body, { 'Upload-Checksum': value })).status).toBe(400)
      expect(await offsetOf(url)).toBe(0)
    },
  )

  test('covers the body of a creation too', async () => {
    const create = (digest: string) =>
      send(
        `${server.url}/files/`,
        'POST',
        {
          ...TUS,
          'Upload-Length': String(body.length),
          'Content-Type': 'application/offset+octet-stream',
          'Upload-Checksum': `md5 ${digest}`,
        },
        body,
      )
    expect((await create(base64('md5', body))).headers['upload-offset']).toBe(String(body.length))
    const refused = await create(base64('md5', 'another'))
    expect(refused.status).toBe(460)
    // The upload exists and is told of, so that the client can send its body again.
    expect(await offsetOf(new URL(refused.headers.location ?? '', server.url).href)).toBe(0)
  })

  test('a request that breaks keeps nothing, though without a checksum it would', async () => {
    const url = await createUpload(server, 1000)
    expect((await patch(url, 0, Buffer.alloc(100))).status).toBe(204)
    const connection = await RawConnection.open(server.port)
    connection.write(
      `PATCH ${new URL(url).pathname} HTTP/1.1\r\nHost: localhost\r\nTus-Resumable: 1.0.0\r\n` +
        'Content-Type: application/offset+octet-stream\r\nUpload-Offset: 100\r\nContent-Length: 900\r\n' +
        `Upload-Checksum: md5 ${base64('md5', body)}\r\n\r\n${'x'.repeat(500)}`,
    )
    await new Promise((resolve) => setTimeout(resolve, 50))
    connection.destroy()
    await expect.poll(() => offsetOf(url)).toBe(100)
    expect(await patch(url, 100, Buffer.alloc(900)).then((reply) => reply.status)).toBe(204)
    expect((await send(url, 'GET')).bytes).toEqual(Buffer.alloc(1000))
  })

  test('as a trailer counts when it was announced, and is missed when it does not come', async () => {
    const trailer = async (announce: boolean, value: string | undefined) => {
      const url = await createUpload(server, body.length)
      const connection = await RawConnection.open(server.port)
      connection.write(
        `PATCH ${new URL(url).pathname} HTTP/1.1\r\nHost: localhost\r\nTus-Resumable: 1.0.0\r\n` +
          'Content-Type: application/offset+octet-stream\r\nUpload-Offset: 0\r\nTransfer-Encoding: chunked\r\n' +
          `${announce ? 'Trailer: Upload-Checksum\r\n' : ''}\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n` +
          `${value === undefined ? '' : `Upload-Checksum: ${value}\r\n`}\r\n`,
      )
      const reply = await connection.reply()
      connection.destroy()
      return { status: reply?.status, offset: await offsetOf(url) }
    }
    const right = `sha1 ${base64('sha1', body)}`
    expect(await trailer(true, right)).toEqual({ status: 204, offset: body.length })
    expect(await trailer(true, `sha1 ${base64('sha1', 'another')}`)).toEqual({ status: 460, offset: 0 })
    expect(await trailer(true, undefined)).toEqual({ status: 400, offset: 0 })
    // Not announced: by the time it comes the bytes have been accepted.
    expect(await trailer(false, right)).toEqual({ status: 204, offset: body.length })
  })

  test('a body that is too long is refused and nothing of it is kept', async () => {
    const url = await createUpload(server, 10)
    const reply = await send(
      url,
      'PATCH',
      {
        ...TUS,
        'Content-Type': 'application/offset+octet-stream',
        'Upload-Offset': '0',
        'Upload-Checksum': `md5 ${base64('md5', body)}`,
      },
      ['12345', '6789012345'],
    )
    expect(reply.status).toBe(413)
    expect(await offsetOf(url)).toBe(0)
  })
})

describe('a digest of the whole', () => {
  const create = (body: string, headers: Readonly<Record<string, string>>) =>
    send(
      `${server.url}/files/`,
      'POST',
      {
        ...TUS,
        'Upload-Length': String(body.length),
        'Content-Type': 'application/offset+octet-stream',
        ...headers,
      },
      body,
    )

  test('is in Repr-Digest of the object, sha-256 always, others when they were wanted', async () => {
    const reply = await create('hello', { 'Want-Repr-Digest': 'md5=1, crc32=1, sha-512=0, nonsense=3' })
    const url = new URL(reply.headers.location ?? '', server.url).href
    const digests = `sha-256=:${base64('sha256', 'hello')}:, md5=:${base64('md5', 'hello')}:, crc32=:${uint32(crc32('hello'))}:`
    await expect.poll(async () => (await send(url, 'GET')).headers['repr-digest']).toBe(digests)
    expect((await send(url, 'HEAD', TUS)).headers['repr-digest']).toBe(digests)
  })

  test('that was demanded at creation is checked before the object appears', async () => {
    const right = await create('hello', { 'Repr-Digest': `sha-256=:${base64('sha256', 'hello')}:` })
    expect(right.status).toBe(201)
    expect(right.headers['repr-digest']).toBe(`sha-256=:${base64('sha256', 'hello')}:`)

    const wrong = await create('hello', { 'Repr-Digest': `sha-512=:${base64('sha512', 'hullo')}:` })
    expect(wrong.status).toBe(460)
    const url = new URL(wrong.headers.location ?? '', server.url).href
    expect((await send(url, 'HEAD', TUS)).status).toBe(410)
    expect((await send(url, 'GET')).status).toBe(410)
    // A repeat of the last request gets the stored error.
    expect((await patch(url, 5, '')).status).toBe(460)
  })

  test('that makes no sense is refused rather than passed over', async () => {
    expect((await create('hello', { 'Repr-Digest': 'sha-256=abc' })).status).toBe(400)
    expect((await create('hello', { 'Repr-Digest': 'sha-256=:AAAA:' })).status).toBe(400)
  })

  test('is that of all bytes also when they came in many requests', async () => {
    const url = await createUpload(server, 300_000)
    const bytes = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * 31) % 251))
    for (let at = 0; at < bytes.length; at += 70_000) {
      expect((await patch(url, at, bytes.subarray(at, at + 70_000))).status).toBe(204)
    }
    await expect
      .poll(async () => (await send(url, 'GET')).headers['repr-digest'])
      .toBe(`sha-256=:${base64('sha256', bytes)}:`)
  })
})
