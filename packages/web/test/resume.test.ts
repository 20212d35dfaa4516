import { randomBytes } from 'node:crypto'
import { utimes, writeFile } from 'node:fs/promises'
import type { BrowserContext, Page } from 'playwright-core'
import { expect } from 'vitest'
import {
  choose,
  digestOf,
  digestOfObject,
  drop,
  finishes,
  kept,
  mebibyte,
  nextUpload,
  percentShown,
  reaches,
  row,
  type SourceFile,
  setStage,
  startProxy,
  test,
} from './stage.ts'

const stage = setStage()
/** So slow that a busy machine has time for what a test does meanwhile. */
const slow = mebibyte / 2
const patient = { timeout: 240_000 }

/** Waits until the page has written down that bytes arrived: then a reload cannot lose them. */
async function noted(page: Page): Promise<void> {
  const loaded = () =>
    page.evaluate(async () => {
      const opening = indexedDB.open('pawl-page-files', 1)
      const database = await new Promise<IDBDatabase>((resolve) => {
        opening.onsuccess = () => resolve(opening.result)
      })
      const asking = database.transaction('files').objectStore('files').getAll()
      const all = await new Promise<{ loaded: number }[]>((resolve) => {
        asking.onsuccess = () => resolve(asking.result)
      })
      database.close()
      return Math.max(...all.map((file) => file.loaded))
    })
  await expect.poll(loaded).toBeGreaterThan(0)
}

async function chooseAgain(page: Page, file: SourceFile): Promise<void> {
  const [chooser] = await Promise.all([
    page.waitForEvent('filechooser'),
    page.getByRole('button', { name: `Choose the file ${file.name} again` }).click(),
  ])
  await chooser.setFiles(file.path)
}

test(
  'after a reload everything is listed again, and the same files added again go on where they were',
  patient,
  async () => {
    const pawl = await stage.serve()
    const proxy = await startProxy(pawl.url)
    const tab = await stage.open(proxy.url)
    const { page } = tab
    const names = ['a.bin', 'b.bin', 'c.bin', 'd.bin', 'e.bin', 'f.bin']
    const files = await Promise.all(names.map((name) => stage.file(name, 3 * mebibyte)))
    await tab.throttle(slow)
    await choose(page, ...files)
    await reaches(page, 'a.bin', 40)
    await noted(page)
    await page.reload()
    await page.getByText('6 uploads wait for their files').waitFor()
    expect(await page.locator('.row-name').allTextContents()).toEqual(names)
    expect(await percentShown(page, 'a.bin')).toBeGreaterThan(0)
    await tab.throttle(0)
    await choose(page, ...files.toReversed())
    for (const file of files) await finishes(page, file.name)
    expect(await page.locator('.row').count()).toBe(6)
    for (const file of files) expect(await digestOfObject(page, file.name)).toBe(file.digest)
    expect(proxy.bytes).toBeLessThan(6 * 3 * mebibyte + 6 * mebibyte)
    expect(proxy.requests.POST).toBe(6)
    expect(await kept(page)).toBe(0)
    await proxy.close()
  },
)

test(
  'after a crash of the tab another one lists the upload, and goes on with the file',
  patient,
  async () => {
    const pawl = await stage.serve()
    const proxy = await startProxy(pawl.url)
    const one = await stage.open(proxy.url)
    const file = await stage.file('crash.bin', 8 * mebibyte)
    await one.throttle(slow)
    await choose(one.page, file)
    await reaches(one.page, file.name, 15)
    await noted(one.page)
    const two = await stage.open(proxy.url, { context: one.context })
    // What a living tab sends is nobody else's.
    await two.page.getByText('Drop files').waitFor()
    expect(await row(two.page, file.name).count()).toBe(0)
    void one.cdp.send('Page.crash').catch(() => {})
    // Without a reload: the browser lets go of the lock of the dead tab.
    await row(two.page, file.name).getByText('Choose the file again').waitFor()
    await chooseAgain(two.page, file)
    await finishes(two.page, file.name)
    expect(await digestOfObject(two.page, file.name)).toBe(file.digest)
    expect(proxy.bytes).toBeLessThan(file.size + 3 * mebibyte)
    expect(proxy.requests.POST).toBe(1)
    await proxy.close()
  },
)

test('files that come before the list was read, or twice at a time, begin once', patient, async () => {
  const pawl = await stage.serve()
  const proxy = await startProxy(pawl.url)
  const tab = await stage.open(proxy.url)
  const { page } = tab
  const file = await stage.file('early.bin', 4 * mebibyte)
  await tab.throttle(slow)
  await choose(page, file)
  await reaches(page, file.name, 15)
  await noted(page)
  await tab.context.addInitScript(() => {
    const { query, request } = LockManager.prototype
    const late = () => new Promise((resolve) => setTimeout(resolve, 2000))
    LockManager.prototype.query = async function () {
      await late()
      return query.call(this)
    }
    LockManager.prototype.request = async function (...given: unknown[]) {
      await late()
      return Reflect.apply(request, this, given)
    }
  })
  await page.reload()
  await drop(tab, file)
  await tab.throttle(0)
  await finishes(page, file.name)
  expect(await digestOfObject(page, file.name)).toBe(file.digest)
  const other = await stage.file('twice.bin', mebibyte)
  await choose(page, other)
  await choose(page, other)
  await page.getByText('One file is on the list already').waitFor()
  await finishes(page, other.name)
  expect(await page.locator('.row-name').allTextContents()).toEqual([file.name, other.name])
  expect(proxy.requests.POST).toBe(2)
  await proxy.close()
})

test('with file handles everything goes on by itself after a reload, queued files too', patient, async () => {
  const pawl = await stage.serve()
  const { page, throttle, context } = await stage.open('about:blank', { pickers: true })
  await giveHandles(context)
  await page.goto(pawl.url)
  await throttle(slow)
  const digests = await makeHandles(page, 6, 2 * mebibyte)
  await page.getByRole('button', { name: 'Choose files' }).click()
  await reaches(page, 'own-0.bin', 15)
  await noted(page)
  await page.reload()
  await throttle(0)
  for (const [index, digest] of digests.entries()) {
    await finishes(page, `own-${index}.bin`)
    expect(await row(page, `own-${index}.bin`).locator('code').textContent()).toBe(digest)
  }
})

test('where the browser wants to ask first, one click goes on with all of them', patient, async () => {
  const pawl = await stage.serve()
  const { page, throttle, context } = await stage.open('about:blank', { pickers: true })
  await giveHandles(context)
  await context.addInitScript(wantsToAsk)
  await page.goto(pawl.url)
  await throttle(slow)
  await makeHandles(page, 2, 4 * mebibyte)
  await page.getByRole('button', { name: 'Choose files' }).click()
  await reaches(page, 'own-0.bin', 20)
  await noted(page)
  await page.reload()
  await throttle(0)
  await page.getByRole('button', { name: 'Go on with all 2' }).click()
  for (const index of [0, 1]) await finishes(page, `own-${index}.bin`)
})

test('what was paused stays paused after a reload', patient, async () => {
  const pawl = await stage.serve()
  const { page, throttle, context } = await stage.open('about:blank', { pickers: true })
  await giveHandles(context)
  await page.goto(pawl.url)
  await throttle(slow)
  await makeHandles(page, 1, 8 * mebibyte)
  await page.getByRole('button', { name: 'Choose files' }).click()
  await reaches(page, 'own-0.bin', 20)
  await page.getByRole('button', { name: 'Pause own-0.bin' }).click()
  await noted(page)
  await page.reload()
  await row(page, 'own-0.bin').getByText('Stopped').waitFor()
  await throttle(0)
  await page.getByRole('button', { name: 'Resume own-0.bin' }).click()
  await finishes(page, 'own-0.bin')
})

test(
  'another file is refused, whether its size, its date or only its bytes differ; the right one still goes on',
  patient,
  async () => {
    const pawl = await stage.serve()
    const proxy = await startProxy(pawl.url)
    const { page, throttle } = await stage.open(proxy.url)
    const file = await stage.file('report.pdf', 8 * mebibyte)
    const date = new Date('2024-05-05T12:00:00Z')
    await utimes(file.path, date, date)
    const other = await stage.file('report.pdf', file.size)
    const shorter = await stage.file('report.pdf', 1000)
    const sameDate = await stage.file('report.pdf', file.size)
    await utimes(sameDate.path, date, date)
    await throttle(slow)
    await choose(page, file)
    await reaches(page, file.name, 15)
    await noted(page)
    await page.reload()
    await throttle(0)
    const before = proxy.requests.PATCH
    for (const wrong of [other, shorter, sameDate]) {
      await chooseAgain(page, wrong)
      await row(page, file.name).getByText('That is another file').waitFor()
    }
    expect(proxy.requests.PATCH).toBe(before)
    // Added instead of chosen for this row, another file of the same name is an upload of its own.
    await choose(page, shorter)
    await finishes(page, shorter.name)
    expect(await page.locator('.row').count()).toBe(2)
    await chooseAgain(page, file)
    await expect.poll(() => page.getByText('Verified').count(), { timeout: 240_000 }).toBe(2)
    expect(await page.locator('.row-digest').allTextContents()).toEqual([file.digest, shorter.digest])
    await proxy.close()
  },
)

test('a queued file that never began is compared too', patient, async () => {
  const pawl = await stage.serve()
  const { page, throttle } = await stage.open(pawl.url)
  const names = ['a.bin', 'b.bin', 'c.bin', 'd.bin', 'late.bin']
  const files = await Promise.all(names.map((name) => stage.file(name, 2 * mebibyte)))
  const late = files.at(-1)
  if (late === undefined) throw new Error('there is no last file')
  await throttle(mebibyte / 4)
  await choose(page, ...files)
  await row(page, 'late.bin').getByText('In line').waitFor()
  await page.reload()
  await throttle(0)
  await chooseAgain(page, await stage.file('late.bin', 1000))
  await row(page, 'late.bin').getByText('That is another file').waitFor()
  await chooseAgain(page, late)
  await finishes(page, 'late.bin')
})

test('a server killed in mid-upload and started again is waited for, without a click', patient, async () => {
  const pawl = await stage.serveAlone()
  const { page, throttle } = await stage.open(pawl.url)
  await page.evaluate(countSentBytes)
  const file = await stage.file('kill.bin', 10 * mebibyte)
  await throttle(slow)
  await choose(page, file)
  await reaches(page, file.name, 20)
  await pawl.kill()
  await row(page, file.name).getByText('The server does not answer').waitFor()
  await row(page, file.name).getByText('Next try in').waitFor()
  await pawl.restart()
  await throttle(0)
  await page
    .getByRole('button', { name: 'Try kill.bin now' })
    .click({ timeout: 2000 })
    .catch(() => {})
  await finishes(page, file.name)
  expect(await digestOfObject(page, file.name)).toBe(file.digest)
  const sent = await page.evaluate(() => Number(Reflect.get(window, 'sentBytes')))
  expect(sent).toBeLessThan(file.size + 5 * mebibyte)
})

for (const status of [400, 401, 503]) {
  test(`a ${status} on the resuming HEAD does not make an upload start over`, patient, async () => {
    const pawl = await stage.serve()
    const proxy = await startProxy(pawl.url)
    const { page, throttle } = await stage.open(proxy.url)
    const file = await stage.file('head.bin', 8 * mebibyte)
    await throttle(slow)
    await choose(page, file)
    await reaches(page, file.name, 15)
    await page.getByRole('button', { name: 'Pause head.bin' }).click()
    let answered = 0
    await page.route('**/files/*', async (route) => {
      if (route.request().method() !== 'HEAD') return route.fallback()
      answered += 1
      await route.fulfill({ status, headers: { 'Tus-Resumable': '1.0.0' }, body: '' })
    })
    await page.getByRole('button', { name: 'Resume head.bin' }).click()
    await expect.poll(() => answered).toBeGreaterThan(0)
    if (status === 400) await page.getByRole('button', { name: 'Retry head.bin' }).waitFor()
    if (status === 401) await row(page, file.name).getByText('This server asks for a key').waitFor()
    await throttle(0)
    await page.unroute('**/files/*')
    if (status === 400) await page.getByRole('button', { name: 'Retry head.bin' }).click()
    if (status === 401) {
      await page.getByLabel('Key', { exact: true }).fill('a-key')
      await page.keyboard.press('Enter')
    }
    await finishes(page, file.name)
    expect(await digestOfObject(page, file.name)).toBe(file.digest)
    expect(proxy.requests.POST).toBe(1)
    await proxy.close()
  })
}

test(
  'an upload that the server no longer has is said so, and begins again only when that is wanted',
  patient,
  async () => {
    const pawl = await stage.serve()
    const { page, throttle } = await stage.open(pawl.url)
    const file = await stage.file('gone.bin', 8 * mebibyte)
    await throttle(slow)
    const creating = nextUpload(page)
    await choose(page, file)
    const url = await creating
    await reaches(page, file.name, 15)
    await page.getByRole('button', { name: 'Pause gone.bin' }).click()
    await row(page, file.name).getByText('Paused').waitFor()
    await fetch(url, { method: 'DELETE', headers: { 'Tus-Resumable': '1.0.0' } })
    await page.getByRole('button', { name: 'Resume gone.bin' }).click()
    await row(page, file.name).getByText('The server no longer has the unfinished part').waitFor()
    await throttle(0)
    await page.getByRole('button', { name: 'Retry gone.bin' }).click()
    await finishes(page, file.name)
    expect(await digestOfObject(page, file.name)).toBe(file.digest)
  },
)

test('what had arrived whole before it was cancelled is shown as stored', patient, async () => {
  const pawl = await stage.serve()
  const proxy = await startProxy(pawl.url)
  const { page } = await stage.open(proxy.url)
  const [now, later] = [
    await stage.file('now.bin', 5 * mebibyte),
    await stage.file('later.bin', 5 * mebibyte),
  ]
  // The last byte reaches the server, the answer to it does not reach the page.
  proxy.swallows = (method, end) => method === 'PATCH' && end === now.size
  await choose(page, now, later)
  await expect.poll(() => proxy.swallowed).toBe(2)
  await page.getByRole('button', { name: 'Cancel now.bin' }).click()
  await finishes(page, now.name)
  await page.getByRole('button', { name: 'Pause later.bin' }).click()
  await row(page, later.name).getByText('Paused').waitFor()
  await page.reload()
  await row(page, later.name).getByText('Choose the file again').waitFor()
  await page.getByRole('button', { name: 'Cancel later.bin' }).click()
  await page.getByRole('link', { name: later.name }).waitFor()
  expect(await digestOfObject(page, later.name)).toBe(later.digest)
  expect(await kept(page)).toBe(0)
  await proxy.close()
})

test('offline it waits and says so; online it goes on at once', patient, async () => {
  const pawl = await stage.serve()
  const { page, throttle, cdp } = await stage.open(pawl.url)
  const file = await stage.file('offline.bin', 8 * mebibyte)
  await throttle(slow)
  await choose(page, file)
  await reaches(page, file.name, 15)
  const without = { latency: 0, downloadThroughput: -1, uploadThroughput: -1 }
  await cdp.send('Network.emulateNetworkConditions', { offline: true, ...without })
  await row(page, file.name).getByText('You are offline').waitFor()
  await throttle(0)
  await finishes(page, file.name)
  expect(await digestOfObject(page, file.name)).toBe(file.digest)
})

test('a file that changed while the page was away is not spliced onto what arrived', patient, async () => {
  const pawl = await stage.serve()
  const tab = await stage.open(pawl.url)
  const { page } = tab
  const file = await stage.file('same.bin', 8 * mebibyte)
  await tab.throttle(slow)
  await drop(tab, file)
  await reaches(page, file.name, 15)
  await noted(page)
  await page.reload()
  await tab.throttle(0)
  await row(page, file.name).waitFor()
  const other = randomBytes(file.size)
  await writeFile(file.path, other)
  await choose(page, file)
  await finishes(page, file.name)
  expect(await page.locator('.row-digest').textContent()).toBe(digestOf(other))
})

/** Pickers that give handles on files of the origin's own: like those that people choose, they outlive the page. */
async function giveHandles(context: BrowserContext): Promise<void> {
  await context.addInitScript(() => {
    const list = async () => {
      const root = await navigator.storage.getDirectory()
      const found: FileSystemFileHandle[] = []
      for await (const handle of root.values()) if (handle instanceof FileSystemFileHandle) found.push(handle)
      return found.sort((a, b) => a.name.localeCompare(b.name))
    }
    Object.assign(window, { showOpenFilePicker: list })
  })
}

/** Makes files `own-0.bin` and so on; resolves to their digests. */
function makeHandles(page: Page, count: number, size: number): Promise<string[]> {
  return page.evaluate(
    async ([many = 0, bytesEach = 0]) => {
      const root = await navigator.storage.getDirectory()
      const digests: string[] = []
      for (let index = 0; index < many; index += 1) {
        const handle = await root.getFileHandle(`own-${index}.bin`, { create: true })
        const bytes = new Uint8Array(bytesEach)
        for (let at = 0; at < bytesEach; at += 65_536)
          crypto.getRandomValues(bytes.subarray(at, Math.min(bytesEach, at + 65_536)))
        const out = await handle.createWritable()
        await out.write(bytes)
        await out.close()
        const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))
        digests.push(Array.from(hash, (byte) => byte.toString(16).padStart(2, '0')).join(''))
      }
      return digests
    },
    [count, size],
  )
}

/** Runs in the page: as after a reload, when the browser has not been told to remember. */
function wantsToAsk(): void {
  const granted = new Set<string>()
  Object.assign(FileSystemFileHandle.prototype, {
    async queryPermission(this: FileSystemFileHandle) {
      return granted.has(this.name) ? 'granted' : 'prompt'
    },
    async requestPermission(this: FileSystemFileHandle) {
      granted.add(this.name)
      return 'granted'
    },
  })
}

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
