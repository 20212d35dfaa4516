import { createHash } from 'node:crypto'
import { readdir, readFile, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { Upload } from 'tus-js-client'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { send } from '../testing/client.ts'
import {
  createObject,
  createUpload,
  head,
  metadataHeader,
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

const PARTIAL = { 'Upload-Concat': 'partial' }

async function partial(content: string, on: TestServer = server): Promise<string> {
  const url = await createUpload(on, content.length, PARTIAL)
  if (content.length > 0) expect((await patch(url, 0, content)).status).toBe(204)
  return url
}

function final(
  urls: readonly string[],
  headers: Readonly<Record<string, string>> = {},
  on: TestServer = server,
) {
  return send(`${on.url}/files/`, 'POST', { ...TUS, 'Upload-Concat': `final;${urls.join(' ')}`, ...headers })
}

const locationOf = (reply: { headers: { location?: string } }): string =>
  new URL(reply.headers.location ?? '', server.url).href

describe('Upload-Concat', () => {
  test('joins partial uploads, in the order of the list, by absolute or relative URL', async () => {
    const [a, b, c] = [await partial('one '), await partial('two '), await partial('three')]
    const reply = await final([b, new URL(a).pathname, c], {
      'Upload-Metadata': metadataHeader({ filename: 'joined.txt', filetype: 'text/plain' }),
    })
    expect(reply.status).toBe(201)
    expect(reply.headers['upload-offset']).toBe('13')
    const object = await send(locationOf(reply), 'GET')
    expect(object.text).toBe('two one three')
    expect(object.headers['content-type']).toBe('text/plain')
    expect(object.headers['content-disposition']).toContain('joined.txt')
    expect((await send(locationOf(reply), 'GET', { Range: 'bytes=2-9' })).text).toBe('o one th')
  })

  test('makes no object of a partial upload whose bytes the disk has lost', async () => {
    const url = await partial('lost later')
    for (const file of await readdir(join(server.dataDir, 'blobs'), {
      recursive: true,
      withFileTypes: true,
    })) {
      const path = join(file.parentPath, file.name)
      if (file.isFile() && (await readFile(path)).equals(Buffer.from('lost later'))) await truncate(path, 4)
    }
    const reply = await final([url])
    expect([reply.status, reply.text]).toEqual([500, expect.stringContaining('lost bytes')])
  })

  test('HEAD shows that an upload is partial, and the list of a final one', async () => {
    const url = await partial('abc')
    const shown = await head(url)
    expect(shown.headers['upload-concat']).toBe('partial')
    expect(shown.headers['upload-offset']).toBe('3')
    expect(shown.headers['upload-expires']).toBeDefined()
    const done = await final([url])
    const finished = await head(locationOf(done))
    expect(finished.headers['upload-concat']).toBe(`final;${url}`)
    expect(finished.headers['upload-length']).toBe('3')
    expect(finished.headers['upload-offset']).toBe('3')
  })

  test('a partial upload is no object, and it may be given up', async () => {
    const url = await partial('abc')
    expect((await send(url, 'GET')).status).toBe(412)
    expect((await send(url, 'DELETE', TUS)).status).toBe(204)
    expect((await head(url)).status).toBe(404)
  })

  test('a final upload takes no bytes, no length and no body', async () => {
    const url = await partial('abc')
    const done = locationOf(await final([url]))
    expect((await patch(done, 3, 'd')).status).toBe(403)
    expect((await patch(done, 0, '')).status).toBe(403)
    expect((await send(done, 'DELETE', TUS)).status).toBe(403)
    expect((await final([url], { 'Upload-Length': '3' })).status).toBe(400)
    expect((await final([url], { 'Upload-Defer-Length': '1' })).status).toBe(400)
    const withBody = await send(
      `${server.url}/files/`,
      'POST',
      { ...TUS, 'Upload-Concat': `final;${url}`, 'Content-Type': 'application/offset+octet-stream' },
      'abc',
    )
    expect(withBody.status).toBe(400)
  })

  test('a partial upload that is not complete makes a 409, and joining can be repeated when it is', async () => {
    const [a, b] = [await partial('abc'), await createUpload(server, 3, PARTIAL)]
    expect((await final([a, b])).status).toBe(409)
    expect((await patch(b, 0, 'def')).status).toBe(204)
    expect((await send(locationOf(await final([a, b])), 'GET')).text).toBe('abcdef')
  })

  test('names that are no partial uploads are refused', async () => {
    const whole = await createObject(server, 'whole')
    const gone = await partial('gone')
    await send(gone, 'DELETE', TUS)
    for (const url of [
      whole,
      gone,
      `${server.url}/files/${'0'.repeat(32)}`,
      `${server.url}/files/x`,
      '/etc/passwd',
    ]) {
      expect((await final([url])).status).toBe(400)
    }
    for (const value of ['final', 'final;', 'Partial', 'partial;x', 'both']) {
      const reply = await send(`${server.url}/files/`, 'POST', {
        ...TUS,
        'Upload-Length': '1',
        'Upload-Concat': value,
      })
      expect(reply.status, value).toBe(400)
    }
  })

  test('the same list gives the same upload, so that a lost answer can be repeated', async () => {
    const urls = [await partial('abc'), await partial('def')]
    const [first, second] = await Promise.all([final(urls), final(urls)])
    expect(first.status).toBe(201)
    expect(second.headers.location).toBe(first.headers.location)
    expect((await final(urls)).headers.location).toBe(first.headers.location)
    const other = await final([...urls].reverse())
    expect(other.headers.location).not.toBe(first.headers.location)
    expect((await send(locationOf(other), 'GET')).text).toBe('defabc')
  })

  test('the same list gives the same upload when its partial ones were deleted since', async () => {
    const urls = [await partial('kept '), await partial('whole')]
    const first = await final(urls)
    for (const url of urls) expect((await send(url, 'DELETE', TUS)).status).toBe(204)
    const again = await final(urls)
    expect([again.status, locationOf(again)]).toEqual([201, locationOf(first)])
    expect((await send(locationOf(again), 'GET')).text).toBe('kept whole')
    expect((await final([...urls].reverse())).status).toBe(400)
  })

  test('a list whose joining failed can be joined anew: no byte of it has to be sent again', async () => {
    const urls = [await partial('abc'), await partial('def')]
    const digestOf = (text: string): Record<string, string> => ({
      'Repr-Digest': `sha-256=:${createHash('sha256').update(text).digest('base64')}:`,
    })
    expect((await final(urls, digestOf('abcdef!'))).status).toBe(460)
    const right = await final(urls, digestOf('abcdef'))
    expect(right.status).toBe(201)
    expect((await send(locationOf(right), 'GET')).text).toBe('abcdef')
  })

  test('copies no byte: the joined object is made of the files that were there', async () => {
    const own = await startTestServer()
    try {
      const urls = [await partial('a'.repeat(1000), own), await partial('b'.repeat(1000), own)]
      const files = async () =>
        (await readdir(join(own.dataDir, 'blobs', 'segments'), { recursive: true })).filter(
          (name) => name.length > 2,
        )
      const before = (await files()).sort()
      const reply = await final(urls, {}, own)
      expect(reply.status).toBe(201)
      expect((await files()).sort()).toEqual(before)
      // The object outlives the uploads that it was made of.
      for (const url of urls) expect((await send(url, 'DELETE', TUS)).status).toBe(204)
      const object = await send(new URL(reply.headers.location ?? '', own.url).href, 'GET')
      expect(object.text).toBe('a'.repeat(1000) + 'b'.repeat(1000))
      expect((await files()).sort()).toEqual(before)
    } finally {
      await own.close()
    }
  })

  test('a partial upload may have no bytes, or tell its length late', async () => {
    const late = await createUpload(server, undefined, PARTIAL)
    expect((await patch(late, 0, 'xyz', { 'Upload-Length': '3' })).status).toBe(204)
    const done = await final([await partial(''), late, await partial('')])
    expect((await send(locationOf(done), 'GET')).text).toBe('xyz')
    const nothing = await final([await partial('')])
    expect((await send(locationOf(nothing), 'GET')).text).toBe('')
  })

  test('the limit of one upload holds for the sum', async () => {
    const own = await startTestServer({ args: ['--max-size', '10b'] })
    try {
      const urls = [await partial('123456', own), await partial('123456', own)]
      expect((await final(urls, {}, own)).status).toBe(413)
    } finally {
      await own.close()
    }
  })

  test('1,000 partial uploads become one object', async () => {
    const urls: string[] = []
    for (let i = 0; i < 1000; i += 50) {
      urls.push(...(await Promise.all(Array.from({ length: 50 }, (_, j) => partial(`${i + j},`)))))
    }
    const reply = await final(urls)
    expect(reply.status).toBe(201)
    const expected = Array.from({ length: 1000 }, (_, i) => `${i},`).join('')
    expect((await send(locationOf(reply), 'GET')).text).toBe(expected)
  })

  test('partial uploads of another owner cannot be joined', async () => {
    const own = await startTestServer({ dev: false })
    try {
      const key = await own.server.tokens.apiKey('service_role')
      const service = { Authorization: `Bearer ${key}` }
      const url = await createUpload(own, 3, { ...PARTIAL, ...service })
      expect((await patch(url, 0, 'abc', service)).status).toBe(204)
      const { SignJWT } = await import('jose')
      const { readFile } = await import('node:fs/promises')
      const secret = Buffer.from((await readFile(join(own.dataDir, 'jwt-secret'), 'utf8')).trim(), 'base64')
      const token = await new SignJWT({ role: 'authenticated', sub: 'someone' })
        .setProtectedHeader({ alg: 'HS256' })
        .setExpirationTime('1h')
        .sign(secret)
      expect((await final([url], { Authorization: `Bearer ${token}` }, own)).status).toBe(403)
      expect((await final([url], service, own)).status).toBe(201)
    } finally {
      await own.close()
    }
  })

  test("tus-js-client's parallelUploads works", async () => {
    const bytes = Buffer.from(Array.from({ length: 3_000_000 }, (_, i) => (i * 17) % 253))
    const url = await new Promise<string>((resolve, reject) => {
      const upload = new Upload(bytes, {
        endpoint: `${server.url}/files/`,
        parallelUploads: 4,
        metadata: { filename: 'parallel.bin' },
        onError: reject,
        onSuccess: () => resolve(upload.url ?? ''),
      })
      upload.start()
    })
    const object = await send(url, 'GET')
    expect(object.bytes.equals(bytes)).toBe(true)
    expect(object.headers['content-disposition']).toContain('parallel.bin')
  })
})
