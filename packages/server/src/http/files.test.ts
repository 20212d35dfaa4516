/** Objects over HTTP: ranges, validators, conditions, names, and what stored content may not do. */
import { readdir, readlink } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { parse as parseDisposition } from 'content-disposition'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Reply, send } from './testing/client.ts'
import { RawConnection } from './testing/raw-connection.ts'
import {
  createObject,
  createUpload,
  metadataHeader,
  patch,
  startTestServer,
  type TestServer,
  TUS,
} from './testing/test-server.ts'

let server: TestServer
let url = ''
const text = '0123456789abcdefghij'

beforeAll(async () => {
  server = await startTestServer()
  url = await createObject(server, text, { filename: 'digits.txt', filetype: 'text/plain; charset=utf-8' })
})
afterAll(() => server.close())

const get = (headers: Readonly<Record<string, string>> = {}, target = url): Promise<Reply> =>
  send(target, 'GET', headers)

describe('GET of an object', () => {
  test('gives its bytes with type, length, validators and Accept-Ranges', async () => {
    const reply = await get()
    expect([reply.status, reply.text]).toEqual([200, text])
    expect(reply.headers).toMatchObject({
      'content-type': 'text/plain; charset=utf-8',
      'content-length': '20',
      'accept-ranges': 'bytes',
      etag: expect.stringMatching(/^"[0-9a-f]{32}"$/) as string,
      'last-modified': expect.stringMatching(/ GMT$/) as string,
    })
  })

  test('and HEAD give the same headers', async () => {
    const [full, head] = [await get(), await send(url, 'HEAD')]
    const { date: _full, ...expected } = full.headers
    const { date: _head, ...shown } = head.headers
    expect(shown).toEqual(expected)
    expect(head.text).toBe('')
  })

  test('works although the client speaks tus', async () => {
    expect((await get(TUS)).text).toBe(text)
  })

  test('of no bytes is 200 and empty', async () => {
    const empty = await createObject(server, '')
    const reply = await get({}, empty)
    expect([reply.status, reply.headers['content-length'], reply.text]).toEqual([200, '0', ''])
    expect((await get({ Range: 'bytes=0-' }, empty)).status).toBe(416)
    expect((await get({ Range: 'bytes=-5' }, empty)).status).toBe(200)
  })

  test('that is unknown is 404, and of an upload under way 412', async () => {
    for (const path of [`/files/${'0'.repeat(32)}`, '/files/x', '/files/', '/files', '/files/a/b']) {
      const reply = await get({}, server.url + path)
      expect(reply.status).toBe(404)
      expect(reply.text).toMatch(/no such/)
    }
    const open = await createUpload(server, 5)
    await patch(open, 0, 'he')
    const reply = await get({}, open)
    expect([reply.status, reply.headers['tus-version']]).toEqual([412, '1.0.0'])
    expect(reply.text).toContain('not complete')
    expect((await send(open, 'HEAD')).status).toBe(412)
  })

  test('leaves who is still sending alone, however silent', async () => {
    const open = await createUpload(server, 10)
    const slow = await RawConnection.open(server.port)
    slow.write(
      `PATCH ${new URL(open).pathname} HTTP/1.1\r\nHost: localhost\r\nTus-Resumable: 1.0.0\r\n` +
        'Content-Type: application/offset+octet-stream\r\nUpload-Offset: 0\r\nContent-Length: 10\r\n\r\nhello',
    )
    await sleep(700)
    expect((await get({}, open)).status).toBe(412)
    slow.write('world')
    expect((await slow.reply())?.status).toBe(204)
    expect((await get({}, open)).text).toBe('helloworld')
  })
})

describe('A range', () => {
  test.each([
    ['bytes=0-4', '01234', 'bytes 0-4/20'],
    ['bytes=5-', '56789abcdefghij', 'bytes 5-19/20'],
    ['bytes=-3', 'hij', 'bytes 17-19/20'],
    ['bytes=-100', text, 'bytes 0-19/20'],
    ['bytes=19-19', 'j', 'bytes 19-19/20'],
    ['bytes=15-1000', 'fghij', 'bytes 15-19/20'],
    ['BYTES=0-0', '0', 'bytes 0-0/20'],
  ])('of %s is 206 with exactly those bytes', async (range, bytes, contentRange) => {
    const reply = await get({ Range: range })
    expect([reply.status, reply.text]).toEqual([206, bytes])
    expect(reply.headers).toMatchObject({
      'content-range': contentRange,
      'content-length': String(bytes.length),
    })
  })

  test.each(['bytes=20-', 'bytes=20-30', 'bytes=-0', 'bytes=50-60,70-'])(
    'of %s is 416 with the size',
    async (range) => {
      const reply = await get({ Range: range })
      expect([reply.status, reply.headers['content-range']]).toEqual([416, 'bytes */20'])
      expect(reply.text).toContain('20 bytes')
      expect(reply.headers['x-content-type-options']).toBe('nosniff')
    },
  )

  test.each([
    'bytes=5-4',
    'bytes=a-b',
    'lines=0-4',
    'bytes',
    'bytes=',
    'bytes=0-4;',
    'bytes=0x0-4',
    'bytes=--1',
  ])('that is malformed is ignored: %s', async (range) => {
    expect(await get({ Range: range })).toMatchObject({ status: 200, text })
  })

  test('on HEAD is ignored', async () => {
    const reply = await send(url, 'HEAD', { Range: 'bytes=0-4' })
    expect([reply.status, reply.headers['content-length']]).toEqual([200, '20'])
  })

  test('of several parts is multipart/byteranges that can be read back', async () => {
    const reply = await get({ Range: 'bytes=0-1, 5-6 ,-2' })
    expect(reply.status).toBe(206)
    expect(reply.headers['content-range']).toBeUndefined()
    expect(Number(reply.headers['content-length'])).toBe(reply.bytes.length)
    const boundary = /^multipart\/byteranges; boundary=(\w+)$/.exec(reply.headers['content-type'] ?? '')?.[1]
    const pieces = reply.text.split(`\r\n--${boundary}`)
    expect(pieces.at(0)).toBe('')
    expect(pieces.at(-1)).toBe('--\r\n')
    const part = (range: string, bytes: string): string =>
      `\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Range: bytes ${range}/20\r\n\r\n${bytes}`
    expect(pieces.slice(1, -1)).toEqual([part('0-1', '01'), part('5-6', '56'), part('18-19', 'ij')])
  })

  test('list that would multiply the object is not followed', async () => {
    for (const range of [`bytes=${'0-,'.repeat(500)}0-`, `bytes=${'0-0,'.repeat(17)}1-1`, 'bytes=0-,0-,0-']) {
      expect(await get({ Range: range })).toMatchObject({ status: 200, text })
    }
  })

  test('always gives what a slice of the object is', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(25), fc.nat(25), async (first, last) => {
        const reply = await get({ Range: `bytes=${first}-${last}` })
        if (last < first) expect(reply).toMatchObject({ status: 200, text })
        else if (first >= 20) expect(reply.status).toBe(416)
        else expect(reply).toMatchObject({ status: 206, text: text.slice(first, last + 1) })
      }),
      { numRuns: 100 },
    )
  })
})

describe('A conditional request', () => {
  const etag = async (): Promise<string> => (await get()).headers.etag ?? ''
  const modified = async (): Promise<string> => (await get()).headers['last-modified'] ?? ''
  const past = 'Sun, 06 Nov 1994 08:49:37 GMT'
  const future = 'Fri, 06 Nov 2093 08:49:37 GMT'

  test('with If-None-Match is 304 without a body when the version is known', async () => {
    const tag = await etag()
    for (const value of [tag, `W/${tag}`, `"other", ${tag}`, '*']) {
      const reply = await get({ 'If-None-Match': value })
      expect([reply.status, reply.text, reply.headers.etag]).toEqual([304, '', tag])
      expect(reply.headers['content-security-policy']).toBe('sandbox')
      expect((await send(url, 'HEAD', { 'If-None-Match': value })).status).toBe(304)
    }
    expect((await get({ 'If-None-Match': '"other"' })).status).toBe(200)
    expect((await get({ 'If-None-Match': '"other"', 'If-Modified-Since': future })).status).toBe(200)
  })

  test('with If-Match is 412 when the version is another one', async () => {
    const tag = await etag()
    for (const value of [tag, `"other", ${tag}`, '*'])
      expect((await get({ 'If-Match': value })).status).toBe(200)
    for (const value of ['"other"', `W/${tag}`]) {
      const reply = await get({ 'If-Match': value })
      expect([reply.status, reply.headers.etag]).toEqual([412, tag])
      expect(reply.text).toContain('not the one')
    }
  })

  test('with If-Modified-Since and If-Unmodified-Since compares dates', async () => {
    expect((await get({ 'If-Modified-Since': await modified() })).status).toBe(304)
    expect((await get({ 'If-Modified-Since': past })).status).toBe(200)
    expect((await get({ 'If-Modified-Since': 'yesterday' })).status).toBe(200)
    expect((await get({ 'If-Unmodified-Since': past })).status).toBe(412)
    expect((await get({ 'If-Unmodified-Since': await modified() })).status).toBe(200)
  })

  test('with If-Range gives the range of this version and the whole of another', async () => {
    const range = { Range: 'bytes=0-4' }
    const tag = await etag()
    expect((await get({ ...range, 'If-Range': tag })).status).toBe(206)
    for (const value of [`W/${tag}`, '"other"', past]) {
      expect(await get({ ...range, 'If-Range': value })).toMatchObject({ status: 200, text })
    }
  })
})

describe('The name of an object', () => {
  test.each([
    'naïve.txt',
    '😀.png',
    'a "quoted" name.txt',
    'name;with=signs',
    'テスト.pdf',
    '100%.txt',
    'x%41.txt',
    'e\u0301.txt',
    '\u202egpj.exe',
  ])('comes back from Content-Disposition: %s', async (filename) => {
    const object = await createObject(server, 'x', { filename })
    const { status, headers } = await get({}, object)
    expect(status).toBe(200)
    expect(parseDisposition(headers['content-disposition'] ?? '').parameters.filename).toBe(filename)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: printable ASCII is the rule here
    if (/[^\x00-\x7f]/.test(filename)) expect(headers['content-disposition']).toContain("filename*=UTF-8''")
  })

  test('may be absent', async () => {
    expect((await get({}, await createObject(server, 'x'))).headers['content-disposition']).toBe('inline')
  })

  test('that is any text never breaks a header or the answer', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary', minLength: 1, maxLength: 60 }), async (filename) => {
        const object = await createObject(server, '', { filename: filename.toWellFormed() })
        const { status, headers } = await get({}, object)
        expect(status).toBe(200)
        expect(headers['content-disposition']).toMatch(/^inline; filename[ -~]+$/)
      }),
      { numRuns: 300 },
    )
  })

  test.each(['a\r\nSet-Cookie: x=y', 'a\nb', '\u0000', '\r\n\r\n<script>', '\u0085\u2028'])(
    'splits no response: %j',
    async (filename) => {
      const object = new URL(await createObject(server, 'x', { filename }))
      const connection = await RawConnection.open(server.port)
      connection.write(`GET ${object.pathname} HTTP/1.1\r\nHost: localhost\r\n\r\n`)
      const reply = await connection.reply()
      expect([reply?.status, reply?.body, reply?.headers['set-cookie']]).toEqual([200, 'x', undefined])
      expect(connection.pending).toBe('')
      connection.destroy()
    },
  )
})

describe('Stored content that a browser could run', () => {
  test.each([
    'text/html',
    'TEXT/HTML; charset=utf-8',
    'application/xhtml+xml',
    'image/svg+xml',
    'text/xml',
    'application/xml',
    'application/atom+xml',
    'application/xslt+xml',
    'text/xsl',
    'text/javascript',
    'application/javascript',
    'application/x-javascript',
    'application/ecmascript',
    'text/jscript',
    'text/livescript',
    'text/vbscript',
    'multipart/x-mixed-replace; boundary=a',
    'message/rfc822',
  ])('is offered for saving only: %s', async (filetype) => {
    const { headers } = await get({}, await createObject(server, '<script>', { filetype, filename: 'a' }))
    expect(headers['content-disposition']).toBe('attachment; filename=a')
  })

  test.each(['image/png', 'text/plain', 'application/pdf', 'video/mp4', 'application/octet-stream'])(
    'is not assumed of %s',
    async (filetype) => {
      const { headers } = await get({}, await createObject(server, 'x', { filetype }))
      expect(headers['content-disposition']).toBe('inline')
    },
  )

  test('is kept harmless by headers on every answer that has to do with an object', async () => {
    const tag = (await get()).headers.etag ?? ''
    const replies = [
      await get(),
      await send(url, 'HEAD'),
      await get({ Range: 'bytes=0-1' }),
      await get({ Range: 'bytes=0-1,3-4' }),
      await get({ Range: 'bytes=99-' }),
      await get({ 'If-None-Match': tag }),
      await get({ 'If-Match': '"other"' }),
    ]
    expect(replies.map(({ status }) => status)).toEqual([200, 200, 206, 206, 416, 304, 412])
    for (const { headers } of replies) {
      expect(headers).toMatchObject({
        'x-content-type-options': 'nosniff',
        'content-security-policy': 'sandbox',
        'cross-origin-resource-policy': 'cross-origin',
      })
    }
  })
})

describe('Readers', () => {
  /** Files of the blob folder that this process holds open. */
  async function openBlobs(): Promise<number> {
    const files = await readdir('/proc/self/fd')
    const targets = await Promise.all(files.map((file) => readlink(`/proc/self/fd/${file}`).catch(() => '')))
    return targets.filter(
      (target) => target.startsWith(`${server.dataDir}/blobs/`) && !target.endsWith('lock'),
    ).length
  }

  test('many at once each get the whole object', async () => {
    const bytes = Buffer.alloc(1_000_000, 'pawl')
    const object = await createObject(server, bytes)
    const replies = await Promise.all(Array.from({ length: 50 }, () => get({}, object)))
    for (const reply of replies) expect(reply.bytes.equals(bytes)).toBe(true)
  })

  test.runIf(process.platform === 'linux')('that go away leave no open file behind', async () => {
    const object = await createObject(server, Buffer.alloc(20_000_000))
    await sleep(500)
    const before = await openBlobs()
    for (const range of ['', 'Range: bytes=0-9999999,10000000-19999999\r\n']) {
      for (let reader = 0; reader < 10; reader += 1) {
        const connection = await RawConnection.open(server.port)
        connection.write(`GET ${new URL(object).pathname} HTTP/1.1\r\nHost: localhost\r\n${range}\r\n`)
        await sleep(reader)
        connection.destroy()
      }
    }
    for (let wait = 0; wait < 50 && (await openBlobs()) > before; wait += 1) await sleep(100)
    expect(await openBlobs()).toBe(before)
    expect((await get({ Range: 'bytes=0-0' }, object)).status).toBe(206)
  })
})

test('Metadata with a key of JavaScript makes no object other than it is', async () => {
  const object = await createUpload(server, 0, {
    'Upload-Metadata': metadataHeader({ __proto__x: 'a', constructor: 'b' }),
  })
  expect((await get({}, object)).headers['content-type']).toBe('application/octet-stream')
})
