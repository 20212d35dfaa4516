/** Checksums in a worker of a page in Chromium: the same as here, and nothing that depends on there being one. */
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { tus } from '../../src/adapters/tus/tus.ts'
import type { Digest } from '../../src/digest.ts'
import type { Files, SessionToken, UploadControl } from '../../src/index.ts'
import { Grid } from '../../src/transfer/grid.ts'
import { hasherOf } from '../../src/transfer/hashers.ts'
import { hasChromium, launchChromium } from '../react/stage.ts'
import { type PawlServer, startPawl } from '../servers/pawl.ts'
import { type Site, startSite } from './site.ts'

declare const pawl: {
  readonly Files: typeof Files
  readonly UploadControl: typeof UploadControl
  readonly tus: typeof tus
}
declare const digestOf: (body: Blob, algorithm: Digest['algorithm'], ends: number[]) => Promise<Digest>
/** What the worker was asked for. */
declare const asked: { readonly digest?: number }[]

const MIB = 2 ** 20
/** Neither whole cells nor whole chunks. */
const SIZE = 21 * MIB + 12_345
const bytes = Uint8Array.from({ length: SIZE }, (_, i) => (i * 31 + (i >> 8)) & 255)

let server: PawlServer
let site: Site
let browser: Browser
let page: Page
let folder = ''

beforeAll(async () => {
  if (!hasChromium) return
  folder = await mkdtemp(join(tmpdir(), 'pawl-summing-'))
  await writeFile(join(folder, 'body'), bytes)
  ;[server, site, browser] = await Promise.all([startPawl(), startSite(), launchChromium()])
}, 90_000)
afterAll(async () => {
  await browser?.close()
  await site?.close()
  await server?.close()
  await rm(folder, { recursive: true, force: true })
}, 60_000)
afterEach(() => page?.close())

/** @param dies After how many answers the worker ends with an error. */
async function open({ path = '', dies = 1e9 } = {}): Promise<void> {
  page = await browser.newPage()
  await page.addInitScript((left) => {
    const asked: unknown[] = []
    const post = Worker.prototype.postMessage
    Worker.prototype.postMessage = function (this: Worker, message: unknown) {
      asked.push(message)
      post.call(this, message)
      if (asked.length > left) this.dispatchEvent(new ErrorEvent('error', { cancelable: true }))
    }
    Object.assign(globalThis, { asked })
  }, dies)
  await page.goto(new URL(path, site.url).href)
  await page.waitForFunction(() => 'pawl' in globalThis)
  await page.evaluate(() => {
    const input = document.body.appendChild(document.createElement('input'))
    input.type = 'file'
  })
  await page.setInputFiles('input', join(folder, 'body'))
}

/** Uploads the file twice, so that the worker runs by then; each chunk goes with its CRC-32, and the server compares. */
const upload = (names = ['first', 'second']) =>
  page.evaluate(
    async ({ endpoint, names }) => {
      const file = document.querySelector('input')?.files?.[0]
      if (!file) throw new Error('no file was chosen')
      const files = new pawl.Files({ adapter: pawl.tus({ endpoint }) })
      let token: SessionToken | undefined
      for (const name of names) {
        const control = new pawl.UploadControl()
        await files.upload(name, file, {
          control,
          multipart: { partSize: 5 * 2 ** 20 },
          onProgress: ({ loaded }) => {
            if (loaded === file.size) token = control.toJSON()
          },
        })
      }
      return { token, asked: asked.length }
    },
    { endpoint: server.endpoint, names },
  )

const ALGORITHMS = ['crc32c', 'quickxor', 'sha'] as const

/** In three uneven pieces, the rest left to the end. */
const digests = () =>
  page.evaluate(async (algorithms) => {
    const file = document.querySelector('input')?.files?.[0]
    if (!file) throw new Error('no file was chosen')
    const ends = [2 ** 20, 2 ** 20 + 7, 3 * 2 ** 20]
    const found: string[] = []
    for (const algorithm of algorithms) found.push((await digestOf(file, algorithm, ends)).value)
    return { found, asked: asked.filter(({ digest }) => digest !== undefined).length }
  }, ALGORITHMS)

function expected(): string[] {
  return ALGORITHMS.map((algorithm) => {
    const hasher = hasherOf(algorithm)
    hasher?.update(bytes)
    return Buffer.from(hasher?.digest() ?? []).toString('base64')
  })
}

function cells(): SessionToken['body']['cells'] {
  const grid = new Grid(SIZE)
  grid.add(0, bytes)
  return grid.toRuns()
}

describe.skipIf(!hasChromium)('checksums in a page', () => {
  it('are computed in a worker, and are those that are computed here', async () => {
    await open()
    const { token, asked } = await upload()
    expect(token?.body.cells).toEqual(cells())
    // All five chunks of the second upload at least, and none of the bytes here.
    expect(asked).toBeGreaterThanOrEqual(5)
    const { found, asked: pieces } = await digests()
    expect(found).toEqual(expected())
    // Each digest: three pieces, two for the rest, and its end.
    expect(pieces).toBe(ALGORITHMS.length * 6)
  })

  it('are computed of the next chunk while one is on its way', async () => {
    await open()
    await upload()
    await page.evaluate(() => {
      asked.length = 0
      const { send } = XMLHttpRequest.prototype
      const sent: number[] = []
      XMLHttpRequest.prototype.send = function (this: XMLHttpRequest, body?: Blob) {
        if (body) sent.push(asked.length)
        send.call(this, body)
      }
      Object.assign(globalThis, { sent })
    })
    await upload(['third'])
    const sent = await page.evaluate(() => (globalThis as unknown as { sent: number[] }).sent)
    // Four chunks of 5 MiB and what is left. Each goes out when the one behind it was asked for, the last one alone.
    expect(sent).toHaveLength(5)
    const cells = (sent[0] ?? 0) - 2
    expect(sent.map((count) => count - cells)).toEqual([2, 3, 4, 5, 5])
  })

  it.each([
    ['a policy forbids workers', { path: 'no-workers' }],
    ['its file is not there', { path: 'lost-worker' }],
    ['it dies at once', { dies: 0 }],
    ['it dies while it works', { dies: 3 }],
    ['it dies within a digest', { dies: 12 }],
  ])('are right where %s', async (_, how) => {
    await open(how)
    expect((await upload()).token?.body.cells).toEqual(cells())
    const { found, asked } = await digests()
    expect(found).toEqual(expected())
    expect(asked).toBeLessThan(ALGORITHMS.length * 6)
  })

  it('are right where a worker falls silent', async () => {
    await open()
    await upload()
    await page.clock.install()
    await page.evaluate(() => {
      // What it is asked for from here on never reaches it.
      asked.length = 0
      Worker.prototype.postMessage = (message: { digest?: number }) => asked.push(message)
    })
    const done = digests()
    await page.waitForFunction(() => asked.length > 0)
    await page.clock.fastForward(31_000)
    expect((await done).found).toEqual(expected())
  })

  it('tell of a file that became shorter', async () => {
    await open()
    await upload()
    const path = join(folder, 'body')
    await truncate(path, SIZE - MIB)
    try {
      await expect(upload()).rejects.toThrow(/body cannot be read|BodyChanged/)
    } finally {
      await writeFile(path, bytes)
    }
  })
})
