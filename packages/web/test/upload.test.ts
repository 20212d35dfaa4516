import { utimes, writeFile } from 'node:fs/promises'
import { expect } from 'vitest'
import {
  choose,
  digestOfObject,
  drop,
  finishes,
  mebibyte,
  percentShown,
  reaches,
  row,
  setStage,
  startProxy,
  test,
} from './stage.ts'

const stage = setStage()
const slow = 6 * mebibyte

test('a 30 MiB file dropped on the page comes back with the same sha-256, and nothing complains', {
  timeout: 60_000,
}, async () => {
  const pawl = await stage.serve()
  const tab = await stage.open(pawl.url)
  const file = await stage.file('holiday.mov', 30 * mebibyte)
  await drop(tab, file)
  await finishes(tab.page, file.name)
  expect(await digestOfObject(tab.page, file.name)).toBe(file.digest)
  expect(tab.complaints).toEqual([])
})

test('pause stops the bytes, resume goes on where it was, and progress never goes back', {
  timeout: 60_000,
}, async () => {
  const pawl = await stage.serve()
  const proxy = await startProxy(pawl.url)
  const { page, throttle } = await stage.open(proxy.url)
  const file = await stage.file('pause.bin', 30 * mebibyte)
  await throttle(slow)
  await choose(page, file)
  await reaches(page, file.name, 30)
  await page.getByRole('button', { name: 'Pause pause.bin' }).click()
  await page.getByText('safe on the server').waitFor()
  const shown = await percentShown(page, file.name)
  const counted = proxy.bytes
  await page.waitForTimeout(700)
  expect(proxy.bytes).toBe(counted)
  expect(await percentShown(page, file.name)).toBe(shown)

  await page.getByRole('button', { name: 'Resume pause.bin' }).click()
  const seen: number[] = [shown]
  while ((await page.getByRole('link', { name: file.name }).count()) === 0) {
    const percent = Number.parseInt(
      (await row(page, file.name).locator('.row-percent').allTextContents())[0] ?? '100',
      10,
    )
    seen.push(percent)
    await page.waitForTimeout(60)
  }
  expect(seen).toEqual(seen.toSorted((a, b) => a - b))
  expect(Math.max(...seen)).toBeLessThanOrEqual(100)
  expect(await digestOfObject(page, file.name)).toBe(file.digest)
  expect(proxy.bytes).toBeLessThan(file.size + 2 * mebibyte)
  expect(proxy.requests.POST).toBe(1)
  await proxy.close()
})

test('cancel deletes the upload on the server and takes the row away, also while its creation is on the way', {
  timeout: 60_000,
}, async () => {
  const pawl = await stage.serve()
  const { page, throttle } = await stage.open(pawl.url)
  const file = await stage.file('cancel.bin', 20 * mebibyte)
  await throttle(slow)
  await choose(page, file)
  await reaches(page, file.name, 20)
  const url = await uploadUrl(page)
  const deleted = page.waitForResponse((response) => response.request().method() === 'DELETE')
  await page.getByRole('button', { name: 'Cancel cancel.bin' }).click()
  expect((await deleted).status()).toBe(204)
  await expect.poll(() => row(page, file.name).count()).toBe(0)
  expect([404, 410]).toContain((await head(url)).status)
  expect(await page.evaluate(() => localStorage.length)).toBe(0)

  // The answer to the POST is held back until "cancel" was pressed.
  const release = Promise.withResolvers<void>()
  let created = ''
  await page.route('**/files/', async (route) => {
    const response = await route.fetch()
    created = new URL(response.headers().location ?? '', pawl.url).href
    await release.promise
    await route.fulfill({ response })
  })
  await choose(page, file)
  await expect.poll(() => created).not.toBe('')
  const gone = page.waitForResponse((response) => response.request().method() === 'DELETE')
  await page.getByRole('button', { name: 'Cancel cancel.bin' }).click()
  release.resolve()
  expect((await gone).status()).toBe(204)
  expect([404, 410]).toContain((await head(created)).status)
})

test('of five files three are on their way at once, and all arrive', { timeout: 60_000 }, async () => {
  const pawl = await stage.serve()
  const tab = await stage.open(pawl.url)
  const names = ['a.bin', 'b.bin', 'c.bin', 'd.bin', 'e.bin']
  const files = await Promise.all(names.map((name) => stage.file(name, 4 * mebibyte)))
  await tab.throttle(slow)
  await drop(tab, ...files)
  await expect.poll(() => tab.page.locator('[data-state=active]').count()).toBe(3)
  await expect.poll(() => tab.page.getByText('In line').count()).toBe(2)
  let most = 0
  while ((await tab.page.locator('[data-state=done]').count()) < names.length) {
    most = Math.max(most, await tab.page.locator('[data-state=active]').count())
    await tab.page.waitForTimeout(40)
  }
  expect(most).toBe(3)
  for (const file of files) expect(await digestOfObject(tab.page, file.name)).toBe(file.digest)
  expect(tab.complaints).toEqual([])
})

test('an empty file, and a name that is not Latin, arrive as they are', { timeout: 60_000 }, async () => {
  const pawl = await stage.serve()
  const { page, complaints } = await stage.open(pawl.url)
  const empty = await stage.file('empty.txt', 0)
  const named = await stage.file('Übergrößen – 写真 🙂.bin', 1000)
  await choose(page, empty, named)
  await finishes(page, empty.name)
  await finishes(page, named.name)
  expect(await digestOfObject(page, empty.name)).toBe(empty.digest)
  expect(await digestOfObject(page, named.name)).toBe(named.digest)
  expect(complaints).toEqual([])
})

test('a file that changes on the disk in mid-upload stops with words, and is not sent on', {
  timeout: 60_000,
}, async () => {
  const pawl = await stage.serve()
  const { page, throttle } = await stage.open(pawl.url)
  const file = await stage.file('changing.bin', 20 * mebibyte)
  await throttle(slow)
  await choose(page, file)
  await reaches(page, file.name, 20)
  await page.getByRole('button', { name: 'Pause changing.bin' }).click()
  await writeFile(file.path, Buffer.alloc(file.size, 1))
  await utimes(file.path, new Date(), new Date(Date.now() + 60_000))
  await page.getByRole('button', { name: 'Resume changing.bin' }).click()
  await row(page, file.name).getByText('cannot be read any more').waitFor()
  expect(await page.getByRole('button', { name: 'Retry changing.bin' }).isVisible()).toBe(true)
})

test('when the server refuses, its reason is shown in words, and retry works', {
  timeout: 60_000,
}, async () => {
  const pawl = await stage.serve()
  const { page } = await stage.open(pawl.url)
  const file = await stage.file('refused.bin', 1000)
  await page.route('**/files/', (route) =>
    route.fulfill({ status: 413, headers: { 'Tus-Resumable': '1.0.0' }, body: 'at most 10 bytes' }),
  )
  await choose(page, file)
  await page.getByText('The file is larger than this server takes: at most 10 bytes').first().waitFor()
  await page.unroute('**/files/')
  await page.getByRole('button', { name: 'Retry refused.bin' }).click()
  await finishes(page, file.name)
})

async function uploadUrl(page: import('playwright-core').Page): Promise<string> {
  return page.evaluate(() => {
    const entry: unknown = JSON.parse(localStorage.getItem(localStorage.key(0) ?? '') ?? '{}')
    return String(Reflect.get(Object(entry), 'url'))
  })
}

function head(url: string): Promise<Response> {
  return fetch(url, { method: 'HEAD', headers: { 'Tus-Resumable': '1.0.0' } })
}
