/** Thousands of files: what is in the document stays small, and everything is kept over a reload. */
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { expect } from 'vitest'
import { drop, kept, setStage, test } from './stage.ts'

const stage = setStage()
/** Five thousand with `PAWL_FULL=1`: only the time that it takes is another. */
const COUNT = process.env.PAWL_FULL === '1' ? 5000 : 2000

test(`${COUNT} files in a folder are listed, sent, paused, kept over a reload and cancelled`, {
  timeout: 300_000,
}, async () => {
  const pawl = await stage.serve()
  const tab = await stage.open(pawl.url)
  const { page } = tab
  const near = await stage.file('near.txt', 1)
  const folder = join(dirname(near.path), 'many')
  for (let at = 0; at < COUNT; at += 100) {
    const below = join(folder, `part-${String(at / 100).padStart(2, '0')}`)
    await mkdir(below, { recursive: true })
    await Promise.all(
      Array.from({ length: 100 }, (_, index) =>
        writeFile(join(below, `file-${String(at + index).padStart(4, '0')}.txt`), `file ${at + index}`),
      ),
    )
  }
  await page.evaluate(watchFrames)
  await drop(tab, { ...near, path: folder })
  await page.getByText(`of ${COUNT.toLocaleString('en')} files`).waitFor({ timeout: 120_000 })
  await page.getByText('Verified').first().waitFor({ timeout: 60_000 })
  expect(await page.locator('.row').count()).toBeLessThan(60)
  expect(await page.locator('.row').first().getAttribute('aria-setsize')).toBe(String(COUNT))

  await page.getByRole('button', { name: 'Pause all' }).click()
  await expect.poll(() => page.locator('[data-state=uploading]').count()).toBe(0)
  const last = page.locator(`.row[aria-posinset="${COUNT}"]`)
  await page.evaluate(() => scrollTo(0, document.body.scrollHeight))
  await last.waitFor()
  expect(await page.locator('.row').count()).toBeLessThan(60)
  console.log(`the longest frame: ${await page.evaluate(() => Reflect.get(window, 'longestFrame'))} ms`)

  await page.reload()
  const words = page.getByText(/of [\d,]+ files/)
  await words.waitFor({ timeout: 60_000 })
  const listed = Number(/of ([\d,]+) files/.exec((await words.textContent()) ?? '')?.[1]?.replaceAll(',', ''))
  expect(listed).toBeGreaterThan(COUNT - 1000)
  expect(listed).toBeLessThan(COUNT)
  expect(tab.complaints).toEqual([])

  await page.getByRole('button', { name: 'Cancel all' }).click()
  await expect.poll(() => page.locator('.row:not([data-state=completed])').count()).toBe(0)
  // What was paused between its last byte and the answer had arrived: it is shown as stored, and can be cleared.
  const arrived = page.getByRole('button', { name: 'Clear finished' })
  if (await arrived.isVisible()) await arrived.click()
  await expect.poll(() => page.locator('.row').count()).toBe(0)
  // Forgotten a moment after they left the list.
  await expect.poll(() => kept(page)).toBe(0)
  // The browser tells of each refusal to cancel what is complete.
  expect(tab.complaints.filter((line) => !line.includes('403'))).toEqual([])
})

/** Runs in the page: the longest time between two frames, for people to read. No test depends on it. */
function watchFrames(): void {
  let before = performance.now()
  Reflect.set(window, 'longestFrame', 0)
  const look = (now: number) => {
    Reflect.set(
      window,
      'longestFrame',
      Math.max(Number(Reflect.get(window, 'longestFrame')), Math.round(now - before)),
    )
    before = now
    requestAnimationFrame(look)
  }
  requestAnimationFrame(look)
}
