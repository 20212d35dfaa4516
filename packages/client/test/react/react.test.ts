import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { expect, test as plainTest } from 'vitest'
import { digestOf, hasChromium, setStage, type Tab } from './stage.ts'

const stage = setStage()
const test = plainTest.skipIf(!hasChromium)
const SIZE = 6 * 1024 * 1024
const SLOW = 1024 * 1024
const options = { timeout: 60_000 }

async function digestStored({ page }: Tab): Promise<string> {
  const url = (await page.getByRole('link', { name: 'stored' }).getAttribute('href')) ?? ''
  return digestOf((await stage.server.read(url)) ?? new Uint8Array())
}

/** Waits until so many bytes are acknowledged. */
async function reaches(tab: Tab, bytes: number): Promise<void> {
  const deadline = Date.now() + 20_000
  while ((await tab.number('loaded')) < bytes) {
    if (Date.now() > deadline) throw new Error(`it did not reach ${bytes}`)
    await tab.page.waitForTimeout(50)
  }
}

/** How many uploads were made at the server. */
function creations(): number {
  return stage.server.requests.filter((request) => request.startsWith('POST')).length
}

test('uploads, pauses and resumes', options, async () => {
  const tab = await stage.open()
  const { path, digest } = await stage.file('a.bin', SIZE)
  await tab.shows('status', 'idle')
  await tab.throttle(SLOW)
  await tab.page.getByLabel('file', { exact: true }).setInputFiles(path)
  await reaches(tab, 512 * 1024)
  await tab.page.getByRole('button', { name: 'pause' }).click()
  await tab.shows('status', 'paused')
  await tab.page.waitForTimeout(1500)
  const still = await tab.number('loaded')
  await tab.page.waitForTimeout(1000)
  expect(await tab.number('loaded')).toBe(still)
  expect(still).toBeLessThan(SIZE)
  await tab.throttle(0)
  await tab.page.getByRole('button', { name: 'resume' }).click()
  await tab.shows('status', 'completed')
  expect(await digestStored(tab)).toBe(digest)
  await tab.page.getByRole('button', { name: 'reset' }).click()
  await tab.shows('status', 'idle')
  expect(tab.complaints).toEqual([])
})

test('after a reload the file is picked again, and another file is refused', options, async () => {
  const tab = await stage.open()
  const { path, digest } = await stage.file('b.bin', SIZE)
  const wrong = await stage.file('b.bin', SIZE)
  const before = creations()
  await tab.throttle(SLOW)
  await tab.page.getByLabel('file', { exact: true }).setInputFiles(path)
  await reaches(tab, 1024 * 1024)
  await tab.page.waitForTimeout(1200)
  await tab.page.reload()
  await tab.shows('status', 'interrupted')
  await tab.shows('needs', 'file')
  expect(await tab.number('loaded')).toBeGreaterThan(512 * 1024)
  await tab.throttle(0)
  const requests = stage.server.requests.length
  await tab.page.getByLabel('again').setInputFiles(wrong.path)
  await tab.shows('error', 'BodyChanged')
  await tab.page.getByLabel('again').setInputFiles((await stage.file('b.bin', 1000)).path)
  await tab.page.waitForTimeout(500)
  await tab.shows('error', 'BodyChanged')
  expect(stage.server.requests.slice(requests).filter((request) => request.startsWith('PATCH'))).toEqual([])
  await tab.page.getByLabel('again').setInputFiles(path)
  await tab.shows('status', 'completed')
  expect(await digestStored(tab)).toBe(digest)
  expect(creations() - before).toBe(1)
  await tab.page.reload()
  await tab.shows('status', 'idle')
})

test('after a reload a file handle goes on by itself, without the file picked again', options, async () => {
  const tab = await stage.open()
  await tab.throttle(SLOW)
  const digest = await tab.page.evaluate(async (size) => {
    // A file of the origin's own: its handles are the ones that pages get from the file picker.
    const root = await navigator.storage.getDirectory()
    const handle = await root.getFileHandle('c.bin', { create: true })
    const bytes = new Uint8Array(size)
    for (let at = 0; at < size; at += 65_536) crypto.getRandomValues(bytes.subarray(at, at + 65_536))
    const out = await handle.createWritable()
    await out.write(bytes)
    await out.close()
    Object.assign(window, { showOpenFilePicker: async () => [handle] })
    const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))
    return Array.from(hash, (byte) => byte.toString(16).padStart(2, '0')).join('')
  }, SIZE)
  await tab.page.getByRole('button', { name: 'pick' }).click()
  await reaches(tab, 1024 * 1024)
  await tab.page.waitForTimeout(1200)
  await tab.page.reload()
  await tab.shows('status', 'interrupted')
  await tab.shows('needs', 'nothing')
  await tab.throttle(0)
  await tab.page.getByRole('button', { name: 'resume' }).click()
  await tab.shows('status', 'completed')
  expect(await digestStored(tab)).toBe(digest)
})

test('a component that goes away cuts its upload, and the next one goes on', options, async () => {
  const tab = await stage.open()
  const { path, digest } = await stage.file('d.bin', SIZE)
  await tab.throttle(SLOW)
  await tab.page.getByLabel('file', { exact: true }).setInputFiles(path)
  await reaches(tab, 1024 * 1024)
  await tab.page.getByRole('button', { name: 'toggle' }).click()
  await tab.page.waitForTimeout(1500)
  const patches = stage.server.requests.length
  await tab.page.waitForTimeout(1000)
  expect(stage.server.requests.length).toBe(patches)
  await tab.page.getByRole('button', { name: 'toggle' }).click()
  await tab.shows('status', 'interrupted')
  await tab.throttle(0)
  await tab.page.getByLabel('again').setInputFiles(path)
  await tab.shows('status', 'completed')
  expect(await digestStored(tab)).toBe(digest)
  expect(tab.complaints).toEqual([])
})

test('abort removes the upload from the server, also after a reload without the file', options, async () => {
  const tab = await stage.open()
  const before = await stage.server.unfinished()
  for (const reload of [false, true]) {
    await tab.throttle(SLOW)
    await tab.page.getByLabel('file', { exact: true }).setInputFiles((await stage.file('e.bin', SIZE)).path)
    await reaches(tab, 512 * 1024)
    expect(await stage.server.unfinished()).toBe(before + 1)
    if (reload) {
      await tab.page.waitForTimeout(1200)
      await tab.page.reload()
      await tab.shows('status', 'interrupted')
    }
    await tab.page.getByRole('button', { name: 'abort' }).click()
    await tab.shows('status', 'aborted')
    expect(await stage.server.unfinished()).toBe(before)
    await tab.page.reload()
    await tab.shows('status', 'idle')
  }
})

test(
  'a tab that dies between two writes leaves an upload that goes on and can be given up',
  options,
  async () => {
    /** What a tab had written when it died as it was about to write that there is a token. */
    const dies = async (tab: Tab) => {
      await tab.page.waitForTimeout(1200)
      await tab.page.reload()
      await tab.shows('status', 'interrupted')
      await tab.page.evaluate(forgetBeginning)
      await tab.page.reload()
      await tab.shows('status', 'interrupted')
    }
    const tab = await stage.open()
    const before = await stage.server.unfinished()
    const { path, digest } = await stage.file('two writes.bin', SIZE)
    const input = tab.page.getByLabel('file', { exact: true })
    await tab.throttle(SLOW)
    await input.setInputFiles(path)
    await reaches(tab, 512 * 1024)
    await dies(tab)
    const begun = creations()
    await tab.throttle(0)
    await tab.page.getByLabel('again').setInputFiles(path)
    await tab.shows('status', 'completed')
    expect([creations(), await digestStored(tab)]).toEqual([begun, digest])
    await tab.page.getByRole('button', { name: 'reset' }).click()
    await tab.shows('status', 'idle')

    await tab.throttle(SLOW)
    await input.setInputFiles(path)
    await reaches(tab, 512 * 1024)
    expect(await stage.server.unfinished()).toBe(before + 1)
    await dies(tab)
    await tab.page.getByRole('button', { name: 'abort' }).click()
    await tab.shows('status', 'aborted')
    expect(await stage.server.unfinished()).toBe(before)
    expect(await tab.page.evaluate(tokensLeft)).toBe(0)
  },
)

/** Runs in the page. */
async function forgetBeginning(): Promise<void> {
  const opening = indexedDB.open('one-files', 1)
  await new Promise((resolve) => opening.addEventListener('success', resolve))
  const transaction = opening.result.transaction('files', 'readwrite')
  const reading = transaction.objectStore('files').getAll()
  reading.onsuccess = () => {
    for (const { begun: _, ...file } of reading.result)
      transaction.objectStore('files').put({ ...file, loaded: 0 })
  }
  await new Promise((resolve) => transaction.addEventListener('complete', resolve))
  opening.result.close()
}

/** Runs in the page. */
async function tokensLeft(): Promise<number> {
  const opening = indexedDB.open('one', 1)
  await new Promise((resolve) => opening.addEventListener('success', resolve))
  const counting = opening.result.transaction('sessions').objectStore('sessions').count()
  await new Promise((resolve) => counting.addEventListener('success', resolve))
  opening.result.close()
  return counting.result
}

test('several files at once, and another tab does not take what this one sends', options, async () => {
  const tab = await stage.open('list')
  const one = await stage.file('one.bin', SIZE)
  const two = await stage.file('two.bin', 100)
  await tab.throttle(SLOW)
  await tab.page.getByLabel('file', { exact: true }).setInputFiles([one.path, two.path])
  await tab.page.getByText('2 uploads').waitFor()
  const row = tab.page.getByRole('listitem').filter({ hasText: 'two.bin' })
  await row.getByText('completed').waitFor()
  await tab.page.waitForTimeout(1500)
  const other = await stage.open('list', tab.context)
  await other.page.getByText('0 uploads').waitFor()
  await tab.throttle(0)
  await tab.page.getByRole('listitem').filter({ hasText: 'one.bin' }).getByText('completed').waitFor()
  expect(tab.complaints).toEqual([])
})

test(
  'as many send as may, and one that waits survives a reload: another file is refused, its own goes on',
  options,
  async () => {
    const tab = await stage.open('list&concurrency=1')
    const one = await stage.file('first.bin', SIZE)
    const two = await stage.file('second.bin', 1000)
    const shown = (name: string) => tab.page.getByRole('listitem').filter({ hasText: name })
    await tab.throttle(SLOW)
    await tab.page.getByLabel('file', { exact: true }).setInputFiles([one.path, two.path])
    await shown('first.bin').getByText('uploading').waitFor()
    await shown('second.bin').getByText('queued').waitFor()
    await tab.page.reload()
    await shown('second.bin').getByText('interrupted').waitFor()
    expect(await tab.page.getByRole('listitem').count()).toBe(2)
    await tab.throttle(0)
    await tab.page.getByLabel('again second.bin').setInputFiles((await stage.file('second.bin', 999)).path)
    await shown('second.bin').getByText('BodyChanged').waitFor()
    await tab.page.getByLabel('again second.bin').setInputFiles(two.path)
    await shown('second.bin').getByText('completed').waitFor()
    await tab.page.getByLabel('again first.bin').setInputFiles(one.path)
    await shown('first.bin').getByText('completed').waitFor()
    expect(tab.complaints).toEqual([])
  },
)

test('a refusal is told, and tried again on request', options, async () => {
  const tab = await stage.open()
  const { path, digest } = await stage.file('f.bin', 1000)
  let refuse = true
  await tab.page.route('**/files', (route) =>
    refuse && route.request().method() === 'POST' ? route.fulfill({ status: 413 }) : route.continue(),
  )
  await tab.page.getByLabel('file', { exact: true }).setInputFiles(path)
  await tab.shows('status', 'error')
  refuse = false
  await tab.page.getByRole('button', { name: 'resume' }).click()
  await tab.shows('status', 'completed')
  expect(await digestStored(tab)).toBe(digest)
  await writeFile(path, randomBytes(1000))
})

test(
  'where the browser denies storage and locks it uploads all the same, and can be given up',
  options,
  async () => {
    const { context } = await stage.open()
    await context.addInitScript(() => {
      const denied = () => {
        throw new DOMException('denied in this context', 'SecurityError')
      }
      Object.assign(IDBFactory.prototype, { open: denied })
      Object.assign(LockManager.prototype, { request: async () => denied(), query: async () => denied() })
      Object.assign(window, { BroadcastChannel: denied })
    })
    const tab = await stage.open('', context)
    const before = await stage.server.unfinished()
    await tab.throttle(SLOW)
    await tab.page.getByLabel('file', { exact: true }).setInputFiles((await stage.file('g.bin', SIZE)).path)
    await reaches(tab, 512 * 1024)
    await tab.page.getByRole('button', { name: 'abort' }).click()
    await tab.shows('status', 'aborted')
    expect(await stage.server.unfinished()).toBe(before)
    await tab.throttle(0)
    const { path, digest } = await stage.file('h.bin', SIZE)
    await tab.page.getByLabel('file', { exact: true }).setInputFiles(path)
    await tab.shows('status', 'completed')
    expect(await digestStored(tab)).toBe(digest)
    expect(tab.complaints).toEqual([])
  },
)

test('a second start is refused while the first one opens its file', options, async () => {
  const tab = await stage.open()
  const before = creations()
  const second = await tab.page.evaluate(async () => {
    const startOne = Reflect.get(window, 'startOne') as (file: File) => Promise<string>
    const first = startOne(new File(['twice'], 'twice.txt'))
    const refused = startOne(new File(['twice'], 'twice.txt')).catch(({ code }) => code)
    await first
    return refused
  })
  expect(second).toBe('Conflict')
  await tab.shows('status', 'completed')
  expect(creations() - before).toBe(1)
})

test(
  'what was interrupted is given up by a start, even by one before it was looked up',
  options,
  async () => {
    const tab = await stage.open()
    const before = await stage.server.unfinished()
    await tab.throttle(SLOW)
    await tab.page.getByLabel('file', { exact: true }).setInputFiles((await stage.file('i.bin', SIZE)).path)
    await reaches(tab, 512 * 1024)
    await tab.page.waitForTimeout(1200)
    await tab.context.addInitScript(() => {
      const query = LockManager.prototype.query
      LockManager.prototype.query = async function () {
        await new Promise((resolve) => setTimeout(resolve, 1500))
        return query.call(this)
      }
    })
    await tab.page.reload()
    await tab.throttle(0)
    const { path, digest } = await stage.file('j.bin', SIZE)
    await tab.page.getByLabel('file', { exact: true }).setInputFiles(path)
    await tab.shows('status', 'completed')
    expect(await digestStored(tab)).toBe(digest)
    await expect.poll(() => stage.server.unfinished()).toBe(before)
    await tab.page.reload()
    await tab.page.waitForTimeout(2000)
    await tab.shows('status', 'idle')
  },
)

test('what another tab leaves does not take the place of what this one sends', options, async () => {
  const other = await stage.open()
  await other.throttle(SLOW)
  await other.page.getByLabel('file', { exact: true }).setInputFiles((await stage.file('k.bin', SIZE)).path)
  await reaches(other, 512 * 1024)
  await other.page.waitForTimeout(1200)
  const tab = await stage.open('', other.context)
  const { path, digest } = await stage.file('l.bin', SIZE)
  await tab.throttle(SLOW)
  await tab.page.getByLabel('file', { exact: true }).setInputFiles(path)
  await reaches(tab, 512 * 1024)
  await other.page.close()
  await tab.page.waitForTimeout(1500)
  await tab.shows('status', 'uploading')
  await tab.page.getByText('l.bin').waitFor()
  await tab.throttle(0)
  await tab.shows('status', 'completed')
  expect(await digestStored(tab)).toBe(digest)
  await tab.page.getByRole('button', { name: 'reset' }).click()
  await tab.shows('status', 'interrupted')
  await tab.page.getByText('k.bin').waitFor()
})

test('what was paused stays so when its component is hidden and shown again', options, async () => {
  const tab = await stage.open('hide')
  await tab.throttle(SLOW)
  await tab.page.getByLabel('file', { exact: true }).setInputFiles((await stage.file('m.bin', SIZE)).path)
  await reaches(tab, 512 * 1024)
  await tab.page.getByRole('button', { name: 'pause' }).click()
  await tab.shows('status', 'paused')
  const toggle = tab.page.getByRole('button', { name: 'toggle' })
  await toggle.click()
  await tab.page.waitForTimeout(1000)
  await toggle.click()
  await tab.page.waitForTimeout(1000)
  await tab.shows('status', 'interrupted')
  await tab.page.getByRole('button', { name: 'resume' }).click()
  await toggle.click()
  await tab.page.waitForTimeout(1000)
  await tab.throttle(0)
  await toggle.click()
  await tab.shows('status', 'completed')
})

test('a try after a sign-in goes out with the key of the new rendering', options, async () => {
  const tab = await stage.open()
  await tab.page.route('**/files', (route) =>
    route.request().method() === 'POST' && route.request().headers().authorization === undefined
      ? route.fulfill({ status: 401 })
      : route.continue(),
  )
  await tab.page.getByLabel('file', { exact: true }).setInputFiles((await stage.file('n.bin', 1000)).path)
  await tab.shows('error', 'Unauthorized')
  await tab.page.evaluate(() => (Reflect.get(window, 'signIn') as () => void)())
  await tab.page.getByRole('button', { name: 'resume' }).click()
  await tab.shows('status', 'completed')
})

test(
  'what a later tab leaves is found by an earlier one, and by the next component of that',
  options,
  async () => {
    const tab = await stage.open()
    const toggle = tab.page.getByRole('button', { name: 'toggle' })
    await tab.shows('status', 'idle')
    for (const away of [false, true]) {
      const other = await stage.open('', tab.context)
      await other.throttle(SLOW)
      await other.page
        .getByLabel('file', { exact: true })
        .setInputFiles((await stage.file('o.bin', SIZE)).path)
      await reaches(other, 512 * 1024)
      await other.page.waitForTimeout(1200)
      if (away) await toggle.click()
      await other.page.close()
      await tab.page.waitForTimeout(1000)
      if (away) await toggle.click()
      await tab.shows('status', 'interrupted')
      await tab.page.getByRole('button', { name: 'abort' }).click()
      await tab.shows('status', 'aborted')
    }
  },
)
