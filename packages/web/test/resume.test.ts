import { randomBytes } from 'node:crypto'
import { utimes, writeFile } from 'node:fs/promises'
import { expect } from 'vitest'
import {
  choose,
  digestOf,
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

test('after a reload the upload is listed again, and the same file dropped goes on where it was', {
  timeout: 60_000,
}, async () => {
  const pawl = await stage.serve()
  const proxy = await startProxy(pawl.url)
  const tab = await stage.open(proxy.url)
  const file = await stage.file('reload.bin', 30 * mebibyte)
  await tab.throttle(slow)
  await drop(tab, file)
  await reaches(tab.page, file.name, 40)
  await tab.page.reload()
  await tab.page.getByText('Choose the file again to go on').waitFor()
  await tab.page.getByText('safe on the server').waitFor()
  expect(await percentShown(tab.page, file.name)).toBeGreaterThan(30)
  await drop(tab, file)
  await finishes(tab.page, file.name)
  expect(await tab.page.getByRole('listitem').count()).toBe(1)
  expect(await digestOfObject(tab.page, file.name)).toBe(file.digest)
  expect(proxy.bytes).toBeGreaterThanOrEqual(file.size)
  expect(proxy.bytes).toBeLessThan(file.size + 2 * mebibyte)
  expect(proxy.requests.POST).toBe(1)
  expect(await tab.page.evaluate(() => localStorage.length)).toBe(0)
  await proxy.close()
})

test('another file with the same name is not spliced in: it is a new upload, and the page says so', {
  timeout: 60_000,
}, async () => {
  const pawl = await stage.serve()
  const { page, throttle } = await stage.open(pawl.url)
  const first = await stage.file('report.pdf', 20 * mebibyte)
  const second = await stage.file('report.pdf', 20 * mebibyte)
  await throttle(slow)
  await choose(page, first)
  await reaches(page, first.name, 30)
  await page.reload()
  await page.getByText('Choose the file again to go on').waitFor()
  await throttle(0)
  const [chooser] = await Promise.all([
    page.waitForEvent('filechooser'),
    page.getByRole('button', { name: 'Choose report.pdf again' }).click(),
  ])
  await chooser.setFiles(second.path)
  await page.getByText('is not the file whose upload is unfinished').waitFor()
  await finishes(page, second.name)
  expect(await digestOfObject(page, second.name)).toBe(second.digest)
  // The first one still waits, and its own file still finishes it.
  expect(await page.locator('[data-state=waiting]').count()).toBe(1)
  await page.getByRole('button', { name: 'Take report.pdf off the list' }).click()
  await choose(page, first)
  await finishes(page, first.name)
  expect(await digestOfObject(page, first.name)).toBe(first.digest)
})

test('a server killed in mid-upload and started again is waited for, without a click', {
  timeout: 90_000,
}, async () => {
  const pawl = await stage.serve()
  const { page, throttle } = await stage.open(pawl.url)
  await page.evaluate(countSentBytes)
  const file = await stage.file('kill.bin', 30 * mebibyte)
  await throttle(slow)
  await choose(page, file)
  await reaches(page, file.name, 40)
  await pawl.kill()
  await page.getByText('The server does not answer').waitFor()
  await page.waitForTimeout(2500)
  await pawl.restart()
  await finishes(page, file.name)
  expect(await digestOfObject(page, file.name)).toBe(file.digest)
  const sent = await page.evaluate(() => Number(Reflect.get(window, 'sentBytes')))
  expect(sent).toBeLessThan(file.size + 4 * mebibyte)
})

for (const status of [400, 401, 403, 409, 429, 500, 502, 503]) {
  test(`a ${status} on the resuming HEAD does not make an upload start over`, {
    timeout: 60_000,
  }, async () => {
    const pawl = await stage.serve()
    const proxy = await startProxy(pawl.url)
    const { page, throttle } = await stage.open(proxy.url)
    const file = await stage.file('head.bin', 10 * mebibyte)
    await throttle(slow)
    await choose(page, file)
    await reaches(page, file.name, 30)
    await page.getByRole('button', { name: 'Pause head.bin' }).click()
    await page.getByText('safe on the server').waitFor()
    let answered = 0
    await page.route('**/files/*', async (route) => {
      if (route.request().method() !== 'HEAD') return route.fallback()
      answered += 1
      await route.fulfill({ status, headers: { 'Tus-Resumable': '1.0.0' }, body: '' })
    })
    await page.getByRole('button', { name: 'Resume head.bin' }).click()
    await expect.poll(() => answered).toBeGreaterThan(0)
    await page.waitForTimeout(500)
    await page.unroute('**/files/*')
    if (status === 400) await page.getByRole('button', { name: 'Retry head.bin' }).click()
    if (status === 401 || status === 403) {
      await page.getByLabel('Key', { exact: true }).fill('a-key')
      await page.keyboard.press('Enter')
    }
    await finishes(page, file.name)
    expect(await digestOfObject(page, file.name)).toBe(file.digest)
    expect(proxy.requests.POST).toBe(1)
    expect(proxy.bytes).toBeLessThan(file.size + mebibyte)
    await proxy.close()
  })
}

test('a 404 by something that is not the upload server does not make an upload start over; a real one does', {
  timeout: 60_000,
}, async () => {
  const pawl = await stage.serve()
  const proxy = await startProxy(pawl.url)
  const { page, throttle } = await stage.open(proxy.url)
  const file = await stage.file('gone.bin', 10 * mebibyte)
  await throttle(slow)
  await choose(page, file)
  await reaches(page, file.name, 30)
  proxy.answer = () => 404
  await page.getByRole('button', { name: 'Pause gone.bin' }).click()
  await page.getByRole('button', { name: 'Resume gone.bin' }).click()
  await page.getByText('was not found just now').waitFor()
  proxy.answer = undefined
  await reaches(page, file.name, 60)
  expect(proxy.requests.POST).toBe(1)

  await page.getByRole('button', { name: 'Pause gone.bin' }).click()
  await page.getByText('safe on the server').waitFor()
  const url = await page.evaluate(() =>
    String(Object(JSON.parse(Object.values(localStorage)[0] ?? '{}')).url),
  )
  await fetch(url, { method: 'DELETE', headers: { 'Tus-Resumable': '1.0.0' } })
  await page.getByRole('button', { name: 'Resume gone.bin' }).click()
  await page.getByText('so it begins again').waitFor()
  await finishes(page, file.name)
  expect(await digestOfObject(page, file.name)).toBe(file.digest)
  expect(proxy.requests.POST).toBe(2)
  await proxy.close()
})

test('offline it waits and says so; online it goes on at once', { timeout: 60_000 }, async () => {
  const pawl = await stage.serve()
  const proxy = await startProxy(pawl.url)
  const { page, throttle, cdp } = await stage.open(proxy.url)
  const file = await stage.file('offline.bin', 20 * mebibyte)
  await throttle(slow)
  await choose(page, file)
  await reaches(page, file.name, 30)
  const without = { latency: 0, downloadThroughput: -1, uploadThroughput: -1 }
  await cdp.send('Network.emulateNetworkConditions', { offline: true, ...without })
  await page.getByText('You are offline').waitFor()
  await page.waitForTimeout(3000)
  await throttle(slow)
  await finishes(page, file.name)
  expect(await digestOfObject(page, file.name)).toBe(file.digest)
  expect(proxy.bytes).toBeLessThan(file.size + 2 * mebibyte)
  await proxy.close()
})

test('a file that another tab is sending is neither listed nor sent twice', { timeout: 60_000 }, async () => {
  const pawl = await stage.serve()
  const proxy = await startProxy(pawl.url)
  const one = await stage.open(proxy.url)
  const file = await stage.file('tabs.bin', 20 * mebibyte)
  await one.throttle(slow)
  await choose(one.page, file)
  await reaches(one.page, file.name, 20)
  const two = await stage.open(proxy.url, { context: one.context })
  await choose(two.page, file)
  await two.page.getByText('is being uploaded in another tab').waitFor()
  expect(await row(two.page, file.name).count()).toBe(0)
  await finishes(one.page, file.name)
  expect(await digestOfObject(one.page, file.name)).toBe(file.digest)
  expect(proxy.bytes).toBe(file.size)
  await proxy.close()
})

test('the same name, size and date with other bytes is another file', { timeout: 60_000 }, async () => {
  const pawl = await stage.serve()
  const { page, throttle } = await stage.open(pawl.url)
  const file = await stage.file('same.bin', 10 * mebibyte)
  const date = new Date('2024-05-05T12:00:00Z')
  await utimes(file.path, date, date)
  await throttle(slow)
  await choose(page, file)
  await reaches(page, file.name, 30)
  await page.reload()
  await page.getByText('Choose the file again to go on').waitFor()
  await throttle(0)
  const other = randomBytes(file.size)
  await writeFile(file.path, other)
  await utimes(file.path, date, date)
  await choose(page, file)
  await finishes(page, file.name)
  expect(await digestOfObject(page, file.name)).toBe(digestOf(other))
})

/** Counts what the page hands to the network in bodies; runs in the page. */
function countSentBytes(): void {
  const { send } = XMLHttpRequest.prototype
  Reflect.set(window, 'sentBytes', 0)
  XMLHttpRequest.prototype.send = function (body) {
    let before = 0
    this.upload.addEventListener('progress', ({ loaded }) => {
      Reflect.set(window, 'sentBytes', Number(Reflect.get(window, 'sentBytes')) + loaded - before)
      before = loaded
    })
    send.call(this, body)
  }
}
