/** A page of another origin in a real browser: it can use all of the storage face, and stored content runs nothing. */
import { existsSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Browser, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ok, type StorageServer, startStorage } from '../../server/src/http/testing/storage.ts'

const chromiumPath = process.env.PAWL_TEST_CHROMIUM || '/usr/bin/chromium'

describe.skipIf(!existsSync(chromiumPath))('in a browser', () => {
  let server: StorageServer
  let elsewhere: Server
  let browser: Browser
  let page: Page

  beforeAll(async () => {
    server = await startStorage({
      policies: [{ action: ['select', 'insert', 'update', 'delete'], bucket: 'web' }],
    })
    await ok(server.admin.createBucket('web', { public: true }))
    elsewhere = createServer((_req, res) => {
      res.setHeader('Content-Type', 'text/html')
      res.end('<!doctype html><title>elsewhere</title>')
    })
    await new Promise<void>((resolve) => elsewhere.listen(0, '127.0.0.1', resolve))
    const flags = ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking']
    browser = await chromium.launch({ executablePath: chromiumPath, args: ['--headless=new', ...flags] })
    page = await browser.newPage()
    // Another port on another name: another origin and another site.
    await page.goto(
      `http://localhost:${(elsewhere.address() as AddressInfo).port}/`.replace('localhost', '127.0.0.1'),
    )
  }, 60_000)
  afterAll(async () => {
    await browser?.close()
    elsewhere?.close()
    await server?.close()
  })

  test('a page of another origin uploads in pieces, lists, signs, reads and removes, and sees errors', async () => {
    const seen = await page.evaluate(
      async ([base = '', token = '']) => {
        const auth = { Authorization: `Bearer ${token}` }
        const tus = { ...auth, 'Tus-Resumable': '1.0.0' }
        const json = { ...auth, 'Content-Type': 'application/json' }
        const metadata = `bucketName ${btoa('web')},objectName ${btoa('page.txt')},contentType ${btoa('text/plain')}`
        const made = await fetch(`${base}/upload/resumable`, {
          method: 'POST',
          headers: { ...tus, 'Upload-Length': '5', 'Upload-Metadata': metadata },
        })
        const url = new URL(made.headers.get('location') ?? '', base)
        const chunk = { ...tus, 'Content-Type': 'application/offset+octet-stream' }
        const first = await fetch(url, {
          method: 'PATCH',
          headers: { ...chunk, 'Upload-Offset': '0' },
          body: 'he',
        })
        const head = await fetch(url, { method: 'HEAD', headers: tus })
        const wrong = await fetch(url, {
          method: 'PATCH',
          headers: { ...chunk, 'Upload-Offset': '0' },
          body: 'x',
        })
        const last = await fetch(url, {
          method: 'PATCH',
          headers: { ...chunk, 'Upload-Offset': '2' },
          body: 'llo',
        })
        const form = new FormData()
        form.append('cacheControl', '3600')
        form.append('', new Blob(['form'], { type: 'text/plain' }))
        const stored = await fetch(`${base}/object/web/form.txt`, {
          method: 'POST',
          headers: auth,
          body: form,
        })
        const list = await fetch(`${base}/object/list/web`, {
          method: 'POST',
          headers: json,
          body: '{"prefix":""}',
        })
        const sign = await fetch(`${base}/object/sign/web/page.txt`, {
          method: 'POST',
          headers: json,
          body: '{"expiresIn":60}',
        })
        const read = await fetch(`${base}${(await sign.json()).signedURL}`)
        const refused = await fetch(`${base}/bucket`, { method: 'POST', headers: json, body: '{"name":"x"}' })
        const removed = await fetch(`${base}/object/web`, {
          method: 'DELETE',
          headers: json,
          body: '{"prefixes":["form.txt"]}',
        })
        return {
          made: [made.status, made.headers.get('upload-offset')],
          first: [first.status, first.headers.get('upload-offset')],
          head: [head.status, head.headers.get('upload-offset')],
          wrong: [wrong.status, wrong.headers.get('upload-offset'), (await wrong.json()).statusCode],
          last: [last.status, last.headers.get('tus-complete'), typeof last.headers.get('etag')],
          stored: [stored.status, (await stored.json()).Key],
          list: (await list.json()).map(({ name }: { name: string }) => name),
          read: [await read.text(), typeof read.headers.get('etag')],
          refused: [refused.status, (await refused.json()).code],
          removed: (await removed.json()).length,
        }
      },
      [server.base, server.anon],
    )
    expect(seen).toEqual({
      made: [201, '0'],
      first: [204, '2'],
      head: [200, '2'],
      wrong: [409, '2', '409'],
      last: [204, '1', 'string'],
      stored: [200, 'web/form.txt'],
      list: ['form.txt', 'page.txt'],
      read: ['hello', 'string'],
      refused: [400, 'AccessDenied'],
      removed: 1,
    })
  })

  test.each([
    ['HTML', 'text/html', '<script>document.title = "ran"; parent.postMessage("ran", "*")</script>'],
    [
      'SVG',
      'image/svg+xml',
      '<svg xmlns="http://www.w3.org/2000/svg" width="7" height="7"><script>parent.postMessage("ran", "*")</script></svg>',
    ],
  ])('%s that was uploaded runs no script, opened or in a frame', async (_, contentType, text) => {
    const key = `run-${contentType.slice(-3)}`
    await ok(server.admin.from('web').upload(key, text, { contentType }))
    const { publicUrl } = server.admin.from('web').getPublicUrl(key).data
    const ran = await page.evaluate(async (url) => {
      let message: unknown
      addEventListener('message', (event) => {
        message = event.data
      })
      const frame = document.createElement('iframe')
      frame.src = url
      document.body.append(frame)
      await new Promise((resolve) => setTimeout(resolve, 1000))
      return message
    }, publicUrl)
    expect(ran).toBeUndefined()
    const tab = await browser.newPage()
    // It is offered for saving: there is no page that it could run in.
    await tab.goto(publicUrl).catch(() => undefined)
    expect(await tab.title()).not.toBe('ran')
    await tab.close()
  })

  test('an SVG shows as an image on a page of another origin', async () => {
    const { publicUrl } = server.admin.from('web').getPublicUrl('run-xml').data
    const width = await page.evaluate(async (url) => {
      const image = new Image()
      image.src = url
      await image.decode()
      return image.naturalWidth
    }, publicUrl)
    expect(width).toBe(7)
  })
})
