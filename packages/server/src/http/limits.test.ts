import { afterEach, describe, expect, test } from 'vitest'
import { type Reply, send } from './testing/client.ts'
import { RawConnection } from './testing/raw-connection.ts'
import {
  CHUNK,
  createUpload,
  head,
  offsetOf,
  patch,
  startTestServer,
  type TestServer,
  TUS,
} from './testing/test-server.ts'

const closing: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

async function serverWith(...args: readonly string[]): Promise<TestServer> {
  const server = await startTestServer({ args })
  closing.push(() => server.close())
  return server
}

function post(server: TestServer, headers: Readonly<Record<string, string>>, body?: string): Promise<Reply> {
  return send(`${server.url}/files/`, 'POST', { ...(body === undefined ? TUS : CHUNK), ...headers }, body)
}

/** A PATCH that has its place among the transfers and keeps it. */
async function holdPatch(server: TestServer, url: string, length?: number): Promise<RawConnection> {
  const connection = await RawConnection.open(server.port)
  closing.push(async () => connection.destroy())
  const body = length === undefined ? 'Transfer-Encoding: chunked' : `Content-Length: ${length}`
  connection.write(
    `PATCH ${new URL(url).pathname} HTTP/1.1\r\nHost: localhost\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\n` +
      `Content-Type: application/offset+octet-stream\r\n${body}\r\nExpect: 100-continue\r\n\r\n`,
  )
  expect((await connection.reply())?.status).toBe(100)
  return connection
}

describe.each(['--quota-owner', '--quota-bucket'])('With %s', (flag) => {
  test('an upload that does not fit is refused with 413 when it is created, and counts for nothing', async () => {
    const server = await serverWith(flag, '100b')
    const reply = await post(server, { 'Upload-Length': '101' })
    expect([reply.status, reply.text]).toEqual([413, expect.stringContaining('may hold 100 bytes')])
    await createUpload(server, 100)
    expect((await post(server, { 'Upload-Length': '1' })).status).toBe(413)
  })

  test('published objects and unfinished uploads count, deleted uploads do not', async () => {
    const server = await serverWith(flag, '100b')
    expect((await post(server, { 'Upload-Length': '60' }, 'x'.repeat(60))).status).toBe(201)
    const open = await createUpload(server, 40)
    expect((await post(server, { 'Upload-Length': '1' })).status).toBe(413)
    await send(open, 'DELETE', TUS)
    expect((await post(server, { 'Upload-Length': '41' })).status).toBe(413)
    expect((await post(server, { 'Upload-Length': '40' })).status).toBe(201)
  })

  test('a PATCH past it on an upload of unknown length is refused with 413 before its body, bytes kept', async () => {
    const server = await serverWith(flag, '100b')
    const url = await createUpload(server, undefined)
    expect((await patch(url, 0, 'x'.repeat(60))).status).toBe(204)
    const refused = await patch(url, 60, 'x'.repeat(41))
    expect([refused.status, refused.headers['upload-offset']]).toEqual([413, '60'])
    expect(await offsetOf(url)).toBe(60)
    // What was set aside for nothing is free again.
    expect((await patch(url, 60, 'x'.repeat(40), { 'Upload-Length': '100' })).status).toBe(204)
  })

  test('a chunked PATCH past it ends with 413, and what was accepted stays', async () => {
    const server = await serverWith(flag, '100b')
    const url = await createUpload(server, undefined)
    const body = ['x'.repeat(50), 'x'.repeat(100_000)]
    const reply = await send(url, 'PATCH', { ...CHUNK, 'Upload-Offset': '0' }, body)
    expect(reply.status).toBe(413)
    expect(await offsetOf(url)).toBe(Number(reply.headers['upload-offset']))
    expect((await patch(url, await offsetOf(url), 'x')).status).toBe(413)
  })

  test('a length that is told late is judged then', async () => {
    const server = await serverWith(flag, '100b')
    const url = await createUpload(server, undefined)
    expect((await patch(url, 0, 'x', { 'Upload-Length': '101' })).status).toBe(413)
    expect((await patch(url, 0, 'x', { 'Upload-Length': '100' })).status).toBe(204)
    expect((await post(server, { 'Upload-Length': '1' })).status).toBe(413)
  })

  test('of many creations at once exactly those that fit succeed', async () => {
    const server = await serverWith(flag, '100b')
    const replies = await Promise.all(
      Array.from({ length: 30 }, () => post(server, { 'Upload-Length': '10' })),
    )
    expect(replies.filter(({ status }) => status === 201)).toHaveLength(10)
    expect(replies.filter(({ status }) => status === 413)).toHaveLength(20)
  })

  test('joining partial uploads takes no more room than they had', async () => {
    const server = await serverWith(flag, '100b')
    const urls = await Promise.all(
      [0, 1].map(async () => {
        const url = await createUpload(server, 50, { 'Upload-Concat': 'partial' })
        await patch(url, 0, 'x'.repeat(50))
        return url
      }),
    )
    const list = `final;${urls.map((url) => new URL(url).pathname).join(' ')}`
    expect((await post(server, { 'Upload-Concat': list })).status).toBe(201)
    const again = `final;${urls
      .map((url) => new URL(url).pathname)
      .reverse()
      .join(' ')}`
    expect((await post(server, { 'Upload-Concat': again })).status).toBe(413)
  })

  test('partial uploads whose joining failed take their room until they end', async () => {
    const server = await serverWith(flag, '100b')
    const url = await createUpload(server, 100, { 'Upload-Concat': 'partial' })
    await patch(url, 0, 'x'.repeat(100))
    const wrong = {
      'Upload-Concat': `final;${new URL(url).pathname}`,
      'Repr-Digest': `sha-256=:${'A'.repeat(43)}=:`,
    }
    expect((await post(server, wrong)).status).toBe(460)
    expect((await post(server, { 'Upload-Length': '1' })).status).toBe(413)
    expect((await send(url, 'DELETE', TUS)).status).toBe(204)
    expect((await post(server, { 'Upload-Length': '100' })).status).toBe(201)
  })
})

describe('With --max-open', () => {
  test('a further upload is refused with 503 until one has ended: clients come back then', async () => {
    const server = await serverWith('--max-open', '2')
    const first = await createUpload(server, 5)
    await createUpload(server, 5)
    const refused = await post(server, { 'Upload-Length': '5' })
    expect([refused.status, refused.headers['retry-after']]).toEqual([503, '1'])
    expect(refused.text).toContain('2 unfinished uploads')
    expect((await patch(first, 0, 'hello')).status).toBe(204)
    expect((await post(server, { 'Upload-Length': '5' })).status).toBe(201)
  })
})

describe('With --max-active', () => {
  test('a further PATCH is refused with 503 before its body; HEAD and DELETE are not', async () => {
    const server = await serverWith('--max-active', '2')
    const busy = await Promise.all([createUpload(server, 1000), createUpload(server, 1000)])
    const held = await Promise.all(busy.map((url) => holdPatch(server, url)))
    const other = await createUpload(server, 5)
    const refused = await patch(other, 0, 'hello', { Expect: '100-continue' })
    expect([refused.status, refused.headers['retry-after']]).toEqual([503, '1'])
    expect((await head(other)).status).toBe(200)
    held[0]?.destroy()
    let status = 503
    while (status === 503) status = (await patch(other, 0, 'hello')).status
    expect(status).toBe(204)
    expect((await send(busy[1] ?? '', 'DELETE', TUS)).status).toBe(204)
  })

  test.each([
    ['leaves in the middle of its body', ''],
    ['sends a body that breaks the rules of HTTP', 'no chunk\r\n'],
  ])('a client that %s gives its place back at once', async (_how, bytes) => {
    const server = await serverWith('--max-active', '1')
    const held = await holdPatch(server, await createUpload(server, 1000), bytes === '' ? 1000 : undefined)
    held.write(bytes).end()
    const other = await createUpload(server, 5)
    const since = performance.now()
    let status = 503
    while (status === 503) status = (await patch(other, 0, 'hello')).status
    expect(status).toBe(204)
    expect(performance.now() - since).toBeLessThan(3000)
  })

  test('a creation with a body is refused without leaving an upload behind', async () => {
    const server = await serverWith('--max-active', '1', '--max-open', '2')
    const held = await holdPatch(server, await createUpload(server, 1000))
    for (let i = 0; i < 3; i += 1) {
      const refused = await post(server, { 'Upload-Length': '5' }, 'hello')
      expect([refused.status, refused.headers.location]).toEqual([503, undefined])
    }
    held.destroy()
    let status = 503
    while (status === 503) status = (await post(server, { 'Upload-Length': '5' }, 'hello')).status
    expect(status).toBe(201)
  })
})

describe('With --rate', () => {
  test('what comes too fast is told to wait: 423 on HEAD, 503 on others, with what browsers need', async () => {
    const server = await serverWith('--rate', '0.01')
    const url = await createUpload(server, 5)
    const looked = await head(url)
    expect([looked.status, Number(looked.headers['retry-after'])]).toEqual([423, expect.any(Number)])
    const patched = await patch(url, 0, 'hello')
    expect([patched.status, patched.headers['tus-resumable']]).toEqual([503, '1.0.0'])
    expect(patched.headers['access-control-allow-origin']).toBe('*')
    expect((await send(`${server.url}/`, 'GET')).status).toBe(429)
    // Whoever runs the server still sees how it is.
    expect((await send(`${server.url}/health`, 'GET')).status).toBe(200)
  })
})

describe('With trusted proxies', () => {
  test('each client behind one has a rate of its own, and cannot pass for another', async () => {
    const server = await startTestServer({
      dev: false,
      args: ['--rate', '0.01', '--trusted-proxies', '127.0.0.1'],
    })
    closing.push(() => server.close())
    const from = async (forwarded: string): Promise<number> =>
      (await send(`${server.url}/files/x`, 'HEAD', { ...TUS, 'X-Forwarded-For': forwarded })).status
    expect(await from('203.0.113.1')).toBe(404)
    expect(await from('203.0.113.1')).toBe(423)
    expect(await from('203.0.113.2')).toBe(404)
    expect(await from('203.0.113.3, 203.0.113.1')).toBe(423)
  })
})
