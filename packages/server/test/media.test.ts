/** The media face as a process: strangers that are killed, a server that is killed, hostile files. */
import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { samples } from '../src/media/testing/samples.ts'
import { contentOf, MIB } from './content.ts'
import { type Pawl, startPawl } from './process.ts'
import { until } from './until.ts'

const example = (name: string): string =>
  fileURLToPath(new URL(`../../../examples/wix-media/${name}.js`, import.meta.url))

interface File {
  readonly id: string
  readonly hash: string
  readonly operationStatus: string
  readonly mediaType: string
  readonly sizeInBytes: string
  readonly url: string
}

let folder: string
let pawl: Pawl
let key: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pawl-media-'))
  pawl = await startPawl()
  key = /service key +(\S+)/.exec(pawl.output)?.[1] ?? ''
})
afterAll(async () => {
  await pawl?.stop()
  if (folder !== undefined) await rm(folder, { recursive: true, force: true })
})

const ask = async <T>(method: string, path: string, body?: object): Promise<T> => {
  const response = await fetch(`${pawl.url}/site-media/v1${path}`, {
    method,
    headers: { Authorization: `Bearer ${key}`, 'Content-Type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${await response.text()}`)
  return (await response.json()) as T
}
const find = async (id: string): Promise<File> =>
  (await ask<{ file: File }>('GET', `/files/get-file-by-id?fileId=${id}`)).file

/** An example as its command runs it. */
function run(
  name: string,
  ...args: readonly string[]
): { child: ChildProcess; lines: string[]; done: Promise<number | null> } {
  const child = spawn(process.execPath, [example(name), ...args], {
    env: {
      ...process.env,
      PAWL_URL: pawl.url,
      PAWL_SERVICE_KEY: key,
      PAWL_UPLOADS: join(folder, 'uploads.json'),
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const lines: string[] = []
  let text = ''
  child.stdout?.on('data', (chunk: Buffer) => {
    text += chunk.toString()
    lines.splice(0, lines.length, ...text.split('\n').filter((line) => line !== ''))
  })
  return { child, lines, done: once(child, 'close').then(([code]) => code as number | null) }
}

test('a stranger that is killed goes on in another process, with nothing but URL and token', async () => {
  const bytes = contentOf('stranger').bytes(0, 96 * MIB)
  const path = join(folder, 'large.bin')
  await writeFile(path, bytes)
  const asked = run('ask', path)
  expect(await asked.done).toBe(0)
  const { uploadUrl, uploadToken } = JSON.parse(asked.lines[0] ?? '') as {
    uploadUrl: string
    uploadToken: string
  }

  const first = run('upload', path, uploadUrl, uploadToken)
  await until(
    'bytes are on their way',
    async () => Number(first.lines.at(-1)?.split(' ')[0] ?? 0) > MIB,
    60_000,
  )
  first.child.kill('SIGKILL')
  await first.done
  expect(first.lines.some((line) => line.startsWith(`${bytes.length} of`))).toBe(false)

  const second = run('upload', path, uploadUrl, uploadToken)
  expect(await second.done).toBe(0)
  // Its first word is not about the first byte.
  expect(Number(second.lines[0]?.split(' ')[0])).toBeGreaterThan(0)
  const { file } = JSON.parse(second.lines.at(-1) ?? '') as { file: File }
  await until('it is READY', async () => (await find(file.id)).operationStatus === 'READY', 60_000)
  expect(await find(file.id)).toMatchObject({
    hash: createHash('md5').update(bytes).digest('hex'),
    sizeInBytes: String(bytes.length),
    mediaType: 'OTHER',
  })
})

test('every kind of file goes the same way', async () => {
  for (const { name, type, mediaType, bytes } of await samples()) {
    const path = join(folder, name)
    await writeFile(path, bytes)
    const { uploadUrl, uploadToken } = await ask<{ uploadUrl: string; uploadToken: string }>(
      'POST',
      '/files/generate-resumable-upload-url',
      { mimeType: type, uploadProtocol: 'TUS' },
    )
    const upload = run('upload', path, uploadUrl, uploadToken)
    expect(await upload.done, name).toBe(0)
    const { file } = JSON.parse(upload.lines.at(-1) ?? '') as { file: File }
    await until('it is READY', async () => (await find(file.id)).operationStatus === 'READY', 30_000)
    expect((await find(file.id)).mediaType, name).toBe(mediaType)
  }
})

describe('a server that is killed', () => {
  test('goes on with an import where its bytes end', async () => {
    const bytes = contentOf('import').bytes(0, 4 * MIB)
    const ranges: (string | undefined)[] = []
    const source = createServer((req, res) => {
      ranges.push(req.headers.range)
      const from = Number(/^bytes=(\d+)-$/.exec(req.headers.range ?? '')?.[1] ?? 0)
      const partial = { 'Content-Range': `bytes ${from}-${bytes.length - 1}/${bytes.length}` }
      const headers = { ETag: '"v1"', 'Content-Length': bytes.length - from }
      res.writeHead(from === 0 ? 200 : 206, from === 0 ? headers : { ...headers, ...partial })
      // The first time half of it, and then nothing more.
      if (ranges.length === 1) res.write(bytes.subarray(0, 2 * MIB))
      else res.end(bytes.subarray(from))
    })
    source.listen(0, '127.0.0.1')
    await once(source, 'listening')
    const workplace = await mkdtemp(join(tmpdir(), 'pawl-import-'))
    await writeFile(join(workplace, 'pawl.config.mjs'), "export default { importAllow: ['127.0.0.1'] }\n")
    const importer = await startPawl({ cwd: workplace })
    const own = /service key +(\S+)/.exec(importer.output)?.[1] ?? ''
    try {
      const call = async (path: string, body?: object) => {
        const response = await fetch(`${importer.url}/site-media/v1${path}`, {
          method: body === undefined ? 'GET' : 'POST',
          headers: { Authorization: `Bearer ${own}`, 'Content-Type': 'application/json' },
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        })
        return ((await response.json()) as { file: File & { importProgress?: { receivedBytes: number } } })
          .file
      }
      const url = `http://127.0.0.1:${(source.address() as AddressInfo).port}/film.bin`
      const { id } = await call('/files/import', { url })
      const seen = () => call(`/files/get-file-by-id?fileId=${id}`)
      await until(
        'half of it is there',
        async () => (await seen()).importProgress?.receivedBytes === 2 * MIB,
        30_000,
      )
      await importer.kill()
      await importer.restart()
      await until('it is READY', async () => (await seen()).operationStatus === 'READY', 30_000)
      expect((await seen()).hash).toBe(createHash('md5').update(bytes).digest('hex'))
      expect(ranges).toHaveLength(2)
      expect(ranges[1]).toBe(`bytes=${2 * MIB}-`)
    } finally {
      await importer.stop()
      source.closeAllConnections()
      source.close()
      await rm(workplace, { recursive: true, force: true })
    }
  })

  test('brings files that it had finalized out of PENDING', async () => {
    const [sample] = await samples()
    const bytes = sample?.bytes ?? Buffer.alloc(0)
    const { uploadUrl } = await ask<{ uploadUrl: string }>('POST', '/files/generate-upload-url', {
      mimeType: 'image/jpeg',
    })
    const answer = fetch(`${uploadUrl}?filename=a.jpg`, {
      method: 'PUT',
      headers: { 'Content-Type': 'image/jpeg' },
      body: bytes,
    })
    answer.catch(() => {}) // awaited below: the kill may come before its end
    const listed = async () =>
      (await ask<{ files: File[] }>('GET', '/files?mediaTypes=IMAGE&mediaTypes=UNKNOWN&paging.limit=100'))
        .files
    const before = (await listed()).length
    await until(
      'it is there',
      async () => (await listed()).length > before || (await answer.then(() => true)),
      30_000,
    )
    await pawl.kill()
    await answer.catch(() => {})
    await pawl.restart()
    await until(
      'nothing is PENDING',
      async () => (await listed()).every(({ operationStatus }) => operationStatus === 'READY'),
      30_000,
    )
  })
})
