import { mkdir, utimes, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { expect } from 'vitest'
import {
  choose,
  digestOfObject,
  drop,
  finishes,
  head,
  kept,
  mebibyte,
  nextUpload,
  percentShown,
  reaches,
  row,
  setStage,
  startProxy,
  test,
} from './stage.ts'

const stage = setStage()
/** So slow that a busy machine has time for what a test does meanwhile. */
const slow = mebibyte / 2
const patient = { timeout: 240_000 }

test(
  'a file dropped on the page comes back with the same sha-256, which the page shows as verified',
  patient,
  async () => {
    const pawl = await stage.serve()
    const tab = await stage.open(pawl.url)
    const file = await stage.file('holiday.mov', 6 * mebibyte)
    await drop(tab, file)
    await finishes(tab.page, file.name)
    expect(await row(tab.page, file.name).locator('code').textContent()).toBe(file.digest)
    expect(await digestOfObject(tab.page, file.name)).toBe(file.digest)
    expect(await kept(tab.page)).toBe(0)
    expect(tab.complaints).toEqual([])
  },
)

test('a folder dropped on the page is uploaded with everything in it, under its paths', patient, async () => {
  const pawl = await stage.serve()
  const tab = await stage.open(pawl.url)
  const near = await stage.file('near.txt', 100)
  const folder = join(dirname(near.path), 'trip')
  await mkdir(join(folder, 'day 2'), { recursive: true })
  await writeFile(join(folder, 'map.txt'), 'a map')
  await writeFile(join(folder, 'day 2', 'photo.jpg'), 'a photo')
  await drop(tab, { ...near, path: folder }, near)
  for (const name of ['near.txt', 'map.txt', 'photo.jpg']) await finishes(tab.page, name)
  expect(await row(tab.page, 'photo.jpg').locator('.row-folder').textContent()).toBe('trip/day 2')
  expect(await tab.page.locator('.row').count()).toBe(3)
  expect(tab.complaints).toEqual([])
})

test('of a dropped folder is uploaded what can be read, and the rest named', patient, async () => {
  const pawl = await stage.serve()
  const tab = await stage.open(pawl.url)
  const near = await stage.file('beside.txt', 100)
  const folder = join(dirname(near.path), 'mixed')
  await mkdir(join(folder, 'closed'), { recursive: true })
  for (const path of ['closed/a.txt', 'open.txt']) await writeFile(join(folder, path), path)
  // Root, as which tests may run, can read every folder.
  await tab.page.evaluate(() => {
    const { values } = FileSystemDirectoryHandle.prototype
    FileSystemDirectoryHandle.prototype.values = function () {
      if (this.name === 'closed') throw new DOMException('no permission', 'NotReadableError')
      return values.call(this)
    }
  })
  await drop(tab, { ...near, path: folder }, near)
  for (const name of ['beside.txt', 'open.txt']) await finishes(tab.page, name)
  await tab.page.getByText('“mixed/closed/” cannot be read.').waitFor()
  expect(await tab.page.locator('.row').count()).toBe(2)
})

test(
  'pause stops the bytes, resume goes on where it was, and progress never goes back',
  patient,
  async () => {
    const pawl = await stage.serve()
    const proxy = await startProxy(pawl.url)
    const { page, throttle } = await stage.open(proxy.url)
    const file = await stage.file('pause.bin', 10 * mebibyte)
    await throttle(slow)
    await choose(page, file)
    await reaches(page, file.name, 30)
    await page.getByRole('button', { name: 'Pause pause.bin' }).click()
    await row(page, file.name).getByText('Paused').waitFor()
    // What was cut arrives at the proxy as the end of its request.
    let counted = -1
    await expect
      .poll(
        () => {
          const same = counted === proxy.bytes
          counted = proxy.bytes
          return same
        },
        { interval: 500 },
      )
      .toBe(true)
    const shown = await percentShown(page, file.name)
    expect(shown).toBeLessThan(100)
    await throttle(0)
    await page.getByRole('button', { name: 'Resume pause.bin' }).click()
    const seen: number[] = [shown]
    while ((await page.getByRole('link', { name: file.name }).count()) === 0) {
      seen.push(Math.max(seen.at(-1) ?? 0, await percentShown(page, file.name)))
      const now = await percentShown(page, file.name)
      if (now > 0) expect(now).toBeGreaterThanOrEqual(shown)
      await page.waitForTimeout(60)
    }
    await finishes(page, file.name)
    expect(await digestOfObject(page, file.name)).toBe(file.digest)
    expect(proxy.bytes).toBeLessThan(file.size + 3 * mebibyte)
    expect(proxy.requests.POST).toBe(1)
    await proxy.close()
  },
)

test(
  'cancel deletes the upload on the server and takes the row away, also while its creation is on the way',
  patient,
  async () => {
    const pawl = await stage.serve()
    const { page, throttle } = await stage.open(pawl.url)
    const file = await stage.file('cancel.bin', 8 * mebibyte)
    await throttle(slow)
    const creating = nextUpload(page)
    await choose(page, file)
    const url = await creating
    await reaches(page, file.name, 20)
    await page.getByRole('button', { name: 'Cancel cancel.bin' }).click()
    await expect.poll(() => row(page, file.name).count()).toBe(0)
    expect([404, 410]).toContain((await head(url)).status)
    expect(await kept(page)).toBe(0)

    // The answer to the POST is held back until "cancel" was pressed.
    const release = Promise.withResolvers<void>()
    let created = ''
    await page.route('**/files/', async (route) => {
      if (route.request().method() !== 'POST') return route.continue()
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
  },
)

test(
  'of six files four are on their way at once, all can be paused and resumed together, and all arrive',
  patient,
  async () => {
    const pawl = await stage.serve()
    const tab = await stage.open(pawl.url)
    const { page } = tab
    const names = ['a.bin', 'b.bin', 'c.bin', 'd.bin', 'e.bin', 'f.bin']
    const files = await Promise.all(names.map((name) => stage.file(name, 3 * mebibyte)))
    await tab.throttle(slow)
    await drop(tab, ...files)
    await expect.poll(() => page.locator('[data-state=uploading]').count()).toBe(4)
    await expect.poll(() => page.locator('[data-state=queued]').count()).toBe(2)
    await page.getByRole('button', { name: 'Pause all' }).click()
    await expect.poll(() => page.locator('[data-state=paused]').count()).toBeGreaterThan(1)
    expect(await page.locator('[data-state=uploading]').count()).toBe(0)
    await tab.throttle(0)
    await page.getByRole('button', { name: 'Resume all' }).click()
    let most = 0
    while ((await page.locator('[data-state=completed]').count()) < names.length) {
      most = Math.max(most, await page.locator('[data-state=uploading]').count())
      await page.waitForTimeout(40)
    }
    expect(most).toBeLessThanOrEqual(4)
    for (const file of files) expect(await digestOfObject(page, file.name)).toBe(file.digest)
    await page.getByText('All uploaded').waitFor()
    await page.getByRole('button', { name: 'Clear finished' }).click()
    await expect.poll(() => page.locator('.row').count()).toBe(0)
    expect(tab.complaints).toEqual([])
  },
)

test('the switch for a slow network slows what is under way, and lets go of it again', patient, async () => {
  const pawl = await stage.serve()
  const { page } = await stage.open(pawl.url)
  const file = await stage.file('slow.bin', 8 * mebibyte)
  const first = await stage.file('first.bin', 10)
  await choose(page, first)
  await finishes(page, first.name)
  await page.getByText('Slow network').click()
  const began = Date.now()
  await choose(page, file)
  await reaches(page, file.name, 5)
  // 1 MB a second, and not more: it cannot have been quicker, however busy the machine is.
  expect(Date.now() - began).toBeGreaterThan(500)
  expect(await percentShown(page, file.name)).toBeLessThan(50)
  await page.getByText('Slow network').click()
  await finishes(page, file.name)
  expect(await digestOfObject(page, file.name)).toBe(file.digest)
})

test('an empty file, and a name that is not Latin, arrive as they are', patient, async () => {
  const pawl = await stage.serve()
  const { page, complaints } = await stage.open(pawl.url)
  const empty = await stage.file('empty.txt', 0)
  const named = await stage.file('Übergrößen – 写真 🙂.bin', 1000)
  await choose(page, empty, named)
  for (const file of [empty, named]) {
    await finishes(page, file.name)
    expect(await digestOfObject(page, file.name)).toBe(file.digest)
  }
  expect(complaints).toEqual([])
})

test(
  'a file that changes on the disk in mid-upload stops with words, and is not sent on',
  patient,
  async () => {
    const pawl = await stage.serve()
    const { page, throttle } = await stage.open(pawl.url)
    const file = await stage.file('changing.bin', 8 * mebibyte)
    await throttle(slow)
    await choose(page, file)
    await reaches(page, file.name, 20)
    await page.getByRole('button', { name: 'Pause changing.bin' }).click()
    await writeFile(file.path, Buffer.alloc(file.size, 1))
    await utimes(file.path, new Date(), new Date(Date.now() + 60_000))
    await page.getByRole('button', { name: 'Resume changing.bin' }).click()
    await row(page, file.name).getByText('cannot be read any more').waitFor()
    expect(await page.getByRole('button', { name: 'Choose the file changing.bin again' }).isVisible()).toBe(
      true,
    )
  },
)

test('when the server refuses, its reason is shown in words, and retry works', patient, async () => {
  const pawl = await stage.serve()
  const { page } = await stage.open(pawl.url)
  const file = await stage.file('refused.bin', 1000)
  await page.route('**/files', (route) => refuse(route))
  await page.route('**/files/', (route) => refuse(route))
  await choose(page, file)
  await row(page, file.name).getByText('The file is larger than this server takes').waitFor()
  await page.getByText('1 failed').waitFor()
  await page.unrouteAll()
  await page.getByRole('button', { name: 'Retry refused.bin' }).click()
  await finishes(page, file.name)
})

test('bytes that are not those of the file are said so, loudly', patient, async () => {
  const pawl = await stage.serve()
  const { page } = await stage.open(pawl.url)
  const file = await stage.file('wrong.bin', 1000)
  const other = `sha-256=:${Buffer.alloc(32).toString('base64')}:`
  await page.route('**/files/**', async (route) => {
    const response = await route.fetch()
    await route.fulfill({ response, headers: { ...response.headers(), 'repr-digest': other } })
  })
  await choose(page, file)
  await row(page, file.name).getByText('The server holds other bytes than this file').waitFor()
  expect(await row(page, file.name).getByText('Verified').count()).toBe(0)
})

function refuse(route: import('playwright-core').Route): Promise<void> {
  if (route.request().method() !== 'POST') return route.continue()
  return route.fulfill({ status: 413, headers: { 'Tus-Resumable': '1.0.0' }, body: 'at most 10 bytes' })
}
