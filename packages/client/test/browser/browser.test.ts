/** The client in Chromium: the store in IndexedDB, its HTTP, and workers of every kind. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { tus } from '../../src/adapters/tus/tus.ts'
import type { indexedDbStore } from '../../src/browser.ts'
import type { Files, FilesError, UploadControl } from '../../src/index.ts'
import { hasChromium, launchChromium } from '../react/stage.ts'
import { startDyingLine } from '../servers/dying-line.ts'
import { type PawlServer, startPawl } from '../servers/pawl.ts'
import { type Site, startSite } from './site.ts'

declare const pawl: {
  readonly Files: typeof Files
  readonly FilesError: typeof FilesError
  readonly UploadControl: typeof UploadControl
  readonly tus: typeof tus
  readonly indexedDbStore: typeof indexedDbStore
}

const MIB = 2 ** 20
let server: PawlServer
let site: Site
let browser: Browser
let context: BrowserContext

beforeAll(async () => {
  if (!hasChromium) return
  ;[server, site, browser] = await Promise.all([startPawl(), startSite(), launchChromium()])
}, 90_000)
afterAll(async () => {
  await browser?.close()
  await site?.close()
  await server?.close()
}, 60_000)
beforeEach(async () => {
  context = await browser?.newContext()
})
afterEach(() => context?.close())

/** @param upload Bytes a second that go up. */
async function open(upload?: number): Promise<Page> {
  const page = await context.newPage()
  await page.goto(site.url)
  await page.waitForFunction(() => 'pawl' in globalThis)
  if (upload !== undefined) await throttle(page, upload)
  return page
}

async function throttle(page: Page, uploadThroughput: number): Promise<void> {
  const cdp = await context.newCDPSession(page)
  const conditions = { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput }
  await cdp.send('Network.enable')
  await cdp.send('Network.emulateNetworkConditions', conditions)
}

const read = async (url: string) => new Uint8Array(await (await fetch(url)).arrayBuffer())

describe.skipIf(!hasChromium)('in a browser', () => {
  it('shows progress within a request, over XMLHttpRequest', async () => {
    const page = await open(4 * MIB)
    const kinds = new Set<string>()
    page.on('request', (request) => request.method() === 'PATCH' && kinds.add(request.resourceType()))
    const { url, seen } = await page.evaluate(
      async ({ endpoint, size }) => {
        const files = new pawl.Files({ adapter: pawl.tus({ endpoint }) })
        const seen: [number, number][] = []
        const body = new Blob([new Uint8Array(size).fill(7)])
        const { url = '' } = await files.upload('a.bin', body, {
          multipart: { partSize: size },
          onProgress: ({ loaded, sent }) => seen.push([loaded, sent]),
        })
        return { url, seen }
      },
      { endpoint: server.endpoint, size: 12 * MIB },
    )
    expect([...kinds]).toEqual(['xhr'])
    // Without it the first number would be all of it.
    expect(seen.filter(([loaded, sent]) => loaded === 0 && sent > 0 && sent < 12 * MIB)).not.toEqual([])
    expect(seen.at(-1)).toEqual([12 * MIB, 12 * MIB])
    expect((await read(url)).every((byte) => byte === 7)).toBe(true)
  })

  it('cuts a request at once for an immediate pause, and goes on with what arrived', async () => {
    const [size, arrives] = [6 * MIB, 2 * MIB]
    const line = await startDyingLine(server.endpoint, arrives)
    try {
      const page = await open()
      const before = await page.evaluate(
        async ({ endpoint, size, arrives }) => {
          const control = new pawl.UploadControl()
          const files = new pawl.Files({ adapter: pawl.tus({ endpoint, checksum: false }) })
          const body = new Blob([new Uint8Array(size).fill(7)])
          const done = files.upload('a.bin', body, { control, multipart: { partSize: size } })
          Object.assign(globalThis, { control, done })
          while (control.sent < arrives) await new Promise((resolve) => setTimeout(resolve, 20))
          control.pause({ immediate: true })
          return control.loaded
        },
        { endpoint: new URL('/files/', line.url).href, size, arrives },
      )
      expect(before).toBe(0)
      // The request was cut: it would have waited for its answer forever.
      await line.left
      expect(line.bytes).toBe(arrives)
      line.revive()
      const url = await page.evaluate(async () => {
        const { control, done } = globalThis as unknown as {
          control: UploadControl
          done: Promise<{ url: string }>
        }
        control.resume()
        return (await done).url
      })
      expect((await read(url)).length).toBe(size)
      // Nothing went up twice; the rest is headers.
      expect(line.bytes).toBeLessThan(size + MIB / 16)
    } finally {
      await line.close()
    }
  })

  it('sends the bytes of a file that can be read but not be sent', async () => {
    const page = await open()
    const sent = await page.evaluate(
      async ({ endpoint, size }) => {
        const { slice } = Blob.prototype
        const { send } = XMLHttpRequest.prototype
        const slices = new WeakSet<Blob>()
        Blob.prototype.slice = function (this: Blob, ...ends) {
          const made = slice.apply(this, ends)
          slices.add(made)
          return made
        }
        const sent: boolean[] = []
        XMLHttpRequest.prototype.send = function (this: XMLHttpRequest, body?: Blob) {
          if (body) sent.push(slices.has(body))
          // As Chromium does it for files of Google Drive on Android (net::ERR_UPLOAD_FILE_CHANGED).
          if (body && slices.has(body)) this.dispatchEvent(new ProgressEvent('error'))
          else send.call(this, body)
        }
        const files = new pawl.Files({
          adapter: pawl.tus({ endpoint }),
          retries: { max: 8, backoff: () => 1 },
        })
        const body = new Blob([new Uint8Array(size).fill(7)])
        const { url = '' } = await files.upload('a.bin', body, { control: new pawl.UploadControl() })
        return { url, sent }
      },
      { endpoint: server.endpoint, size: 3 * MIB },
    )
    expect(sent.sent.slice(0, 3)).toEqual([true, true, false])
    expect((await read(sent.url)).length).toBe(3 * MIB)
  })

  it('sends of a body of one’s own what it reads, whatever else it has', async () => {
    const page = await open()
    const url = await page.evaluate(
      async ({ endpoint, size }) => {
        const files = new pawl.Files({ adapter: pawl.tus({ endpoint }) })
        const hidden = {
          size,
          blob: new Blob([new Uint8Array(size).fill(1)]),
          read: async (start: number, end: number) => new Uint8Array(end - start).fill(2),
        }
        const control = new pawl.UploadControl()
        return (await files.upload('a.bin', { open: async () => hidden }, { control })).url ?? ''
      },
      { endpoint: server.endpoint, size: 2 * MIB },
    )
    expect((await read(url)).every((byte) => byte === 2)).toBe(true)
  })

  it('takes an endpoint that is relative to the page', async () => {
    const page = await open()
    const place = await page.evaluate(() => pawl.tus({ endpoint: '/files/' }).place)
    expect(place).toBe(new URL('/files/', site.url).href)
  })

  it('refuses to be led elsewhere by a redirect', async () => {
    const allow = {
      'access-control-allow-origin': '*',
      'access-control-allow-headers': '*',
      'access-control-allow-methods': '*',
      'access-control-expose-headers': '*',
    }
    const elsewhere = createServer((request, response) => {
      const away = request.method === 'POST' && request.url === '/files/'
      response.writeHead(away ? 307 : request.method === 'POST' ? 201 : 204, {
        ...allow,
        location: away ? '/other/' : '/files/1',
      })
      request.resume().on('end', () => response.end())
    })
    await new Promise<void>((resolve) => elsewhere.listen(0, '127.0.0.1', resolve))
    const endpoint = `http://127.0.0.1:${(elsewhere.address() as AddressInfo).port}/files/`
    try {
      const page = await open()
      const failed = await page.evaluate(
        (endpoint) =>
          new pawl.Files({ adapter: pawl.tus({ endpoint }) })
            .upload('a', new Blob(['x']))
            .catch(({ code, message, retryable }) => ({ code, message, retryable })),
        endpoint,
      )
      expect(failed).toMatchObject({ code: 'Provider', retryable: false })
      expect(failed).toMatchObject({ message: expect.stringContaining('redirected') })
    } finally {
      elsewhere.closeAllConnections()
      elsewhere.close()
    }
  })

  it('keeps a session in IndexedDB that another page goes on with, and clears it', async () => {
    const size = 8 * MIB
    const first = await open(2 * MIB)
    const work = ({ endpoint, size }: { endpoint: string; size: number }) => {
      const control = new pawl.UploadControl()
      const loaded: number[] = []
      const files = new pawl.Files({ adapter: pawl.tus({ endpoint }) })
      const body = new File([new Uint8Array(size).fill(7)], 'a.bin', { lastModified: 1 })
      const store = pawl.indexedDbStore()
      const done = files.upload('a.bin', body, {
        resume: store,
        multipart: { partSize: 2 ** 20 },
        onProgress: (progress) => loaded.push(progress.loaded),
      })
      Object.assign(globalThis, { control, loaded })
      return done.then(async ({ url = '' }) => ({ url, loaded, kept: await store.list() }))
    }
    const options = { endpoint: server.endpoint, size }
    first.evaluate(work, options).catch(() => {})
    await first.waitForFunction((enough) => {
      const { loaded = [] } = globalThis as { loaded?: number[] }
      return (loaded.at(-1) ?? 0) >= enough
    }, 3 * MIB)
    await first.close()
    const second = await open()
    const kept = await second.evaluate(() => pawl.indexedDbStore().list())
    expect(kept).toMatchObject([{ token: { key: 'a.bin', body: { size } } }])
    const result = await second.evaluate(work, options)
    expect(result.loaded[0]).toBeGreaterThanOrEqual(2 * MIB)
    expect(result.kept).toEqual([])
    expect((await read(result.url)).length).toBe(size)
  })

  it('reads from IndexedDB what was written, overwrites, deletes, and skips what is no token', async () => {
    const page = await open()
    const seen = await page.evaluate(async () => {
      const store = pawl.indexedDbStore('contract')
      const token = {
        pawl: 1,
        provider: 'tus',
        place: 'https://example.com/files/',
        key: 'a.bin',
        contentType: 'text/plain',
        body: { size: 5, cells: [] },
        plan: { shape: 'offset', lanes: [0] },
        session: { urls: ['https://example.com/files/1'] },
      } as const
      const missing = await store.get('one')
      await store.set('one', token)
      await Promise.all([store.set('two', token), store.set('one', { ...token, key: 'b.bin' })])
      const database = await new Promise<IDBDatabase>((resolve) => {
        const request = indexedDB.open('contract')
        request.onsuccess = () => resolve(request.result)
      })
      database.transaction('sessions', 'readwrite').objectStore('sessions').put({ pawl: 2 }, 'bad')
      database.close()
      const one = await store.get('one')
      const all = (await store.list()).map(({ id, token }) => [id, token.key])
      const bad = await store.get('bad')
      await store.delete('one')
      await store.delete('nothing')
      return { missing, one: one?.key, all, bad, left: (await store.list()).map(({ id }) => id) }
    })
    expect(seen).toEqual({
      one: 'b.bin',
      all: [
        ['one', 'b.bin'],
        ['two', 'a.bin'],
      ],
      left: ['two'],
    })
  })

  it.each(['dedicated', 'shared', 'service'] as const)('loads and uploads in a %s worker', async (kind) => {
    const page = await open()
    const result = await page.evaluate(
      async ({ kind, ...work }) => {
        const answer = Promise.withResolvers<unknown>()
        const receive = ({ data }: MessageEvent) => answer.resolve(data)
        const url = `/${kind}/entry.js`
        if (kind === 'dedicated') {
          const worker = new Worker(url, { type: 'module' })
          worker.onmessage = receive
          worker.onerror = ({ message }) => answer.reject(new Error(message))
          worker.postMessage(work)
        } else if (kind === 'shared') {
          const { port } = new SharedWorker(url, { type: 'module' })
          port.onmessage = receive
          port.postMessage(work)
        } else {
          await navigator.serviceWorker.register(url, { type: 'module', scope: '/' })
          const { active } = await navigator.serviceWorker.ready
          navigator.serviceWorker.onmessage = receive
          active?.postMessage(work)
        }
        return answer.promise
      },
      { kind, endpoint: server.endpoint, size: 2 * MIB },
    )
    expect(result).toMatchObject({ url: expect.any(String), kept: [], xhr: kind !== 'service' })
    const { url, progress } = result as { url: string; progress: number[] }
    expect(progress.at(-1)).toBe(2 * MIB)
    expect((await read(url)).length).toBe(2 * MIB)
  })
})
