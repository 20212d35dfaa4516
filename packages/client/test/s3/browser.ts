/** A page that holds no credentials: its requests are presigned one by one by a backend that looks at them. */
import { createHash } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { S3Server } from '@pawl/emulators/s3-server'
import type { Browser } from 'playwright-core'
import { build } from 'rolldown'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { UnsignedRequest } from '../../src/adapters/s3/options.ts'
import { s3 } from '../../src/adapters/s3/s3.ts'
import { signer } from '../../src/adapters/s3/sigv4.ts'
import { Files } from '../../src/files.ts'
import { randomBytes } from '../bodies.ts'
import { hasChromium, launchChromium } from '../react/stage.ts'

const MIB = 2 ** 20
const quiet = { signal: new AbortController().signal, touch: () => {} }

/** Uploads the picked file in parts of 5 MiB, and leaves after `leaveAt` bytes. */
const PAGE = `
import { Files, FilesError } from './src/index.ts'
import { localStorageStore } from './src/browser.ts'
import { s3 } from './src/adapters/s3/s3.ts'
const sign = async (request) => {
  const answer = await fetch('/sign', { method: 'POST', body: JSON.stringify(request) })
  if (!answer.ok) throw new FilesError('Unauthorized', await answer.text())
  return answer.json()
}
window.upload = async (endpoint, key, leaveAt) => {
  const [file] = document.querySelector('input').files
  const files = new Files({ adapter: s3({ bucket: 'pages', endpoint, sign }) })
  const stop = new AbortController()
  try {
    return await files.upload(key, file, {
      resume: localStorageStore(),
      signal: stop.signal,
      multipart: { partSize: ${5 * MIB}, concurrency: 1 },
      onProgress: ({ loaded }) => loaded >= leaveAt && stop.abort(),
    })
  } catch (error) {
    return { code: error.code, aborted: error.aborted, message: error.message }
  }
}
`

export function pages(server: () => S3Server): void {
  let folder = ''
  let backend: Server | undefined
  let browser: Browser | undefined
  const signed: string[] = []
  const origin = () => `http://127.0.0.1:${(backend?.address() as AddressInfo | undefined)?.port}`

  beforeAll(async () => {
    if (!hasChromium) return
    folder = await mkdtemp(join(tmpdir(), 'pawl-s3-page-'))
    const code = await bundled()
    const { presign } = signer(async () => server().credentials, 'us-east-1')
    backend = createServer(async (request, response) => {
      if (request.url === '/page.js') return response.setHeader('content-type', 'text/javascript').end(code)
      if (request.url !== '/sign')
        return response
          .setHeader('content-type', 'text/html')
          .end(
            '<!doctype html><link rel=icon href=data:,><input type=file><script type=module src=/page.js></script>',
          )
      const chunks: Buffer[] = []
      for await (const chunk of request) chunks.push(chunk)
      const wanted: UnsignedRequest = JSON.parse(Buffer.concat(chunks).toString())
      const url = new URL(wanted.url)
      // What a backend has to do: whose key is it, and is it the bucket at all?
      if (!url.href.startsWith(`${server().endpoint}/pages/mine/`))
        return response.writeHead(403).end('not yours')
      signed.push(`${wanted.method} ${[...url.searchParams.keys()]}`)
      return response.end(JSON.stringify(await presign(wanted, 60)))
    })
    await new Promise<void>((resolve) => backend?.listen(0, '127.0.0.1', resolve))
    await allow(server(), origin())
    browser = await launchChromium()
  }, 90_000)
  afterAll(async () => {
    await browser?.close()
    backend?.closeAllConnections()
    backend?.close()
    if (folder !== '') await rm(folder, { recursive: true, force: true })
  })

  async function open() {
    const page = await (await browser?.newContext())?.newPage()
    if (!page) throw new Error('no browser')
    const complaints: string[] = []
    page.on('pageerror', (error) => complaints.push(error.message))
    const pick = async (path: string) => {
      await page.goto(origin())
      await page.locator('input').setInputFiles(path)
    }
    const upload = (key: string, leaveAt: number) =>
      page.evaluate(
        ([endpoint, key, leaveAt]) =>
          (globalThis as unknown as { upload(...args: unknown[]): Promise<Record<string, unknown>> }).upload(
            endpoint,
            key,
            leaveAt,
          ),
        [server().endpoint, key, leaveAt] as const,
      )
    return { pick, upload, complaints }
  }

  it.runIf(hasChromium)(
    'uploads presigned parts, and goes on after a reload with those that are there',
    async () => {
      const body = randomBytes(17 * MIB)
      const path = join(folder, 'film.bin')
      await writeFile(path, body)
      const { pick, upload, complaints } = await open()
      await pick(path)
      expect(await upload('mine/film.bin', 10 * MIB)).toMatchObject({ aborted: true })
      const before = signed.splice(0)
      expect(before).toEqual(['POST uploads', 'PUT partNumber,uploadId', 'PUT partNumber,uploadId'])
      await pick(path)
      expect(await upload('mine/film.bin', Number.POSITIVE_INFINITY)).toMatchObject({
        size: body.length,
        etag: expect.stringContaining('-4'),
      })
      expect(signed.splice(0)).toEqual([
        'GET uploadId,max-parts',
        'PUT partNumber,uploadId',
        'PUT partNumber,uploadId',
        'POST uploadId',
        // Ceph leaves the tag of the answer empty.
        'HEAD ',
      ])
      const stored = await new Files({ adapter: s3({ bucket: 'pages', ...server() }) }).download(
        'mine/film.bin',
      )
      const digest = createHash('sha256').update(new Uint8Array(await stored.arrayBuffer()))
      expect(digest.digest('hex')).toBe(createHash('sha256').update(body).digest('hex'))
      expect(complaints).toEqual([])
    },
  )

  it.runIf(hasChromium)('uploads nothing that the backend does not sign', async () => {
    const { pick, upload } = await open()
    await pick(join(folder, 'film.bin'))
    expect(await upload('theirs/film.bin', Number.POSITIVE_INFINITY)).toMatchObject({
      code: 'Unauthorized',
      message: expect.stringContaining('not yours'),
    })
    expect(signed.splice(0)).toEqual([])
  })
}

async function bundled(): Promise<string> {
  const entry = join(import.meta.dirname, '../../page.js')
  const { output } = await build({
    input: 'page',
    platform: 'browser',
    write: false,
    output: { format: 'esm', codeSplitting: false },
    plugins: [
      {
        name: 'page',
        resolveId: (id) => (id === 'page' ? entry : null),
        load: (id) => (id === entry ? PAGE : null),
      },
    ],
  })
  return output[0].code
}

/** Makes the bucket, and lets pages of one origin use it. */
async function allow(server: S3Server, origin: string): Promise<void> {
  const { raw } = s3({ bucket: 'pages', ...server })
  await raw.expect('making the bucket', { method: 'PUT' }, quiet)
  const methods = ['GET', 'HEAD', 'PUT', 'POST', 'DELETE'].map(
    (name) => `<AllowedMethod>${name}</AllowedMethod>`,
  )
  const body = `<CORSConfiguration><CORSRule><AllowedOrigin>${origin}</AllowedOrigin>${methods.join('')}<AllowedHeader>*</AllowedHeader><ExposeHeader>ETag</ExposeHeader><ExposeHeader>x-amz-meta-pawl-upload</ExposeHeader></CORSRule></CORSConfiguration>`
  const md5 = createHash('md5').update(body).digest('base64')
  const headers = { 'content-md5': md5, 'content-type': 'application/xml' }
  await raw.expect('allowing pages', { method: 'PUT', query: { cors: '' }, headers, body }, quiet)
}
