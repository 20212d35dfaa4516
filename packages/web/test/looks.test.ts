/**
 * How the page looks and what assistive technology finds: every state once, in light, in dark and on a phone. The
 * pictures are kept in `.cache/page/`, for people to look at.
 */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import axe from 'axe-core'
import type { Page } from 'playwright-core'
import { expect } from 'vitest'
import { choose, finishes, mebibyte, reaches, row, setStage, test } from './stage.ts'

const stage = setStage()
const pictures = join(import.meta.dirname, '../../../.cache/page')

interface Finding {
  readonly id: string
  readonly nodes: readonly { readonly html: string; readonly failureSummary?: string }[]
}

const LOOKS = [
  ['light', 'light', 1000],
  ['dark', 'dark', 1000],
  ['phone', 'light', 360],
  ['phone-dark', 'dark', 360],
] as const

/** Takes pictures of a state, and holds it to the rules of axe in each of them. */
async function look(page: Page, state: string): Promise<void> {
  await mkdir(pictures, { recursive: true })
  for (const [name, colorScheme, width] of LOOKS) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
    await page.setViewportSize({ width, height: 800 })
    // Its colours are those of the dark one, its layout is the phone's.
    if (name !== 'phone-dark') expect(await findings(page), `${state}, ${name}`).toEqual([])
    const wider = await page.evaluate(
      () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
    )
    expect(wider, `${state}, ${name}, scrolls sideways`).toBe(0)
    await page.screenshot({ path: join(pictures, `${state}-${name}.png`) })
  }
  await page.emulateMedia({ colorScheme: 'light' })
  await page.setViewportSize({ width: 1000, height: 800 })
}

async function findings(page: Page): Promise<string[]> {
  const violations = await page.evaluate(async () =>
    (Reflect.get(window, 'axe') as { run(): Promise<{ violations: Finding[] }> })
      .run()
      .then((result) => result.violations),
  )
  return violations.map(
    ({ id, nodes }) =>
      `${id}: ${nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`).join('; ')}`,
  )
}

/** The debugger's channel is not bound by the content policy, as the page itself is. */
async function open(url: string) {
  const tab = await stage.open('about:blank')
  await tab.page.addInitScript({ content: axe.source })
  await tab.page.goto(url)
  return tab
}

test('the list of uploads, empty, at work, interrupted and with errors, is clean to axe in every look', {
  timeout: 300_000,
}, async () => {
  const pawl = await stage.serveAlone()
  const { page, throttle } = await open(pawl.url)
  await look(page, 'empty')
  await choose(page, await stage.file('notes.txt', 4000), await stage.file('beach.jpeg', 900_000))
  await finishes(page, 'notes.txt')
  await finishes(page, 'beach.jpeg')
  await throttle(mebibyte / 2)
  const large = await Promise.all(
    [
      'holiday in the mountains, the long version with every photo.mov',
      'backup-2026-11-28.tar.gz',
      'song.flac',
      'data.bin',
      'waits.csv',
      // So large that none comes to its end while it is looked at.
    ].map((name) => stage.file(name, 48 * mebibyte)),
  )
  await choose(page, ...large)
  await reaches(page, 'song.flac', 2)
  await page.getByRole('button', { name: 'Pause song.flac' }).click()
  await look(page, 'busy')
  // A key moves the focus: then it is drawn.
  await page.getByRole('button', { name: 'Cancel song.flac' }).focus()
  await page.keyboard.press('Tab')
  await page.screenshot({ path: join(pictures, 'keyboard-light.png') })
  await pawl.kill()
  await row(page, 'data.bin').getByText('The server does not answer').waitFor()
  await look(page, 'unreachable')
  await pawl.restart()
  await page.reload()
  await page.getByText('uploads wait for their files').waitFor()
  const [chooser] = await Promise.all([
    page.waitForEvent('filechooser'),
    page.getByRole('button', { name: 'Choose the file song.flac again' }).click(),
  ])
  await chooser.setFiles((await stage.file('song.flac', 10)).path)
  await row(page, 'song.flac').getByText('That is another file').waitFor()
  await look(page, 'interrupted')
})

test('the server’s view is clean to axe in every look', { timeout: 300_000 }, async () => {
  const pawl = await stage.serveAlone()
  const key = /service key\s+(\S+)/.exec(pawl.output)?.[1] ?? ''
  const { page } = await open(`${pawl.url}/#/server`)
  await page.getByText('This view needs the service key').waitFor()
  await look(page, 'locked')
  const sender = await stage.open(pawl.url)
  await sender.throttle(mebibyte)
  const text = await stage.file('done.txt', 0)
  await writeFile(text.path, 'Dear diary,\n\ntoday nothing was lost.\n')
  await choose(sender.page, text)
  await choose(sender.page, await stage.file('holiday.mov', 60 * mebibyte))
  await page.getByLabel('Key', { exact: true }).fill(key)
  await page.keyboard.press('Enter')
  await page.getByRole('row', { name: /holiday\.mov/ }).waitFor()
  await page.getByRole('figure', { name: 'Active uploads' }).getByText('peak 1').waitFor()
  await look(page, 'server')
  await page.getByRole('link', { name: 'Objects' }).click()
  await page.getByRole('button', { name: 'Preview done.txt' }).waitFor()
  await look(page, 'objects')
  await page.getByRole('button', { name: 'Preview done.txt' }).click()
  await page.getByRole('dialog').waitFor()
  await look(page, 'preview')
  await page.keyboard.press('Escape')
  await page.getByRole('link', { name: 'Events' }).click()
  await page.getByText('No event is lost').waitFor()
  await choose(sender.page, await stage.file('letter.pdf', 200_000))
  await page.getByRole('cell', { name: 'upload.completed' }).waitFor()
  await look(page, 'events')
})
