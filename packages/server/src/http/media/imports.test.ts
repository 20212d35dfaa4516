import { createHash } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { MEDIA_BUCKET } from '../../media/media-file.ts'
import { samples } from '../../media/testing/samples.ts'
import { type MediaServer, startMediaServer, type WireFile } from '../testing/media.ts'
import { type Step, source, status } from '../testing/source.ts'

const BYTES = Buffer.from(Array.from({ length: 300_000 }, (_, i) => 97 + ((i * 7) % 26)))
const MD5 = createHash('md5').update(BYTES).digest('hex')
const TAG = '"v1"'

/** Answers whole or from a range, as a good server does. */
const good: Step = (req, res) => {
  const from =
    req.headers['if-range'] === TAG ? Number(/^bytes=(\d+)-$/.exec(req.headers.range ?? '')?.[1] ?? 0) : 0
  const range = from === 0 ? {} : { 'Content-Range': `bytes ${from}-${BYTES.length - 1}/${BYTES.length}` }
  res.writeHead(from === 0 ? 200 : 206, { ETag: TAG, 'Content-Length': BYTES.length - from, ...range })
  res.end(BYTES.subarray(from))
}
/** Sends some bytes of the whole, and breaks the connection once the server has them. */
const breaking =
  (
    sent: number | Buffer,
    headers: Record<string, string> = { ETag: TAG },
    declared: number | null = BYTES.length,
  ): Step =>
  (_req, res) => {
    const bytes = typeof sent === 'number' ? BYTES.subarray(0, sent) : sent
    const off = server.server.events.on('upload.progressed', ({ data }) => {
      if (data.offset === bytes.length) res.destroy()
    })
    res.once('close', off)
    res.writeHead(200, declared === null ? headers : { 'Content-Length': declared, ...headers })
    res.write(bytes)
  }
const cutting: Step = (req) => void req.socket.destroy()

let server: MediaServer
beforeAll(async () => {
  const importLimits = { pauses: [10], fruitless: 3, time: 20_000 }
  server = await startMediaServer({
    args: ['--max-size', '1mb', '--idle-timeout', '1s'],
    file: { importAllow: ['127.0.0.1'] },
    parts: { importLimits },
  })
})
afterAll(async () => {
  await server.close()
})

const begin = async (url: string, wish: object = {}, on = server): Promise<WireFile> =>
  (await on.ask<{ file: WireFile }>('POST', '/files/import', { url, ...wish })).file
const imported = async (url: string, wish: object = {}, on = server): Promise<WireFile> =>
  on.settled((await begin(url, wish, on)).id)

describe('an import', () => {
  test('is PENDING at once and the whole file in the end, with its source', async () => {
    const { url, requests } = await source(good)
    const { file } = await server.ask<{ file: WireFile }>('POST', '/files/import', {
      ...{ url, urlParams: { a: 1 }, urlHeaders: { 'X-Key': 'k' }, labels: ['l'], filePath: '/imported' },
    })
    expect(file).toMatchObject({
      operationStatus: 'PENDING',
      displayName: 'file.txt',
      sourceUrl: `${url}?a=1`,
    })
    const done = await server.settled(file.id)
    expect(done).toMatchObject({
      operationStatus: 'READY',
      hash: MD5,
      sizeInBytes: String(BYTES.length),
      labels: ['l'],
    })
    expect(done.importProgress).toBeUndefined()
    expect(requests[0]).toMatchObject({ 'x-key': 'k', 'accept-encoding': 'identity' })
  })

  test('of the vendor’s module, one or many, says what it can of each', async () => {
    const { url } = await source(good)
    const one = await server.files.importFile(url, { displayName: 'mine.txt', mimeType: 'text/plain' })
    expect(one.file).toMatchObject({ displayName: 'mine.txt', operationStatus: 'PENDING' })
    const many = await server.files.bulkImportFile([
      { url },
      { url: 'ftp://x/y' },
      { url, parentFolderId: 'none' },
    ])
    expect(many.bulkActionMetadata).toEqual({ totalSuccesses: 1, totalFailures: 2, undetailedFailures: 0 })
    expect(many.results?.map(({ itemMetadata }) => itemMetadata?.success)).toEqual([true, false, false])
    await server.settled(many.results?.[0]?.item?._id ?? '')
    await server.settled(one.file?._id ?? '')
  })

  test('finds what a file is in its bytes, and refuses another kind', async () => {
    const jpeg = (await samples())[0]?.bytes ?? Buffer.alloc(0)
    const { url } = await source((_req, res) => res.writeHead(200, { 'Content-Type': 'text/html' }).end(jpeg))
    expect(await imported(url, { mediaType: 'IMAGE' })).toMatchObject({
      operationStatus: 'READY',
      mediaType: 'IMAGE',
    })
    expect((await imported(url, { mediaType: 'VIDEO' })).error?.code).toBe('MISMATCH_MIME_TYPE')
  })

  test('goes on where a source broke off', async () => {
    const { url, requests } = await source([breaking(100_000), cutting, status(503), good])
    const file = await imported(url)
    expect([file.operationStatus, file.hash]).toEqual(['READY', MD5])
    expect(requests.at(-1)).toMatchObject({ range: 'bytes=100000-', 'if-range': TAG })
  })

  test('goes on without a length too', async () => {
    const { url, requests } = await source([breaking(100_000, { ETag: TAG }, null), good])
    expect((await imported(url)).hash).toBe(MD5)
    expect(requests[1]).toMatchObject({ range: 'bytes=100000-' })
  })

  test.each([
    ['has no validator', { 'X-None': '1' }],
    ['was changed a moment ago', { 'Last-Modified': new Date().toUTCString() }],
    ['has a weak one', { ETag: 'W/"v1"' }],
    ['has changed', { ETag: '"v0"' }],
  ])('begins again where the source %s: two versions are never mixed', async (_, headers) => {
    const { url } = await source([
      (_req, res) => {
        res.writeHead(200, { 'Content-Length': BYTES.length, ...headers })
        res.write(Buffer.alloc(50_000, 'z'), () => setTimeout(() => res.destroy(), 20))
      },
      good,
    ])
    expect((await imported(url)).hash).toBe(MD5)
  })

  test.each([
    ['an ETag', { ETag: TAG }, { ETag: '"v2"' }],
    ['no ETag any more', { ETag: TAG }, {}],
    ['a date', { 'Last-Modified': new Date(0).toUTCString() }, { 'Last-Modified': new Date().toUTCString() }],
  ])(
    'begins again where a part of a changed source has %s: If-Range was not looked at',
    async (_, before, now) => {
      const changed: Step = (req, res) => {
        const from = Number(/^bytes=(\d+)-$/.exec(req.headers.range ?? '')?.[1] ?? 0)
        const range =
          from === 0 ? {} : { 'Content-Range': `bytes ${from}-${BYTES.length - 1}/${BYTES.length}` }
        res.writeHead(from === 0 ? 200 : 206, { 'Content-Length': BYTES.length - from, ...range, ...now })
        res.end(BYTES.subarray(from))
      }
      const { url } = await source([breaking(Buffer.alloc(50_000, 'z'), before), changed])
      expect((await imported(url)).hash).toBe(MD5)
    },
  )

  test('takes parts that end early until all of a length that was not told before is there', async () => {
    const inParts: Step = (req, res) => {
      const from = Number(/^bytes=(\d+)-$/.exec(req.headers.range ?? '')?.[1])
      const end = Math.min(from + 120_000, BYTES.length)
      const range = { 'Content-Range': `bytes ${from}-${end - 1}/${BYTES.length}` }
      res.writeHead(206, { ETag: TAG, 'Content-Length': end - from, ...range }).end(BYTES.subarray(from, end))
    }
    const { url } = await source([breaking(100_000, { ETag: TAG }, null), inParts])
    expect((await imported(url)).hash).toBe(MD5)
  })

  test('does not believe a part that begins elsewhere', async () => {
    const elsewhere: Step = (_req, res) =>
      void res.writeHead(206, { 'Content-Range': 'bytes 5-9/10', ETag: TAG }).end('xxxxx')
    const { url } = await source([breaking(1000), elsewhere])
    expect((await imported(url)).error?.code).toBe('IMPORT_FAILED')
  })

  test('shows how far it is while it runs', async () => {
    const { promise, resolve: goOn } = Promise.withResolvers<void>()
    const { url } = await source((_req, res) => {
      res.writeHead(200, { 'Content-Length': BYTES.length })
      res.write(BYTES.subarray(0, 1000))
      void promise.then(() => res.end(BYTES.subarray(1000)))
    })
    const { id } = await begin(url)
    const progress = async () =>
      (await server.ask<{ file: WireFile }>('GET', `/files/get-file-by-id?fileId=${id}`)).file.importProgress
    await expect.poll(progress).toEqual({ receivedBytes: 1000, totalBytes: BYTES.length })
    goOn()
    expect((await server.settled(id)).hash).toBe(MD5)
  })

  test('of a file that is removed meanwhile leaves nothing behind', async () => {
    const { promise, resolve: goOn } = Promise.withResolvers<void>()
    const { url } = await source((_req, res) => {
      res.writeHead(200, { 'Content-Length': 10 })
      res.write('hello')
      void promise.then(() => res.end('world'))
    })
    const { id } = await begin(url)
    await server.files.bulkDeleteFiles([id], { permanent: true })
    goOn()
    const left = () => server.server.uploads && objectsOf(server, id)
    await expect.poll(left).toEqual(404)
  })

  test('of a file that is removed fetches no more', async () => {
    const closed = Promise.withResolvers<void>()
    const { url, requests } = await source((_req, res) => {
      res.writeHead(200, { 'Content-Length': BYTES.length })
      const drip = setInterval(() => res.write('drip'), 50)
      res.once('close', () => {
        clearInterval(drip)
        closed.resolve()
      })
    })
    const progressed = Promise.withResolvers<void>()
    const off = server.server.events.on('upload.progressed', () => progressed.resolve())
    const { id } = await begin(url)
    await progressed.promise
    off()
    const cancelled = Promise.withResolvers<string>()
    const done = server.server.events.on('upload.cancelled', ({ data }) => cancelled.resolve(data.key))
    await server.files.bulkDeleteFiles([id], { permanent: true })
    await closed.promise
    expect(await cancelled.promise).toBe(id)
    done()
    expect(requests).toHaveLength(1)
  })
})

/** What the storage face says of an object of the bucket: 200 or 404. */
async function objectsOf(on: MediaServer, key: string): Promise<number> {
  const headers = { Authorization: `Bearer ${on.service}` }
  const response = await fetch(`${on.url}/storage/v1/object/info/${MEDIA_BUCKET}/${key}`, { headers })
  return response.ok ? 200 : 404
}

describe('a source that', () => {
  test.each([
    ['is not there', status(404), 'RESOURCE_NOT_FOUND'],
    [
      'has no bytes',
      (_req: IncomingMessage, res: ServerResponse) => void res.writeHead(200, { 'Content-Length': 0 }).end(),
      'ZERO_FILE_SIZE',
    ],
    [
      'is too large by its word',
      (_req: IncomingMessage, res: ServerResponse) =>
        void res.writeHead(200, { 'Content-Length': 2_000_000 }).write('x'),
      'FILE_SIZE_OVER_LIMIT',
    ],
    [
      'is too large without a word',
      (_req: IncomingMessage, res: ServerResponse) => void res.writeHead(200).end(Buffer.alloc(2_000_000)),
      'FILE_SIZE_OVER_LIMIT',
    ],
    ['says that it is longer than it is', breaking(1000), 'IMPORT_FAILED'],
    [
      'compresses',
      (_req: IncomingMessage, res: ServerResponse) =>
        void res.writeHead(200, { 'Content-Encoding': 'gzip' }).end('x'),
      'UNSUPPORTED_FILE_FORMAT',
    ],
    ['fails each time', status(500), 'IMPORT_FAILED'],
    ['redirects in a circle', status(302, { Location: '/again' }), 'FORBIDDEN_URL'],
    ['redirects to a file', status(302, { Location: 'file:///etc/passwd' }), 'FORBIDDEN_URL'],
    [
      'switches protocols',
      (req: IncomingMessage) =>
        void req.socket.write(
          'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n',
        ),
      'IMPORT_FAILED',
    ],
    ['speaks no HTTP', (req: IncomingMessage) => void req.socket.end('hello\r\n'), 'IMPORT_FAILED'],
  ])('%s ends as FAILED', async (_, step, code) => {
    const { url } = await source(step)
    const file = await imported(url)
    expect([file.operationStatus, file.error?.code]).toEqual(['FAILED', code])
  })

  test('falls silent is asked again, and given up in the end', async () => {
    const { url, requests } = await source(
      (_req, res) => void res.writeHead(200, { 'Content-Length': 10 }).write('x'),
    )
    expect((await imported(url)).error?.code).toBe('IMPORT_FAILED')
    expect(requests.length).toBeGreaterThan(1)
  }, 30_000)

  test('drips for ever is cut off when the time is over', async () => {
    const hasty = await startMediaServer({
      file: { importAllow: ['127.0.0.1'] },
      parts: { importLimits: { pauses: [10], fruitless: 3, time: 500 } },
    })
    try {
      const { url } = await source((_req, res) => {
        res.writeHead(200)
        const timer = setInterval(() => res.write('x'), 20)
        res.once('close', () => clearInterval(timer))
      })
      expect((await imported(url, {}, hasty)).error?.code).toBe('IMPORT_TIMEOUT')
    } finally {
      await hasty.close()
    }
  })
})
