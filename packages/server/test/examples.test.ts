/** Every example, as its command runs it, against a server in development mode with only URL and key given. */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { contentOf, MIB } from './content.ts'
import { atExample, chromiumPath, exampleEnv, examples, installExamples, launch } from './example-folder.ts'
import { type Pawl, startPawl } from './process.ts'

const run = promisify(execFile)
// More than one chunk of 6 MiB.
const SIZE = 7 * MIB
const bytes = contentOf('examples').bytes(0, SIZE)

let pawl: Pawl
let folder: string
let service: string

beforeAll(async () => {
  await installExamples()
  pawl = await startPawl()
  service = exampleEnv(pawl).PAWL_SERVICE_KEY ?? ''
  folder = await mkdtemp(join(tmpdir(), 'pawl-examples-'))
}, 180_000)
afterAll(async () => {
  await pawl?.stop()
  if (folder !== undefined) await rm(folder, { recursive: true, force: true })
})

test('the README names the command of each example, and no other', async () => {
  const readme = await readFile(join(examples, 'README.md'), 'utf8')
  const { scripts } = JSON.parse(await readFile(join(examples, 'package.json'), 'utf8'))
  const named = [...readme.matchAll(/npm run (\S+)/g)].map(([, name]) => name)
  expect(named.toSorted()).toEqual(Object.keys(scripts).toSorted())
})

describe('in a terminal', () => {
  test.each(['tus-js-client', 'storage-js'])('%s uploads', { timeout: 60_000 }, async (name) => {
    const file = await fileNamed(`${name}.bin`)
    await run('npm', ['run', name, '--', file], { cwd: examples, env: exampleEnv(pawl) })
    expect((await objectAt(`photos/${name}.bin`)).equals(bytes)).toBe(true)
  })

  test.skipIf(!hasTuspy())('python uploads with tuspy', { timeout: 60_000 }, async () => {
    const file = await fileNamed('python.bin')
    // Debian's own interpreter has the package, whichever one is first in the path.
    const bin = join(folder, 'bin')
    await mkdir(bin)
    await symlink('/usr/bin/python3', join(bin, 'python3'))
    const env = { ...exampleEnv(pawl), PATH: `${bin}:${process.env.PATH}` }
    await run('npm', ['run', 'python', '--', file], { cwd: examples, env })
    expect((await objectAt('photos/python.bin')).equals(bytes)).toBe(true)
  })
})

describe.skipIf(!existsSync(chromiumPath))('in a browser', () => {
  let browser: Browser
  beforeAll(async () => {
    browser = await launch()
  }, 60_000)
  afterAll(() => browser?.close())

  test.each([
    ['uppy', 'photos/uppy'],
    ['uppy-react', 'photos/react'],
    ['uppy-signed', 'documents/signed'],
    ['uppy-vue', undefined],
    ['uppy-svelte', undefined],
    ['uppy-angular', undefined],
  ])('%s uploads a file that is dropped on it', { timeout: 120_000 }, async (name, place) => {
    await atExample(browser, name, exampleEnv(pawl), async (page, url) => {
      const created = page.waitForResponse((answer) => answer.request().method() === 'POST', { timeout: 0 })
      await page.goto(url)
      const input = page.locator('input.uppy-Dashboard-input').first()
      await input.waitFor({ state: 'attached', timeout: 60_000 })
      await input.setInputFiles({ name: 'naïve 😀.bin', mimeType: 'image/png', buffer: bytes })
      await page.locator('.uppy-StatusBar-actionBtn--upload').click()
      await page.locator('.uppy-StatusBar.is-complete').waitFor({ timeout: 60_000 })
      const upload = new URL((await created).headers().location ?? '', pawl.url)
      const object =
        place === undefined
          ? Buffer.from(await (await fetch(upload)).arrayBuffer())
          : await objectAt(`${place}/${encodeURIComponent('naïve 😀.bin')}`)
      expect(object.equals(bytes)).toBe(true)
    })
  })
})

async function fileNamed(name: string): Promise<string> {
  const path = join(folder, name)
  await writeFile(path, bytes)
  return path
}

async function objectAt(path: string): Promise<Buffer> {
  const headers = { Authorization: `Bearer ${service}` }
  const response = await fetch(`${pawl.url}/storage/v1/object/${path}`, { headers })
  if (!response.ok) throw new Error(`GET ${path} answered ${response.status}: ${await response.text()}`)
  return Buffer.from(await response.arrayBuffer())
}

function hasTuspy(): boolean {
  return existsSync(process.env.PAWL_TEST_TUSPY || '/usr/lib/python3/dist-packages/tusclient/client.py')
}
