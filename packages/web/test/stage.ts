import { createHash, randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Browser, type BrowserContext, type CDPSession, chromium, type Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, test as plainTest } from 'vitest'
import { buildPage } from '../../../scripts/page.ts'
import { type Pawl, startPawl } from '../../server/test/process.ts'
import { startProxy } from './proxy.ts'

/** Everything a test of the page stands on: the built page, a real server, a real browser, and files on a disk. */
export interface Stage {
  /** A server with the page, one for all tests that leave it as it is; ended with the stage. */
  serve(): Promise<Pawl>
  /** One of its own, to be killed or to be empty. */
  serveAlone(env?: Readonly<Record<string, string>>): Promise<Pawl>
  /** A tab of its own, with its own storage. */
  open(url: string, options?: OpenOptions): Promise<Tab>
  /** A file of random bytes. */
  file(name: string, size: number): Promise<SourceFile>
}

interface OpenOptions {
  readonly width?: number
  readonly height?: number
  readonly colorScheme?: 'light' | 'dark'
  readonly context?: BrowserContext
  /** Moves what moves for users who have nothing against it: for other tests that is only work. */
  readonly motion?: boolean
  /** With the pickers that give handles: nobody can choose for them, so a test brings its own. */
  readonly pickers?: boolean
}

export interface Tab {
  readonly page: Page
  readonly cdp: CDPSession
  readonly context: BrowserContext
  /** Console errors, uncaught errors and violations of the content policy, as they come. */
  readonly complaints: string[]
  /** Limits what goes up, in bytes per second; 0 lifts the limit. */
  throttle(bytesPerSecond: number): Promise<void>
}

export interface SourceFile {
  readonly path: string
  readonly name: string
  readonly size: number
  readonly digest: string
}

const chromiumPath = process.env.PAWL_TEST_CHROMIUM ?? '/usr/bin/chromium'
const hasChromium = existsSync(chromiumPath)

/** A test that needs the browser: skipped on a machine without one. */
export const test = plainTest.skipIf(!hasChromium)

/** Where the first server that starts has built the page. */
export const dist = join(import.meta.dirname, '../dist')

export const mebibyte = 1024 * 1024

/** To be called once in a test file: sets the stage up before its tests and clears it after them. */
export function setStage(): Stage {
  const endings: (() => Promise<unknown>)[] = []
  const contexts: BrowserContext[] = []
  let folder = ''
  let browser: Browser | undefined
  let shared: Promise<Pawl> | undefined

  beforeAll(async () => {
    if (!hasChromium) return
    folder = await mkdtemp(join(tmpdir(), 'pawl-page-'))
    // Here, so that no server is late because it builds the page first.
    await buildPage()
    browser = await chromium.launch({
      executablePath: chromiumPath,
      // In the C locale it cannot open files whose names are not ASCII.
      env: { ...process.env, LANG: 'C.UTF-8' },
      args: [
        '--headless=new',
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
      ],
    })
  }, 240_000)

  // Tabs that nobody looks at any more would go on drawing and asking.
  afterEach(async () => {
    await Promise.all(contexts.splice(0).map((context) => context.close()))
  })
  afterAll(async () => {
    await browser?.close()
    await Promise.all(endings.map((end) => end()))
    if (folder !== '') await rm(folder, { recursive: true, force: true })
  }, 60_000)

  const serveAlone = async (env: Readonly<Record<string, string>> = {}) => {
    // The page is built when the first server starts; the test runner's NODE_ENV must not reach that build.
    const pawl = await startPawl({ page: true, env: { NODE_ENV: 'production', ...env } })
    endings.push(() => pawl.stop())
    return pawl
  }

  return {
    serve() {
      shared ??= serveAlone()
      return shared
    },
    serveAlone,
    async open(url, options = {}) {
      if (browser === undefined) throw new Error('there is no browser')
      const { width = 900, height = 900, colorScheme = 'light', pickers = false, motion = false } = options
      const { context: given } = options
      const reducedMotion = motion ? 'no-preference' : 'reduce'
      const viewport = { width, height }
      const context = given ?? (await browser.newContext({ viewport, colorScheme, reducedMotion }))
      if (given === undefined) contexts.push(context)
      if (given === undefined && !pickers) await context.addInitScript(withoutPickers)
      const page = await context.newPage()
      // A listener of its own turns the system's file dialog off for good, before any key can open it.
      page.on('filechooser', () => {})
      // What is waited for comes by itself; on a busy machine it takes its time.
      page.setDefaultTimeout(90_000)
      const complaints: string[] = []
      page.on('console', (message) => {
        if (message.type() === 'error') complaints.push(message.text())
      })
      page.on('pageerror', (error) => complaints.push(error.message))
      const cdp = await context.newCDPSession(page)
      await cdp.send('Network.enable')
      await page.goto(url)
      return {
        page,
        cdp,
        context,
        complaints,
        async throttle(uploadThroughput) {
          const limit = uploadThroughput === 0 ? -1 : uploadThroughput
          await cdp.send('Network.emulateNetworkConditions', {
            offline: false,
            latency: 0,
            downloadThroughput: -1,
            uploadThroughput: limit,
          })
        },
      }
    },
    async file(name, size) {
      const place = await mkdtemp(join(folder, 'source-'))
      const bytes = randomBytes(size)
      const path = join(place, name)
      await writeFile(path, bytes)
      return { path, name, size, digest: digestOf(bytes) }
    },
  }
}

/** Runs in the page: files are chosen through an input then, as in most browsers. */
function withoutPickers(): void {
  Reflect.deleteProperty(window, 'showOpenFilePicker')
  Reflect.deleteProperty(window, 'showDirectoryPicker')
}

/** A proxy in front of a server that counts what the browser really sends. */
export { startProxy }

export function digestOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** The sha-256 of what the server gives back for the finished row of a file. */
export async function digestOfObject(page: Page, name: string): Promise<string> {
  const address = await page.getByRole('link', { name, exact: true }).getAttribute('href')
  const response = await fetch(new URL(address ?? '', page.url()))
  if (!response.ok) throw new Error(`GET ${address} answers ${response.status}`)
  return digestOf(new Uint8Array(await response.arrayBuffer()))
}

export function row(page: Page, name: string) {
  return page.locator('.row').filter({ hasText: name })
}

/** Chooses files through the page's own button. */
export async function choose(page: Page, ...files: SourceFile[]): Promise<void> {
  const [chooser] = await Promise.all([
    page.waitForEvent('filechooser'),
    page.getByRole('button', { name: /^(Choose|Add) files$/ }).click(),
  ])
  await chooser.setFiles(files.map(({ path }) => path))
}

/** Drops files from the desktop onto the page. */
export async function drop({ page, cdp }: Tab, ...files: SourceFile[]): Promise<void> {
  const data = { items: [], files: files.map(({ path }) => path), dragOperationsMask: 1 }
  const { width, height } = page.viewportSize() ?? { width: 800, height: 600 }
  const where = { x: Math.round(width / 2), y: Math.round(height / 2), data }
  await cdp.send('Input.dispatchDragEvent', { type: 'dragEnter', ...where })
  await cdp.send('Input.dispatchDragEvent', { type: 'dragOver', ...where })
  await cdp.send('Input.dispatchDragEvent', { type: 'drop', ...where })
}

export async function percentShown(page: Page, name: string): Promise<number> {
  const [text] = await row(page, name).locator('.row-percent').allTextContents()
  return Number.parseInt(text ?? '0', 10)
}

/** Waits until a row has come at least so far. */
export async function reaches(page: Page, name: string, percent: number): Promise<void> {
  const deadline = Date.now() + 90_000
  while ((await percentShown(page, name)) < percent) {
    if (Date.now() > deadline) throw new Error(`${name} did not reach ${percent} %`)
    await page.waitForTimeout(50)
  }
}

/** Waits until a file is there, and the page has seen that it is the same. */
export async function finishes(page: Page, name: string, timeout = 120_000): Promise<void> {
  await row(page, name).getByText('Verified').waitFor({ timeout })
}

/** What the page would find after a reload. */
export function kept(page: Page): Promise<number> {
  return page.evaluate(async () => {
    const count = (name: string, table: string) =>
      new Promise<number>((resolve, reject) => {
        const opening = indexedDB.open(name, 1)
        opening.onupgradeneeded = () => opening.result.createObjectStore(table)
        opening.onerror = () => reject(opening.error)
        opening.onsuccess = () => {
          const counting = opening.result.transaction(table).objectStore(table).count()
          counting.onsuccess = () => resolve(counting.result)
          opening.result.close()
        }
      })
    return (await count('pawl-page-files', 'files')) + (await count('pawl-page', 'sessions'))
  })
}

/** Where the next upload is created. */
export async function nextUpload(page: Page): Promise<string> {
  const response = await page.waitForResponse((answer) => answer.request().method() === 'POST')
  return new URL(response.headers().location ?? '', response.url()).href
}

export function head(url: string): Promise<Response> {
  return fetch(url, { method: 'HEAD', headers: { 'Tus-Resumable': '1.0.0' } })
}
