import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { setImmediate as turn } from 'node:timers/promises'
import { afterEach, describe, expect, onTestFinished, test } from 'vitest'
import { contentOf, MIB } from '../../test/content.ts'
import { until } from '../../test/until.ts'
import type { SegmentWriter } from '../blobs/blob-store.ts'
import { MemoryStore } from '../blobs/memory/memory-store.ts'
import type { Fetch } from './fetch.ts'
import {
  CHUNK,
  startTestServer,
  type TestServer,
  type TestServerOptions,
  TUS,
} from './testing/test-server.ts'

const ORIGIN = 'http://127.0.0.1:8080'
const content = contentOf('fetch')

const open: TestServer[] = []
async function serve(options?: TestServerOptions): Promise<Fetch> {
  const server = await startTestServer(options)
  open.push(server)
  return server.server.fetch
}
afterEach(async () => {
  for (const server of open.splice(0)) await server.close()
})

/** With a body that is a stream, as a framework hands it on. */
function ask(
  path: string,
  method: string,
  headers: Readonly<Record<string, string>> = {},
  body?: ReadableStream<Uint8Array>,
  signal?: AbortSignal,
): Request {
  const streaming = body === undefined ? {} : { body, duplex: 'half' as const }
  return new Request(`${ORIGIN}${path}`, { method, headers, ...streaming, ...(signal && { signal }) })
}

async function create(fetch: Fetch, length: number, path = '/files/'): Promise<string> {
  const response = await fetch(ask(path, 'POST', { ...TUS, 'Upload-Length': String(length) }))
  expect(response.status).toBe(201)
  return response.headers.get('location') ?? ''
}

const offsetOf = async (fetch: Fetch, path: string): Promise<string | null> =>
  (await fetch(ask(path, 'HEAD', TUS))).headers.get('upload-offset')

/** Gives pieces when it is asked for them, and tells how much that was. */
function counted(total: number, piece = 64 * 1024) {
  const source = { taken: 0, cancelled: false }
  const stream = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        if (source.taken >= total) return controller.close()
        const end = Math.min(total, source.taken + piece)
        controller.enqueue(new Uint8Array(content.bytes(source.taken, end)))
        source.taken = end
      },
      cancel() {
        source.cancelled = true
      },
    },
    { highWaterMark: 0 },
  )
  return { source, stream }
}

/** Until nothing has moved for some turns of the event loop. */
async function settled(value: () => number): Promise<number> {
  let [last, still] = [-1, 0]
  while (still < 200) {
    await turn()
    still = value() === last ? still + 1 : 0
    last = value()
  }
  return last
}

describe('fetch', () => {
  test('takes an upload in pieces and gives the object back, byte for byte', async () => {
    const fetch = await serve()
    const size = 3 * MIB + 17
    const path = await create(fetch, size)
    expect(path).toMatch(/^\/files\//)
    for (const [start, end] of [
      [0, MIB],
      [MIB, size],
    ] as const) {
      const body = new Blob([content.bytes(start, end)]).stream()
      const response = await fetch(ask(path, 'PATCH', { ...CHUNK, 'Upload-Offset': String(start) }, body))
      expect([response.status, response.headers.get('upload-offset')]).toEqual([204, String(end)])
    }
    const head = await fetch(ask(path, 'HEAD'))
    expect([head.status, head.headers.get('content-length'), head.body]).toEqual([200, String(size), null])
    const whole = await fetch(ask(path, 'GET'))
    expect(Buffer.from(await whole.arrayBuffer()).equals(content.bytes(0, size))).toBe(true)
    const range = await fetch(ask(path, 'GET', { range: 'bytes=5-9' }))
    expect([range.status, Buffer.from(await range.arrayBuffer())]).toEqual([206, content.bytes(5, 10)])
  })

  test('serves JSON routes and refuses what is malformed, as on a connection', async () => {
    const fetch = await serve()
    const health = await fetch(ask('/health', 'GET'))
    expect(health.status).toBe(200)
    const wrong = await fetch(ask('/files/', 'POST', { 'Tus-Resumable': '9.9.9' }))
    expect(wrong.status).toBe(412)
    const elsewhere = await fetch(new Request('http://example.org/files/'))
    expect([elsewhere.status, await elsewhere.text()]).toEqual([403, expect.stringContaining('development')])
  })

  test('reads no more of a body than the store takes', async () => {
    const gate = Promise.withResolvers<void>()
    let writing = false
    const wait = (): Promise<void> => {
      writing = true
      return gate.promise
    }
    const fetch = await serve({ parts: { blobs: storeWith(wait) } })
    const size = 24 * MIB
    const path = await create(fetch, size)
    const { source, stream } = counted(size)
    const answered = fetch(ask(path, 'PATCH', { ...CHUNK, 'Upload-Offset': '0' }, stream))
    await until('the store is asked to write', () => writing)
    expect(await settled(() => source.taken)).toBeLessThan(12 * MIB)
    gate.resolve()
    expect((await answered).status).toBe(204)
    expect(source.taken).toBe(size)
  })

  test('reads no more of an object than its reader takes', async () => {
    const blobs = new MemoryStore()
    let read = 0
    const real = blobs.read.bind(blobs)
    blobs.read = (segment, start, end) => {
      const reading = Readable.from(pieces(real(segment, start, end), (bytes) => (read += bytes)))
      return reading
    }
    const fetch = await serve({ parts: { blobs } })
    const size = 16 * MIB
    const path = await create(fetch, size)
    await fetch(ask(path, 'PATCH', { ...CHUNK, 'Upload-Offset': '0' }, counted(size).stream))
    read = 0
    const response = await fetch(ask(path, 'GET'))
    const reader = response.body?.getReader()
    await reader?.read()
    expect(await settled(() => read)).toBeLessThan(8 * MIB)
    await reader?.cancel()
  })

  test('keeps what arrived when the client goes away, in order and without a gap', async () => {
    const fetch = await serve()
    const size = 8 * MIB
    const path = await create(fetch, size)
    const leaving = new AbortController()
    const sent = new ReadableStream<Uint8Array>({
      start: (controller) => controller.enqueue(new Uint8Array(content.bytes(0, 2 * MIB))),
    })
    const answered = fetch(
      ask(
        path,
        'PATCH',
        { ...CHUNK, 'Upload-Offset': '0', 'Content-Length': String(size) },
        sent,
        leaving.signal,
      ),
    )
    await until('its bytes are there', async () => Number(await offsetOf(fetch, path)) > 0)
    leaving.abort()
    expect((await answered).status).toBe(503)
    const offset = Number(await offsetOf(fetch, path))
    expect(offset).toBeGreaterThan(0)
    const rest = new Blob([content.bytes(offset, size)]).stream()
    expect(
      (await fetch(ask(path, 'PATCH', { ...CHUNK, 'Upload-Offset': String(offset) }, rest))).status,
    ).toBe(204)
    const whole = Buffer.from(await (await fetch(ask(path, 'GET'))).arrayBuffer())
    expect(whole.equals(content.bytes(0, size))).toBe(true)
  })

  test.each([
    ['shorter', 4, 9],
    ['longer', 9, 4],
  ])(
    'a body that is %s than it declares is broken, and is nobody else’s request',
    async (_, has, declares) => {
      const fetch = await serve()
      const path = await create(fetch, 100)
      const body = new Blob(['x'.repeat(has)]).stream()
      const headers = { ...CHUNK, 'Upload-Offset': '0', 'Content-Length': String(declares) }
      const response = await fetch(ask(path, 'PATCH', headers, body))
      expect([503, 204]).toContain(response.status)
      expect(Number(await offsetOf(fetch, path))).toBeLessThanOrEqual(Math.min(has, declares))
    },
  )

  test('a body that somebody has read before is refused, and the upload is as it was', async () => {
    const fetch = await serve()
    const path = await create(fetch, 5)
    const request = ask(path, 'PATCH', { ...CHUNK, 'Upload-Offset': '0' }, new Blob(['hello']).stream())
    await request.text()
    const response = await fetch(request)
    expect([response.status, await response.text()]).toEqual([
      500,
      expect.stringContaining('was read before'),
    ])
    expect(await offsetOf(fetch, path)).toBe('0')
  })

  test('a refusal comes before the body, which is then let go', async () => {
    const fetch = await serve()
    const path = await create(fetch, 64 * MIB)
    const { source, stream } = counted(64 * MIB)
    const response = await fetch(ask(path, 'PATCH', { ...CHUNK, 'Upload-Offset': '7' }, stream))
    expect(response.status).toBe(409)
    await response.text()
    await until('the body is let go', () => source.cancelled)
    expect(source.taken).toBeLessThan(4 * MIB)
  })

  test('a transfer that a newer one displaced is told to look again', async () => {
    const fetch = await serve()
    const path = await create(fetch, 10)
    const silent = new ReadableStream<Uint8Array>({
      start: (controller) => controller.enqueue(new TextEncoder().encode('hello')),
    })
    const headers = { ...CHUNK, 'Upload-Offset': '0', 'Content-Length': '10' }
    const first = fetch(ask(path, 'PATCH', headers, silent))
    await until('its bytes are there', async () => (await offsetOf(fetch, path)) === '5')
    const rest = new Blob(['world']).stream()
    const second = await fetch(ask(path, 'PATCH', { ...CHUNK, 'Upload-Offset': '5' }, rest))
    const displaced = await first
    expect([second.status, displaced.status, displaced.headers.get('retry-after')]).toEqual([204, 503, '1'])
    expect(await (await fetch(ask(path, 'GET'))).text()).toBe('helloworld')
  })

  test('an address that is told is the one that rates count', async () => {
    const fetch = await serve({ args: ['--rate', '1'] })
    const look = async (address: string): Promise<number> =>
      (await fetch(ask('/nothing', 'GET'), { address })).status
    const statuses = [await look('192.0.2.1'), await look('192.0.2.1'), await look('192.0.2.2')]
    expect(statuses).toEqual([404, 429, 404])
  })

  test('closing keeps what a transfer brought, and tells those who come later to come again', async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'pawl-fetch-'))
    onTestFinished(() => rm(dataDir, { recursive: true, force: true }))
    const { server } = await startTestServer({ dataDir })
    const { fetch } = server
    const path = await create(fetch, 10)
    const silent = new ReadableStream<Uint8Array>({
      start: (controller) => controller.enqueue(new TextEncoder().encode('hello')),
    })
    const first = fetch(
      ask(path, 'PATCH', { ...CHUNK, 'Upload-Offset': '0', 'Content-Length': '10' }, silent),
    )
    await until('its bytes are there', async () => (await offsetOf(fetch, path)) === '5')
    await server.close()
    expect((await first).status).toBe(503)
    expect((await fetch(ask(path, 'HEAD', TUS))).status).toBe(423)
    expect((await fetch(ask('/files/', 'POST', TUS))).status).toBe(503)
    const again = await startTestServer({ dataDir })
    expect(await offsetOf(again.server.fetch, path)).toBe('5')
    await again.close()
  })
})

describe('mounted below a path', () => {
  test('every path that it tells stands below it, and others are not its own', async () => {
    const fetch = await serve({ parts: { mountPath: '/up' } })
    const path = await create(fetch, 5, '/up/files/')
    expect(path).toMatch(/^\/up\/files\/[0-9a-f]+$/)
    const body = new Blob(['hello']).stream()
    const patched = await fetch(ask(path, 'PATCH', { ...CHUNK, 'Upload-Offset': '0' }, body))
    expect(patched.status).toBe(204)
    expect(await (await fetch(ask(path, 'GET'))).text()).toBe('hello')
    expect((await fetch(ask('/up/health', 'GET'))).status).toBe(200)
    expect((await fetch(ask('/up', 'GET'))).status).toBe(200)
    for (const other of ['/files/', '/upper/files/', '/'])
      expect((await fetch(ask(other, 'GET'))).status).toBe(404)
  })

  test('a path that has the name of a route inside is cut once', async () => {
    const fetch = await serve({ parts: { mountPath: '/files' } })
    const path = await create(fetch, 5, '/files/files/')
    expect(path).toMatch(/^\/files\/files\//)
    expect(await offsetOf(fetch, path)).toBe('0')
    expect(await offsetOf(fetch, path.slice('/files'.length))).toBeNull()
  })

  test.each(['up', '/up/../x', '/a b', '/up?x'])('%s is no path to be mounted at', async (mountPath) => {
    await expect(startTestServer({ parts: { mountPath } })).rejects.toThrow('such as /uploads')
  })
})

/** A store whose writes wait for what `before` gives. */
function storeWith(before: () => Promise<void>): MemoryStore {
  const store = new MemoryStore()
  const openWriter = store.openWriter.bind(store)
  store.openWriter = async (segment): Promise<SegmentWriter> => {
    const writer = await openWriter(segment)
    const write = writer.write.bind(writer)
    writer.write = async (chunks) => {
      await before()
      return write(chunks)
    }
    return writer
  }
  return store
}

async function* pieces(source: Readable, tell: (bytes: number) => void): AsyncGenerator<Buffer> {
  for await (const chunk of source) {
    for (let at = 0; at < chunk.length; at += 64 * 1024) {
      const piece = chunk.subarray(at, at + 64 * 1024)
      tell(piece.length)
      yield piece
    }
  }
}
