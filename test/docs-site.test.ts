/** `npm run docs` makes the whole site, every link of which leads somewhere, and it looks right; pictures in `.cache/docs/`. */
import { existsSync, globSync } from 'node:fs'
import { mkdir, readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join } from 'node:path'
import { chromium } from 'playwright-core'
import { beforeAll, expect, test } from 'vitest'
import { root, run } from '../scripts/tool.ts'

const site = join(root, 'build/docs')
const pictures = join(root, '.cache/docs')
const LOOKS = [
  ['light', 'light', 1280, ['index', 'quick-start', 'how-it-works', 'guides/resume', 'reference/routes']],
  ['dark', 'dark', 1280, ['index', 'comparison']],
  ['phone', 'light', 360, ['index', 'settings', 'comparison', 'reference/routes', 'adapters/s3']],
] as const
const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
}
/** How far a page scrolls sideways; a text, because it runs in the page. */
const WIDER = 'document.documentElement.scrollWidth - document.documentElement.clientWidth'
const chromiumPath = process.env.PAWL_TEST_CHROMIUM || '/usr/bin/chromium'

beforeAll(async () => {
  // VitePress fails on a link to a page that does not exist.
  const { code, output } = await run(join(root, 'scripts/docs.ts'), [])
  if (code !== 0) throw new Error(output)
}, 300_000)

test('every page of docs/ is on the site, and so is the reference of every package', () => {
  const pages = globSync('**/*.md', {
    cwd: join(root, 'docs'),
    exclude: ['**/node_modules/**', 'reference/api/**'],
  })
  const missing = pages.filter((page) => !existsSync(join(site, page.replace(/md$/, 'html'))))
  expect(missing).toEqual([])
  expect(globSync('reference/api/**/*.html', { cwd: site }).length).toBeGreaterThan(30)
})

test('every link inside the site leads to a page, and to a heading that is there', async () => {
  const texts = new Map<string, string>()
  for (const page of globSync('**/*.html', { cwd: site }))
    texts.set(page, await readFile(join(site, page), 'utf8'))
  const dead: string[] = []
  for (const [page, text] of texts) {
    for (const [, href = ''] of text.matchAll(/<a[^>]* href="([^"]+)"/g)) {
      if (/^[a-z][a-z\d+.-]*:/i.test(href)) continue
      const to = new URL(href.replaceAll('&amp;', '&'), `http://site/${page}`)
      const path = decodeURIComponent(to.pathname).slice(1)
      const target = path === '' || path.endsWith('/') ? `${path}index.html` : path
      const found = texts.get(target)
      if (found === undefined && !existsSync(join(site, target))) dead.push(`${page}: ${href}`)
      else if (
        to.hash.length > 1 &&
        found !== undefined &&
        !found.includes(`id="${decodeURIComponent(to.hash.slice(1))}"`)
      )
        dead.push(`${page}: ${href} (no such heading)`)
    }
  }
  expect(dead).toEqual([])
})

test.skipIf(!existsSync(chromiumPath))(
  'its pages open without an error, and none scrolls sideways on a phone',
  { timeout: 180_000 },
  async () => {
    await using server = await serve(site)
    await using browser = await chromium.launch({
      executablePath: chromiumPath,
      args: ['--headless=new', '--no-sandbox', '--disable-gpu', '--no-first-run'],
    })
    await mkdir(pictures, { recursive: true })
    const complaints: string[] = []
    for (const [look, colorScheme, width, names] of LOOKS) {
      const page = await browser.newPage({ colorScheme, viewport: { width, height: 800 } })
      page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()))
      page.on('pageerror', (error) => complaints.push(error.message))
      for (const name of names) {
        await page.goto(`${server.url}/${name}.html`)
        const wider = Number(await page.evaluate(WIDER))
        if (wider > 0) complaints.push(`${name} scrolls sideways by ${wider} px, ${look}`)
        await page.screenshot({ path: join(pictures, `${name.replace('/', '-')}-${look}.png`) })
      }
    }
    expect(complaints).toEqual([])
  },
)

/** The files of a folder over HTTP. */
async function serve(folder: string): Promise<AsyncDisposable & { readonly url: string }> {
  const server = createServer(async ({ url = '/' }, response) => {
    const path = join(folder, decodeURIComponent(new URL(url, 'http://site').pathname))
    const bytes = await readFile(path).catch(() => undefined)
    const type = TYPES[extname(path)] ?? 'application/octet-stream'
    response.writeHead(bytes === undefined ? 404 : 200, { 'content-type': type }).end(bytes)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
