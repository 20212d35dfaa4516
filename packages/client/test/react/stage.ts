/** A page that is built for the test, a browser, and a tus server that counts what it gets. */
import { createHash, randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'
import { build, type PreviewServer, preview } from 'vite'
import { afterAll, beforeAll } from 'vitest'
import { startTusServer, type TusServer } from '../servers/tus-node-server.ts'

export interface Stage {
  readonly server: TusServer
  /** @param query More of the page's address, such as `list`. */
  open(query?: string, context?: BrowserContext): Promise<Tab>
  file(name: string, size: number): Promise<{ path: string; digest: string }>
}

export interface Tab {
  readonly page: Page
  readonly context: BrowserContext
  /** Console errors and uncaught errors, as they come. */
  readonly complaints: string[]
  /** Bytes a second that go up; 0 lifts the limit. */
  throttle(bytesPerSecond: number): Promise<void>
  shows(label: string, text: string | RegExp): Promise<void>
  number(label: string): Promise<number>
}

const chromiumPath = process.env.PAWL_TEST_CHROMIUM || '/usr/bin/chromium'
/** Tests that need the browser are skipped on a machine without one. */
export const hasChromium = existsSync(chromiumPath)

export function launchChromium(): Promise<Browser> {
  return chromium.launch({
    executablePath: chromiumPath,
    args: ['--headless=new', '--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-sync'],
  })
}

/** To be called once in a test file. */
export function setStage(): Stage {
  let folder = ''
  let browser: Browser | undefined
  let site: PreviewServer | undefined
  let server: TusServer | undefined

  beforeAll(async () => {
    if (!hasChromium) return
    folder = await mkdtemp(join(tmpdir(), 'pawl-react-'))
    server = await startTusServer()
    const outDir = join(folder, 'dist')
    const root = join(import.meta.dirname, 'page')
    // Development's React: only there strict mode takes components away and brings them back.
    const define = { 'process.env.NODE_ENV': '"development"' }
    const shared = { root, configFile: false, logLevel: 'error', build: { outDir, minify: false } } as const
    await build({ ...shared, define, mode: 'development' })
    site = await preview({ ...shared, preview: { port: 0, host: '127.0.0.1' } })
    browser = await launchChromium()
  }, 90_000)
  afterAll(async () => {
    await browser?.close()
    await site?.close()
    await server?.close()
    if (folder !== '') await rm(folder, { recursive: true, force: true })
  }, 60_000)

  return {
    get server() {
      return server ?? fail()
    },
    async open(query = '', given) {
      const context = given ?? (await (browser ?? fail()).newContext())
      const page = await context.newPage()
      const complaints: string[] = []
      page.on('pageerror', (error) => complaints.push(error.message))
      page.on('console', (message) => {
        if (message.type() === 'error') complaints.push(message.text())
      })
      const address = new URL(site?.resolvedUrls?.local[0] ?? fail())
      address.search = `endpoint=${encodeURIComponent(server?.endpoint ?? '')}&${query}`
      await page.goto(address.href)
      const cdp = await context.newCDPSession(page)
      await cdp.send('Network.enable')
      return {
        page,
        context,
        complaints,
        throttle: (limit) =>
          cdp
            .send('Network.emulateNetworkConditions', {
              offline: false,
              latency: 0,
              downloadThroughput: -1,
              uploadThroughput: limit === 0 ? -1 : limit,
            })
            .then(() => {}),
        shows: (label, text) => page.getByLabel(label, { exact: true }).filter({ hasText: text }).waitFor(),
        number: async (label) => Number(await page.getByLabel(label, { exact: true }).textContent()),
      }
    },
    async file(name, size) {
      const bytes = randomBytes(size)
      const path = join(await mkdtemp(join(folder, 'file-')), name)
      await writeFile(path, bytes)
      return { path, digest: digestOf(bytes) }
    },
  }
}

export function digestOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

function fail(): never {
  throw new Error('the stage is not set')
}
