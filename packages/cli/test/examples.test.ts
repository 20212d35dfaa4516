/** The examples with `pawl` and with `@pawl/server`, as their commands run them. */
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { Files, UploadControl } from 'pawl'
import { tus } from 'pawl/tus'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { contentOf, MIB } from '../../server/test/content.ts'
import {
  answers,
  atExample,
  chromiumPath,
  exampleEnv,
  examples,
  installExamples,
  launch,
} from '../../server/test/example-folder.ts'
import { freePort, type Pawl, startPawl } from '../../server/test/process.ts'
import { until } from '../../server/test/until.ts'

const run = promisify(execFile)
// More than one chunk of 6 MiB.
const SIZE = 7 * MIB
const bytes = contentOf('examples').bytes(0, SIZE)

const PATIENT = { timeout: 0 }

let pawl: Pawl
let folder: string

beforeAll(async () => {
  await installExamples()
  pawl = await startPawl()
  folder = await mkdtemp(join(tmpdir(), 'pawl-examples-'))
}, 180_000)
afterAll(async () => {
  await pawl?.stop()
  if (folder !== undefined) await rm(folder, { recursive: true, force: true })
})

test('backup goes on after a kill -9, and sends nothing twice', { timeout: 60_000 }, async () => {
  const source = join(folder, 'backup')
  await mkdir(join(source, 'deep'), { recursive: true })
  await writeFile(join(source, 'deep/naïve 😀.bin'), bytes)
  await writeFile(join(source, 'small.txt'), 'hello')
  const env = { ...exampleEnv(pawl), BACKUP_STATE: join(folder, 'state') }
  const first = spawn(process.execPath, ['node/backup.js', source], { cwd: examples, env })
  // Between the two chunks of the large file.
  for await (const chunk of first.stdout) if (/: 6291456 of/.test(String(chunk))) first.kill('SIGKILL')
  const { stdout } = await run('npm', ['run', 'backup', '--', source], { cwd: examples, env })
  expect(stdout).not.toContain('😀.bin: 0 of')
  expect(stdout).toContain('😀.bin: done')
  expect((await objectAt(`documents/backup/deep/${encodeURIComponent('naïve 😀.bin')}`)).equals(bytes)).toBe(
    true,
  )
  expect(String(await objectAt('documents/backup/small.txt'))).toBe('hello')
  const again = await run(process.execPath, ['node/backup.js', source], { cwd: examples, env })
  expect(again.stdout).toBe('')
})

describe.skipIf(!existsSync(chromiumPath))('in a browser', () => {
  let browser: Browser
  beforeAll(async () => {
    browser = await launch()
  }, 60_000)
  afterAll(() => browser?.close())
  // On the disk, so that it is the same file when it is chosen again.
  let file: string
  beforeAll(async () => {
    file = join(folder, 'naïve 😀.bin')
    await writeFile(file, bytes)
  })

  test.each([
    ['html', 'Stored'],
    ['react', 'completed'],
    ['service-worker', 'is stored'],
    ['next', 'completed'],
  ])(
    '%s uploads a file that is chosen, and goes on after a reload',
    { timeout: 240_000 },
    async (name, stored) => {
      if (name === 'next') await installExamples(name)
      const env = { ...exampleEnv(pawl), PAWL_DATA: join(folder, `data of ${name}`) }
      await atExample(browser, name, env, async (page, url) => {
        const left = Promise.withResolvers<void>()
        const held = Promise.withResolvers<void>()
        // The first chunk gets no answer before the page is left.
        await page.context().route('**/files/*', async (route) => {
          if (route.request().method() === 'PATCH') {
            held.resolve()
            await left.promise
          }
          await route.continue().catch(() => {}) // the page that asked is gone
        })
        const input = page.locator('input[type=file]:enabled')
        await page.goto(url, PATIENT)
        await input.waitFor(PATIENT)
        if (name === 'service-worker') await page.getByText('Choose a file').waitFor(PATIENT)
        await input.setInputFiles(file, PATIENT)
        await held.promise
        await page.reload(PATIENT)
        left.resolve()
        if (name === 'react' || name === 'next') await page.getByText('again to go on').waitFor(PATIENT)
        if (name !== 'service-worker') await input.setInputFiles(file, PATIENT)
        await page.getByRole('status').filter({ hasText: stored }).waitFor(PATIENT)
        const href = await page.getByRole('status').getByRole('link').getAttribute('href')
        const object = await fetch(href ?? '')
        expect(Buffer.from(await object.arrayBuffer()).equals(bytes)).toBe(true)
      })
    },
  )
})

describe('as a part of another server', () => {
  test.each(['express', 'fastify', 'hono', 'koa', 'nest'])('%s', { timeout: 240_000 }, async (name) => {
    const [port, data] = [await freePort(), join(folder, `data of ${name}`)]
    const env = { ...exampleEnv(pawl), PORT: String(port), PAWL_DATA: data }
    const child = spawn(process.execPath, [`server/${name}.js`], { cwd: examples, env, stdio: 'inherit' })
    const exited = once(child, 'exit')
    const url = `http://127.0.0.1:${port}`
    try {
      await until('the application answers', () => answers(url), 180_000)
      expect(await (await fetch(url)).text()).toBe('the application')
      const files = new Files({ adapter: tus({ endpoint: `${url}/up/files/` }) })
      // The connection breaks in the middle, and the client goes on.
      const control = new UploadControl()
      const multipart = { partSize: MIB }
      const cut = new AbortController()
      const onProgress = ({ loaded }: { loaded: number }): void => {
        if (loaded >= 2 * MIB) cut.abort()
      }
      const options = { control, multipart, onProgress, signal: cut.signal }
      await expect(files.upload('mounted.bin', bytes, options)).rejects.toMatchObject({ aborted: true })
      let least = SIZE
      const result = await files.upload('mounted.bin', bytes, {
        control: UploadControl.from(JSON.stringify(control)),
        onProgress: ({ loaded }) => {
          least = Math.min(least, loaded)
        },
      })
      expect(least).toBeGreaterThanOrEqual(2 * MIB)
      expect(result.url).toMatch(`${url}/up/files/`)
      const object = await fetch(result.url ?? '')
      expect(Buffer.from(await object.arrayBuffer()).equals(bytes)).toBe(true)
      // JSON routes, whose bodies other parts of the application would read too.
      const token = await tokensOf(data)
      const bucket = await fetch(`${url}/up/storage/v1/bucket`, {
        method: 'POST',
        headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
        body: '{"name":"films"}',
      })
      expect([bucket.status, await bucket.json()]).toEqual([200, { name: 'films' }])
      expect((await fetch(`${url}/files/`)).status).toBe(404)
    } finally {
      child.kill('SIGTERM')
      await exited
    }
    expect((await exited)[0]).toBe(0)
  })

  async function tokensOf(data: string): Promise<string> {
    const cli = fileURLToPath(new URL('../../cli/src/main.ts', import.meta.url))
    const { stdout } = await run(process.execPath, [cli, 'keys', '--data', data, '--json'])
    return JSON.parse(stdout).service_role
  }
})

async function objectAt(path: string): Promise<Buffer> {
  const headers = { Authorization: `Bearer ${exampleEnv(pawl).PAWL_SERVICE_KEY}` }
  const response = await fetch(`${pawl.url}/storage/v1/object/${path}`, { headers })
  if (!response.ok) throw new Error(`GET ${path} answered ${response.status}: ${await response.text()}`)
  return Buffer.from(await response.arrayBuffer())
}
