import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { expect } from 'vitest'
import {
  choose,
  digestOf,
  digestOfObject,
  dist,
  finishes,
  mebibyte,
  reaches,
  row,
  setStage,
  test,
} from './stage.ts'

const stage = setStage()
/** So slow that a busy machine has time for what a test does meanwhile. */
const slow = mebibyte / 4

test('the page asks nobody but its own server, under a strict content policy, and loads less than 120 kB of script', {
  timeout: 240_000,
}, async () => {
  const pawl = await stage.serve()
  const { page, cdp, complaints } = await stage.open('about:blank')
  const asked = new Set<string>()
  page.on('request', (request) => asked.add(new URL(request.url()).origin))
  const scripts = new Map<string, number>()
  cdp.on('Network.responseReceived', ({ response: { mimeType, url, headers } }) => {
    if (mimeType.includes('javascript')) scripts.set(url, Number(headers['content-length']))
  })
  const response = await page.goto(pawl.url)
  const policy = response?.headers()['content-security-policy'] ?? ''
  for (const rule of ["default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'"]) {
    expect(policy).toContain(rule)
  }
  const file = await stage.file('policy.bin', 3 * mebibyte)
  await choose(page, file)
  await finishes(page, file.name)
  await page.goto(`${pawl.url}/#/server`)
  await page.getByLabel('Key', { exact: true }).fill(/service key\s+(\S+)/.exec(pawl.output)?.[1] ?? '')
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { name: 'Uploads in flight' }).waitFor()
  expect([...asked]).toEqual([new URL(pawl.url).origin])
  expect(complaints).toEqual([])
  // Both views and an upload together, as they went over the wire.
  const script = [...scripts.values()].reduce((sum, size) => sum + size, 0)
  console.log(`the page loads ${script} bytes of script in ${scripts.size} files`)
  expect(scripts.size).toBeGreaterThan(3)
  expect(script).toBeGreaterThan(50_000)
  expect(script).toBeLessThan(120_000)
  const html = await readFile(join(dist, 'index.html'), 'utf8')
  expect(html).not.toMatch(/<style| style=|<script(?![^>]* src=)/)
})

test('at 360 px nothing scrolls sideways, whatever the rows show', { timeout: 240_000 }, async () => {
  const pawl = await stage.serve()
  const { page, throttle } = await stage.open(pawl.url, { width: 360, height: 740 })
  expect(await overflow(page)).toBe(0)
  const done = await stage.file(
    'a-very-long-name-without-any-place-to-break-it-for-a-narrow-screen.tar.gz',
    1000,
  )
  const paused = await stage.file('paused with a rather long name, too.mov', 8 * mebibyte)
  const active = await stage.file('active.bin', 8 * mebibyte)
  await choose(page, done)
  await finishes(page, done.name)
  await throttle(slow)
  await choose(page, paused, active)
  await reaches(page, paused.name, 10)
  await page.getByRole('button', { name: `Pause ${paused.name}` }).click()
  expect(await overflow(page)).toBe(0)
  await page.reload()
  await page.getByText('Choose the file again').first().waitFor()
  expect(await overflow(page)).toBe(0)
})

test('the keyboard alone uploads, pauses, resumes and takes off the list, and the focus is never lost', {
  timeout: 240_000,
}, async () => {
  const pawl = await stage.serve()
  const { page, throttle } = await stage.open(pawl.url)
  const file = await stage.file('keys.bin', 8 * mebibyte)
  await throttle(slow)
  await tabTo(page, 'Choose files')
  const [chooser] = await Promise.all([page.waitForEvent('filechooser'), page.keyboard.press('Enter')])
  await chooser.setFiles(file.path)
  await reaches(page, file.name, 5)
  await tabTo(page, 'Pause keys.bin')
  expect(
    await page.evaluate(() => getComputedStyle(document.activeElement ?? document.body).outlineStyle),
  ).toBe('solid')
  await page.keyboard.press('Space')
  await throttle(0)
  await page.getByText('Paused').waitFor()
  await expect.poll(() => focused(page)).toBe('Resume keys.bin')
  await page.keyboard.press('Enter')
  await finishes(page, file.name)
  await expect.poll(() => focused(page)).toBe('Copy link to keys.bin')
  await tabTo(page, 'Take keys.bin off the list')
  await page.keyboard.press('Enter')
  await expect.poll(() => row(page, file.name).count()).toBe(0)
  await expect.poll(() => focused(page)).toBe('Choose files')
})

test('a screen reader is told names, progress and the end', { timeout: 240_000 }, async () => {
  const pawl = await stage.serve()
  const { page, throttle } = await stage.open(pawl.url)
  const file = await stage.file('heard.bin', 8 * mebibyte)
  await throttle(slow)
  await choose(page, file)
  await reaches(page, file.name, 20)
  const bar = page.getByRole('progressbar', { name: file.name })
  expect(await page.getByRole('progressbar', { name: /^All uploads/ }).count()).toBe(1)
  expect(Number(await bar.getAttribute('value'))).toBeGreaterThanOrEqual(20)
  expect(await bar.getAttribute('max')).toBe('100')
  expect(await page.getByRole('heading', { level: 1, name: 'Pawl' }).count()).toBe(1)
  expect(await page.getByRole('navigation', { name: 'Views' }).count()).toBe(1)
  expect(await page.getByRole('listitem').first().getAttribute('aria-setsize')).toBe('1')
  await throttle(0)
  await finishes(page, file.name)
  await page.getByRole('status').filter({ hasText: 'heard.bin is uploaded.' }).waitFor({ state: 'attached' })
})

test('while bytes move nothing changes its size sixty times a second', { timeout: 240_000 }, async () => {
  const pawl = await stage.serve()
  const { page, throttle } = await stage.open(pawl.url, { motion: true })
  const file = await stage.file('smooth.bin', 8 * mebibyte)
  await throttle(slow)
  await choose(page, file)
  await reaches(page, file.name, 5)
  // Whatever moves during many of its steps; what is drawn by the graphics processor alone costs nothing.
  const moving = await page.evaluate(async () => {
    const seen = new Set<string>()
    for (let step = 0; step < 200; step += 1) {
      for (const animation of document.getAnimations()) {
        seen.add(
          animation instanceof CSSTransition ? animation.transitionProperty : animation.constructor.name,
        )
      }
      await new Promise(requestAnimationFrame)
    }
    return [...seen]
  })
  expect(moving).toContain('transform')
  expect(moving.filter((name) => !/^(transform|opacity|.*color)$/.test(name))).toEqual([])
})

test('a server that asks for a key gets one, which stays in the tab and goes out as a bearer token', {
  timeout: 240_000,
}, async () => {
  const pawl = await stage.serve()
  const { page } = await stage.open(pawl.url)
  const file = await stage.file('key.bin', 1000)
  const seen: (string | undefined)[] = []
  await page.route('**/files/**', async (route) => {
    const given = route.request().headers().authorization
    seen.push(given)
    if (given === 'Bearer good') return route.continue()
    await route.fulfill({
      status: given === undefined ? 401 : 403,
      headers: { 'Tus-Resumable': '1.0.0' },
      body: '',
    })
  })
  await choose(page, file)
  await page.getByText('This server asks for a key').first().waitFor()
  await page.getByLabel('Key', { exact: true }).fill('bad')
  await page.keyboard.press('Enter')
  await page.getByText('This server does not allow that').first().waitFor()
  await page.getByLabel('Key', { exact: true }).fill('  Bearer good \n')
  await page.getByRole('button', { name: 'Use it' }).click()
  await finishes(page, file.name)
  expect(await page.getByLabel('Key', { exact: true }).count()).toBe(0)
  expect([...new Set(seen)]).toEqual([undefined, 'Bearer bad', 'Bearer good'])
  expect(await page.evaluate(() => JSON.stringify(localStorage))).not.toContain('good')
  expect(await page.evaluate(() => JSON.stringify(sessionStorage))).toContain('good')
})

test('a real server without development mode takes the upload with its key, and nothing without', {
  timeout: 240_000,
}, async () => {
  const pawl = await stage.serveAlone()
  const key = /service key\s+(\S+)/.exec(pawl.output)?.[1] ?? ''
  await pawl.terminate()
  await pawl.restart({ PAWL_DEV: 'off' })
  const { page } = await stage.open(pawl.url)
  const file = await stage.file('locked.bin', mebibyte)
  await choose(page, file)
  await row(page, file.name).getByText('This server asks for a key').waitFor()
  await page.getByLabel('Key', { exact: true }).fill(key)
  await page.keyboard.press('Enter')
  await finishes(page, file.name)
  const link = page.getByRole('link', { name: file.name })
  expect((await fetch((await link.getAttribute('href')) ?? '')).status).toBe(401)
  const [download] = await Promise.all([page.waitForEvent('download'), link.click()])
  expect(download.suggestedFilename()).toBe(file.name)
  expect(digestOf(await readFile(await download.path()))).toBe(file.digest)
})

test('the link of a finished upload can be copied', { timeout: 240_000 }, async () => {
  const pawl = await stage.serve()
  const { page, context } = await stage.open(pawl.url)
  await context.grantPermissions(['clipboard-read', 'clipboard-write'])
  const file = await stage.file('link.bin', 1000)
  await choose(page, file)
  await finishes(page, file.name)
  await page.getByRole('button', { name: 'Copy link to link.bin' }).click()
  await row(page, file.name).getByText('Copied').waitFor()
  const link = await page.evaluate(() => navigator.clipboard.readText())
  expect((await fetch(link)).ok).toBe(true)
  expect(await digestOfObject(page, file.name)).toBe(file.digest)
})

/** How far the page is wider than its window. */
function overflow(page: Page): Promise<number> {
  return page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
}

function focused(page: Page): Promise<string> {
  return page.evaluate(() => {
    const { activeElement } = document
    return activeElement?.getAttribute('aria-label') ?? activeElement?.textContent ?? ''
  })
}

async function tabTo(page: Page, name: string): Promise<void> {
  for (let presses = 0; presses < 20; presses++) {
    if ((await focused(page)) === name) return
    await page.keyboard.press('Tab')
  }
  throw new Error(`the Tab key does not reach “${name}”`)
}
