/** What a client could send to do harm: the answer is an error or the truth, and the upload stays whole. */
import { createHash } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { send } from '../testing/client.ts'
import { RawConnection } from '../testing/raw-connection.ts'
import {
  append,
  begin,
  beginEmpty,
  beginSlowly,
  DRAFT,
  locationOf,
  look,
  offsetAt,
} from '../testing/resumable.ts'
import { startTestServer, type TestServer } from '../testing/test-server.ts'

let server: TestServer
beforeAll(async () => {
  server = await startTestServer()
})
afterAll(() => server.close())

const PATCH_HEAD = {
  'Content-Type': 'application/partial-upload',
  'Upload-Draft-Interop-Version': '8',
}

/** Sends a request head as it is, and resolves to the status; undefined when the connection was closed without one. */
async function raw(lines: readonly string[], body = ''): Promise<number | undefined> {
  const connection = await RawConnection.open(server.port)
  try {
    connection.write(`${lines.join('\r\n')}\r\nHost: localhost\r\n\r\n${body}`)
    for (;;) {
      const reply = await connection.reply()
      if (reply === undefined || reply.status >= 200) return reply?.status
    }
  } finally {
    connection.destroy()
  }
}

describe('fields sent twice', () => {
  test.each([
    ['Upload-Offset: 0', 'Upload-Offset: 0'],
    ['Upload-Offset: 0', 'Upload-Offset: 5'],
    ['Upload-Complete: ?1', 'Upload-Complete: ?0'],
    ['Upload-Complete: ?1', 'Upload-Complete: ?1'],
    ['Content-Type: application/partial-upload', 'Content-Type: text/plain'],
    ['Content-Length: 1', 'Content-Length: 1'],
    ['Content-Length: 1', 'Content-Length: 2'],
    ['Content-Length: 1', 'Transfer-Encoding: chunked'],
  ])('%s and %s are refused', async (one, other) => {
    const url = await beginEmpty(server)
    const lines = [
      'Upload-Offset: 0',
      'Upload-Complete: ?0',
      'Content-Type: application/partial-upload',
      'Content-Length: 1',
      'Upload-Draft-Interop-Version: 8',
    ].filter((line) => line.split(':')[0] !== one.split(':')[0])
    const status = await raw([`PATCH ${new URL(url).pathname} HTTP/1.1`, ...lines, one, other], 'x')
    expect([400, 415]).toContain(status)
    expect((await look(url)).headers).toMatchObject({ 'upload-offset': '0', 'upload-complete': '?0' })
  })

  test('two lengths are none', async () => {
    const url = await beginEmpty(server)
    const status = await raw(
      [
        `PATCH ${new URL(url).pathname} HTTP/1.1`,
        'Upload-Length: 1',
        'Upload-Length: 2',
        'Upload-Offset: 0',
        'Upload-Complete: ?0',
        'Content-Length: 1',
        'Content-Type: application/partial-upload',
      ],
      'x',
    )
    expect(status).toBe(204)
    expect((await look(url)).headers['upload-length']).toBeUndefined()
  })
})

describe('numbers', () => {
  test.each([
    '9007199254740993',
    '18446744073709551615',
    '1e3',
    '0x5',
    '５',
    '+0',
    '0.0',
    '-0.0',
    'NaN',
    '0;',
    ' ',
  ])('Upload-Offset %j appends nothing', async (value) => {
    const url = await beginEmpty(server)
    await append(url, 0, '?0', 'hello')
    const reply = await raw(
      [
        `PATCH ${new URL(url).pathname} HTTP/1.1`,
        `Upload-Offset: ${Buffer.from(value).toString('latin1')}`,
        'Upload-Complete: ?1',
        'Content-Length: 1',
        'Content-Type: application/partial-upload',
      ],
      'x',
    )
    expect([400, 409]).toContain(reply)
    expect((await look(url)).headers).toMatchObject({ 'upload-offset': '5', 'upload-complete': '?0' })
  })

  test.each([
    '9007199254740993',
    '18446744073709551615',
    '18446744073709551616',
    '99999999999999999999999',
    '-1',
    '1x',
  ])('Content-Length %s is refused, and leaves nothing behind', async (value) => {
    for (const complete of ['?0', '?1']) {
      const status = await raw([
        'POST /files/ HTTP/1.1',
        `Content-Length: ${value}`,
        `Upload-Complete: ${complete}`,
      ])
      expect([400, 413]).toContain(status)
      const url = await beginEmpty(server)
      const appended = await raw([
        `PATCH ${new URL(url).pathname} HTTP/1.1`,
        `Content-Length: ${value}`,
        `Upload-Complete: ${complete}`,
        'Upload-Offset: 0',
        'Content-Type: application/partial-upload',
      ])
      expect([400, 413]).toContain(appended)
      expect(await offsetAt(url)).toBe(0)
    }
  })
})

describe('at once', () => {
  test('appends, looks and a cancellation: whatever comes first, an upload is whole or gone', async () => {
    for (let round = 0; round < 8; round += 1) {
      const url = await beginEmpty(server)
      const statuses = await Promise.all([
        ...Array.from({ length: 4 }, (_, i) =>
          append(url, 0, i % 2 === 0 ? '?1' : '?0', String(i).repeat(100_000)).catch(() => undefined),
        ),
        look(url).catch(() => undefined),
        send(url, 'DELETE', DRAFT).catch(() => undefined),
        look(url).catch(() => undefined),
      ])
      for (const reply of statuses)
        expect(reply === undefined || reply.status < 500 || reply.status === 503).toBe(true)
      const after = await look(url)
      expect([204, 404]).toContain(after.status)
      if (after.status === 404) continue
      const done = await append(url, Number(after.headers['upload-offset']), '?1')
      const { text } = await send(locationOf(server, done), 'GET')
      expect(text).toBe((text[0] ?? '').repeat(text.length))
    }
  })

  test('the same last part from many: each answer is the same object', async () => {
    const url = await beginEmpty(server)
    await append(url, 0, '?0', 'hel')
    const replies = await Promise.all(
      Array.from({ length: 10 }, () => append(url, 3, '?1', 'lo').catch(() => undefined)),
    )
    const done = await append(url, 5, '?1')
    expect(done.status).toBe(201)
    for (const reply of replies) {
      if (reply === undefined) continue
      expect([201, 409]).toContain(reply.status)
      if (reply.status === 201) expect(reply.headers.etag).toBe(done.headers.etag)
    }
    expect((await send(locationOf(server, done), 'GET')).text).toBe('hello')
  })
})

describe('interim answers', () => {
  test('come twice a second at most, however the content dribbles in', async () => {
    const url = await beginEmpty(server)
    const connection = await beginSlowly(
      server,
      'PATCH',
      new URL(url).pathname,
      {
        ...PATCH_HEAD,
        'Upload-Offset': '0',
        'Upload-Complete': '?0',
        'Content-Length': '100000000',
      },
      '',
    )
    const part = 'x'.repeat(64)
    const until = performance.now() + 3000
    let sent = 0
    while (performance.now() < until) {
      connection.write(part)
      sent += part.length
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
    let told = 0
    for (;;) {
      const reply = await Promise.race([
        connection.reply(),
        new Promise<'silent'>((resolve) => setTimeout(() => resolve('silent'), 700)),
      ])
      if (reply === 'silent' || reply === undefined) break
      told += 1
    }
    expect(told).toBeLessThan(12)
    connection.destroy()
    expect(await offsetAt(url)).toBeLessThanOrEqual(sent)
  })
})

describe('digests behind the content', () => {
  const trailing = async (url: string, trailers: readonly string[], announced = 'Content-Digest') => {
    const connection = await RawConnection.open(server.port)
    connection.write(
      `PATCH ${new URL(url).pathname} HTTP/1.1\r\nHost: localhost\r\nUpload-Offset: 0\r\nUpload-Complete: ?1\r\n` +
        'Content-Type: application/partial-upload\r\nTransfer-Encoding: chunked\r\n' +
        `Trailer: ${announced}\r\n\r\n5\r\nhello\r\n0\r\n${trailers.map((line) => `${line}\r\n`).join('')}\r\n`,
    )
    const reply = await connection.reply()
    connection.destroy()
    return reply?.status
  }
  const digest = (text: string) => `sha-256=:${createHash('sha256').update(text).digest('base64')}:`

  test.each([
    ['a wrong one', [`Content-Digest: ${digest('other')}`], 400],
    ['none', [], 400],
    ['nonsense', ['Content-Digest: sha-256'], 400],
    ['an unknown kind', ['Content-Digest: md5=:AAAA:'], 400],
    ['two that differ', [`Content-Digest: ${digest('hello')}`, `Content-Digest: ${digest('other')}`], 400],
    ['the right one', [`Content-Digest: ${digest('hello')}`], 201],
  ] as const)('%s', async (_what, trailers, status) => {
    const url = await beginEmpty(server)
    expect(await trailing(url, trailers)).toBe(status)
    expect((await look(url)).headers['upload-complete']).toBe(status === 201 ? '?1' : '?0')
    if (status !== 201) expect(await offsetAt(url)).toBe(0)
  })

  test('other fields behind the content mean nothing', async () => {
    const url = await beginEmpty(server)
    expect(
      await trailing(url, ['Upload-Offset: 99', 'Upload-Complete: ?0', 'Upload-Length: 1'], 'Upload-Offset'),
    ).toBe(201)
    expect((await look(url)).headers).toMatchObject({ 'upload-offset': '5', 'upload-complete': '?1' })
  })
})

describe('a deactivated upload', () => {
  test('gives its room back at once', async () => {
    const own = await startTestServer()
    try {
      const url = await beginEmpty(own, { 'Upload-Length': '100000' })
      await append(url, 0, '?0', 'x'.repeat(90_000))
      expect((await append(url, 90_000, '?0', 'x'.repeat(90_000))).status).toBe(400)
      expect((await look(url)).status).toBe(410)
      const files = await readdir(join(own.dataDir, 'blobs', 'segments'), {
        recursive: true,
        withFileTypes: true,
      })
      expect(files.filter((entry) => entry.isFile())).toEqual([])
    } finally {
      await own.close()
    }
  })

  test('stays so, whatever is asked of it, and its bytes are nobody’s', async () => {
    const url = await beginEmpty(server, { 'Upload-Length': '3' })
    expect((await append(url, 0, '?1', ['hel', 'lo'])).status).toBe(400)
    for (const complete of ['?0', '?1'] as const)
      for (const offset of [0, 3, 5])
        for (const body of ['', 'x', ['y']] as const)
          expect((await append(url, offset, complete, body)).status).toBe(410)
    expect((await send(url, 'DELETE', DRAFT)).status).toBe(410)
    expect((await look(url)).status).toBe(410)
    const asFile = url.replace('/uploads/', '/files/')
    expect((await send(asFile, 'GET')).status).toBe(410)
    expect((await send(asFile, 'HEAD', { 'Tus-Resumable': '1.0.0' })).status).toBe(410)
    expect(
      (
        await send(asFile, 'PATCH', {
          'Tus-Resumable': '1.0.0',
          'Upload-Offset': '3',
          'Content-Type': 'application/offset+octet-stream',
          'Content-Length': '0',
        })
      ).status,
    ).toBe(410)
  })
})

describe('codings', () => {
  test('a Content-Encoding of an append does not change what the creation said', async () => {
    const reply = await begin(server, '?0', { 'Content-Encoding': 'gzip' }, 'x')
    const done = await append(locationOf(server, reply), 1, '?1', 'y', { 'Content-Encoding': 'br' })
    expect((await send(locationOf(server, done), 'GET')).headers['content-encoding']).toBe('gzip')
  })
})
