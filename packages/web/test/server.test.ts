/** The server's view in a real browser, with a real server behind it. */
import { writeFile } from 'node:fs/promises'
import type { Page } from 'playwright-core'
import { expect } from 'vitest'
import { answer, SECRET, startReceiver } from '../../server/src/events/testing/receiver.ts'
import type { Pawl } from '../../server/test/process.ts'
import {
  choose,
  digestOf,
  finishes,
  head,
  mebibyte,
  nextUpload,
  reaches,
  row,
  setStage,
  test,
} from './stage.ts'

const stage = setStage()
const patient = { timeout: 240_000 }

function keyOf(pawl: Pawl): string {
  return /service key\s+(\S+)/.exec(pawl.output)?.[1] ?? ''
}

async function unlock(page: Page, key: string): Promise<void> {
  await page.getByLabel('Key', { exact: true }).fill(key)
  await page.keyboard.press('Enter')
}

/** Puts objects into the bucket that development mode has. */
async function fill(pawl: Pawl, objects: Readonly<Record<string, readonly [string, string]>>): Promise<void> {
  for (const [key, [type, text]] of Object.entries(objects)) {
    const response = await fetch(`${pawl.url}/storage/v1/object/photos/${key}`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${keyOf(pawl)}`, 'Content-Type': type },
      body: text,
    })
    if (!response.ok) throw new Error(await response.text())
  }
}

/** Puts an object behind the plain endpoint. */
async function plain(pawl: Pawl, name: string, type: string): Promise<void> {
  const encoded = (text: string) => Buffer.from(text).toString('base64')
  const response = await fetch(`${pawl.url}/files/`, {
    method: 'POST',
    headers: {
      'Tus-Resumable': '1.0.0',
      'Upload-Length': '4',
      'Upload-Metadata': `filename ${encoded(name)},filetype ${encoded(type)}`,
      'Content-Type': 'application/offset+octet-stream',
    },
    body: 'abcd',
  })
  if (!response.ok) throw new Error(await response.text())
}

test('it is shown to the service key alone, which stays in the tab', patient, async () => {
  const pawl = await stage.serve()
  const { page, complaints } = await stage.open(`${pawl.url}/#/server`)
  await page.getByText('This view needs the service key').waitFor()
  expect(complaints).toEqual([])
  await unlock(page, /anon key\s+(\S+)/.exec(pawl.output)?.[1] ?? '')
  await page.getByText('This key is not the service key').waitFor()
  await unlock(page, 'nonsense')
  await page.getByText('The server does not know this key').waitFor()
  await unlock(page, keyOf(pawl))
  await page.getByRole('heading', { name: 'Uploads in flight' }).waitFor()
  expect(await page.evaluate(() => JSON.stringify(localStorage))).not.toContain(keyOf(pawl))
  expect(await page.content()).not.toContain(keyOf(pawl))
})

test('uploads in flight move live, and one that is ended stops for its sender', patient, async () => {
  const pawl = await stage.serveAlone()
  const sender = await stage.open(pawl.url)
  const watcher = await stage.open(`${pawl.url}/#/server`)
  await unlock(watcher.page, keyOf(pawl))
  await watcher.page.getByText('Nothing is being uploaded').waitFor()
  const file = await stage.file('watched.mov', 30 * mebibyte)
  await sender.throttle(mebibyte)
  const creating = nextUpload(sender.page)
  await choose(sender.page, file)
  const url = await creating
  const shown = watcher.page.getByRole('row', { name: /watched\.mov/ })
  await shown.waitFor()
  expect(await shown.textContent()).toMatch(/files.*anon.*of 31 MB/)
  await shown.getByText(/[\d.]+ [kM]B\/s/).waitFor()
  const bar = shown.getByRole('progressbar')
  const before = Number(await bar.getAttribute('value'))
  await expect
    .poll(async () => Number(await bar.getAttribute('value')), { timeout: 30_000 })
    .toBeGreaterThan(before)

  await shown.getByRole('button', { name: 'End the upload of watched.mov' }).click()
  await shown.getByRole('button', { name: 'Really: End the upload of watched.mov?' }).click()
  await watcher.page.getByText('“watched.mov” was ended.').waitFor()
  await watcher.page.getByText('Nothing is being uploaded').waitFor()
  expect([404, 410]).toContain((await head(url)).status)
  await row(sender.page, file.name).getByText('The server no longer has the unfinished part').waitFor()
  expect(watcher.complaints).toEqual([])
})

test('health and the last hour are shown, and a server that is gone is said so', patient, async () => {
  const pawl = await stage.serveAlone()
  const { page, complaints } = await stage.open(`${pawl.url}/#/server`)
  await unlock(page, keyOf(pawl))
  const facts = page.getByRole('region', { name: 'State of the server' })
  await facts.getByText(/GB free|TB free|MB free/).waitFor()
  expect(await facts.getByText('OK', { exact: true }).count()).toBe(2)
  for (const title of ['Throughput', 'Active uploads', 'Errors', 'Time to publish'])
    await page.getByRole('figure', { name: title }).locator('canvas').waitFor()
  // A sample each five seconds.
  await page.getByRole('figure', { name: 'Throughput' }).getByText('peak').waitFor()
  expect(complaints).toEqual([])
  await pawl.kill()
  await facts.getByText('the server does not answer').first().waitFor()
})

test('objects of a bucket are found, looked at, fetched, linked to and deleted', patient, async () => {
  const pawl = await stage.serveAlone()
  await fill(pawl, {
    'trip/day 1/map.txt': ['text/plain', 'a map of <b>the</b> town'],
    'cover.svg': ['image/svg+xml', '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="7"/>'],
    'notes.md': ['text/markdown', '# Notes'],
  })
  const { page, complaints, context } = await stage.open(`${pawl.url}/#/server/objects`)
  await context.grantPermissions(['clipboard-read', 'clipboard-write'])
  await unlock(page, keyOf(pawl))
  await page.getByRole('button', { name: /^photos/ }).click()
  await page.getByRole('button', { name: 'Preview cover.svg' }).click()
  const image = page.getByRole('dialog').getByRole('img', { name: 'cover.svg' })
  await image.waitFor()
  await expect.poll(() => image.evaluate((it: HTMLImageElement) => it.naturalWidth)).toBe(9)
  await page.keyboard.press('Escape')
  await expect.poll(() => page.getByRole('dialog').count()).toBe(0)

  await page.getByRole('searchbox').fill('NOT')
  await expect.poll(() => page.getByRole('button', { name: /^Preview/ }).count()).toBe(1)
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: 'Download notes.md' }).click(),
  ])
  expect(download.suggestedFilename()).toBe('notes.md')
  await page.getByRole('searchbox').fill('')

  await page.getByRole('button', { name: 'trip' }).click()
  await page.getByRole('button', { name: 'day 1' }).click()
  await page.getByRole('button', { name: 'Preview map.txt' }).click()
  // As text: nothing of it becomes a part of the page.
  await page.getByRole('dialog').getByText('a map of <b>the</b> town').waitFor()
  await page.getByRole('button', { name: 'Close the preview' }).click()
  await page.getByRole('button', { name: 'Copy a signed link to map.txt' }).click()
  await page.getByText('is on the clipboard').waitFor()
  const link = await page.evaluate(() => navigator.clipboard.readText())
  expect(await (await fetch(link)).text()).toBe('a map of <b>the</b> town')

  await page.getByRole('button', { name: 'Delete map.txt' }).click()
  await page.getByRole('button', { name: 'Really: Delete map.txt?' }).click()
  await page.getByText('“map.txt” was deleted.').waitFor()
  await page.getByText('There is nothing here.').waitFor()
  expect((await fetch(link)).ok).toBe(false)
  await page.getByRole('navigation', { name: 'Folder' }).getByRole('button', { name: 'All' }).click()
  await page.getByRole('button', { name: 'Preview cover.svg' }).waitFor()
  expect(complaints).toEqual([])
})

test('objects of the plain endpoint are shown by the names of their files', patient, async () => {
  const pawl = await stage.serveAlone()
  const { page } = await stage.open(pawl.url)
  const file = await stage.file('plain.bin', 5000)
  await choose(page, file)
  await finishes(page, file.name)
  const url = await page.getByRole('link', { name: file.name }).getAttribute('href')
  await page.getByRole('link', { name: 'Server' }).click()
  await unlock(page, keyOf(pawl))
  await page.getByRole('link', { name: 'Objects' }).click()
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: 'Download plain.bin' }).click(),
  ])
  const bytes = await (await download.createReadStream()).toArray()
  expect(digestOf(Buffer.concat(bytes))).toBe(file.digest)
  await page.getByRole('button', { name: 'Delete plain.bin' }).click()
  await page.getByRole('button', { name: 'Really: Delete plain.bin?' }).click()
  await page.getByText('There is nothing here.').waitFor()
  expect((await fetch(url ?? '')).ok).toBe(false)
})

test(
  'what is not listed yet is not said to be nothing, and what comes in meanwhile is listed once',
  patient,
  async () => {
    const pawl = await stage.serveAlone()
    const type = 'application/vnd.openxmlformats-officedocument.wordprocessingml.document'
    await plain(pawl, `the oldest of them, with ${'a rather '.repeat(5)}long name.docx`, type)
    for (let count = 0; count < 100; count += 1) await plain(pawl, `n-${count}`, type)
    const { page } = await stage.open(`${pawl.url}/#/server/objects`, { width: 900 })
    await unlock(page, keyOf(pawl))
    const rows = page.getByRole('button', { name: /^Preview/ })
    await expect.poll(() => rows.count()).toBe(100)
    await plain(pawl, 'the newest', type)
    await page.getByRole('searchbox').fill('oldest')
    await page.getByText('There is nothing in what is listed so far.').waitFor()
    await page.getByRole('button', { name: 'List more' }).click()
    await expect.poll(() => rows.count()).toBe(1)
    await page.getByRole('searchbox').fill('')
    await expect.poll(() => rows.count()).toBe(101)
    // What can be done is in view, however long names and types are.
    for (const width of [900, 320]) {
      await page.setViewportSize({ width, height: 800 })
      expect(await page.locator('.table-frame').evaluate((it) => it.scrollWidth - it.clientWidth)).toBe(0)
    }
    // A file for an office program is no text, whatever its type is called.
    await rows.last().click()
    await page.getByText('There is no preview of this kind of file.').waitFor()
    await page.getByRole('button', { name: 'Close the preview' }).click()
    // A double click is no second thought.
    await page.getByRole('button', { name: 'Delete n-99' }).dblclick()
    await page.getByRole('button', { name: 'Really: Delete n-99?' }).waitFor()
    expect(await rows.count()).toBe(101)
  },
)

test('uploads go on while the server is looked at', patient, async () => {
  const pawl = await stage.serve()
  const { page, throttle } = await stage.open(pawl.url)
  const file = await stage.file('on.bin', 6 * mebibyte)
  await throttle(2 * mebibyte)
  await choose(page, file)
  await reaches(page, file.name, 10)
  await page.getByRole('link', { name: 'Server' }).click()
  await page.getByText('This view needs the service key').waitFor()
  await throttle(0)
  await page.getByRole('link', { name: 'Uploads' }).click()
  await finishes(page, file.name)
  // What was verified stays so: the file, which may be gone, is not read anew with each look.
  await writeFile(file.path, 'other bytes')
  await page.getByRole('link', { name: 'Server' }).click()
  await page.getByText('This view needs the service key').waitFor()
  await page.getByRole('link', { name: 'Uploads' }).click()
  await row(page, file.name).waitFor()
  await page.waitForTimeout(1000)
  expect(await row(page, file.name).getByText('Verified').count()).toBe(1)
})

test('dead letters are listed with their reasons, and replayed', patient, async () => {
  const receiver = await startReceiver(answer(410))
  const pawl = await stage.serveAlone({ PAWL_WEBHOOK_URL: receiver.url, PAWL_WEBHOOK_SECRET: SECRET })
  const { page, complaints } = await stage.open(`${pawl.url}/#/server/events`)
  await unlock(page, keyOf(pawl))
  await page.getByText('No event is lost').waitFor()
  for (const name of ['one', 'two']) await fill(pawl, { [name]: ['text/plain', name] })
  const dead = page.getByRole('button', { name: /^Replay upload|^Replay object/ })
  await expect.poll(() => dead.count()).toBeGreaterThanOrEqual(2)
  await page.getByText('the receiver answered 410').first().waitFor()
  // They were seen as they happened, too.
  await page.getByRole('cell', { name: 'object.created' }).first().waitFor()
  receiver.behave(answer(204))
  await dead.first().click()
  await page.getByText('One event is delivered again.').waitFor()
  await page.getByRole('button', { name: 'Replay all' }).click()
  await page.getByText('No event is lost').waitFor()
  expect(complaints).toEqual([])
  await receiver.close()
})
