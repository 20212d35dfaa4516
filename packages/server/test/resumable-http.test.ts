/** Resumable Uploads for HTTP with clients that others wrote, through kills of the server and real proxies. */
import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { SignJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { contentOf, MIB } from './content.ts'
import { PROXIES, startProxy } from './http-proxies.ts'
import { type Pawl, startPawl } from './process.ts'
import { startTcpProxy } from './tcp-proxy.ts'
import { uploadWithTus } from './tus-client.ts'
import { until } from './until.ts'
import { sha256Of } from './wire.ts'

const run = promisify(execFile)
const SIZE = 24 * MIB + 4321
const content = contentOf('resumable http')
const DRAFT = { 'Upload-Draft-Interop-Version': '8' }
let pawl: Pawl
let folder: string
let file: string

beforeAll(async () => {
  pawl = await startPawl()
  folder = await mkdtemp(join(tmpdir(), 'pawl-resumable-'))
  file = join(folder, 'file')
  await writeFile(file, content.bytes(0, SIZE))
})
afterAll(async () => {
  await pawl?.stop()
  if (folder !== undefined) await rm(folder, { recursive: true, force: true })
})

/** What curl got: every head, interim ones first. */
async function curl(
  ...args: readonly string[]
): Promise<{ heads: string[]; statuses: number[]; failed: boolean }> {
  const options = [
    '--silent',
    '--show-error',
    '--include',
    '--output',
    join(folder, 'answer'),
    '--dump-header',
    '-',
  ]
  const result = await run('curl', [...options, '-H', 'Upload-Draft-Interop-Version: 8', ...args]).then(
    ({ stdout }) => ({ stdout, failed: false }),
    (error: { stdout: string }) => ({ stdout: error.stdout, failed: true }),
  )
  const heads = result.stdout.split('\r\n\r\n').filter((head) => head.startsWith('HTTP/'))
  return { heads, statuses: heads.map((head) => Number(head.split(' ')[1])), failed: result.failed }
}

function fieldIn(head: string | undefined, name: string): string | undefined {
  return new RegExp(`^${name}: (.*?)\\r?$`, 'im').exec(head ?? '')?.[1]
}

describe('curl', () => {
  test('uploads, is cut, asks, resumes, and cancels', async () => {
    const cut = await curl(
      ...[
        '-X',
        'POST',
        '-H',
        'Upload-Complete: ?1',
        '-H',
        'Content-Type: text/plain',
        '--data-binary',
        `@${file}`,
      ],
      ...['--limit-rate', '4M', '--max-time', '1', `${pawl.url}/files/`],
    )
    expect(cut.failed).toBe(true)
    expect(cut.statuses.every((status) => status === 104 || status === 100)).toBe(true)
    const created = cut.heads.find((head) => fieldIn(head, 'location') !== undefined)
    const url = new URL(fieldIn(created, 'location') ?? '', pawl.url).href
    const seen = await curl('--head', url)
    const offset = Number(fieldIn(seen.heads[0], 'upload-offset'))
    expect(offset).toBeGreaterThan(0)
    expect(offset).toBeLessThan(SIZE)
    const rest = join(folder, 'rest')
    await writeFile(rest, content.bytes(offset, SIZE))
    const partial = [
      '-X',
      'PATCH',
      '-H',
      'Content-Type: application/partial-upload',
      '--data-binary',
      `@${rest}`,
    ]
    const done = await curl(...partial, '-H', `Upload-Offset: ${offset}`, '-H', 'Upload-Complete: ?1', url)
    expect(done.statuses.at(-1)).toBe(201)
    expect(fieldIn(done.heads.at(-1), 'upload-complete')).toBe('?1')
    expect(await sha256Of(new URL(fieldIn(done.heads.at(-1), 'location') ?? '', pawl.url).href)).toBe(
      content.sha256(SIZE),
    )

    const other = await curl(
      '-X',
      'POST',
      '-H',
      'Upload-Complete: ?0',
      '-H',
      'Content-Length: 0',
      `${pawl.url}/files/`,
    )
    const unwanted = new URL(fieldIn(other.heads.at(-1), 'location') ?? '', pawl.url).href
    expect((await curl('-X', 'DELETE', unwanted)).statuses).toEqual([204])
    expect((await curl('--head', unwanted)).statuses).toEqual([404])
  })
})

describe.each(['ietf-draft-03', 'ietf-draft-05'] as const)('tus-js-client with %s', (protocol) => {
  test('uploads in one piece and in many', async () => {
    for (const chunkSize of [Infinity, 5 * MIB]) {
      const upload = uploadWithTus(pawl.url, content.bytes(0, SIZE), chunkSize, protocol)
      await upload.done
      expect(upload.log.every((line) => / 20[14]$/.test(line))).toBe(true)
      expect(await sha256Of((upload.url ?? '').replace('/uploads/', '/files/'))).toBe(content.sha256(SIZE))
    }
  })

  test('is cut, looks, resumes, and sends nothing twice', async () => {
    const proxy = await startTcpProxy(pawl.port, 40e6)
    try {
      const upload = uploadWithTus(proxy.url, content.bytes(0, SIZE), Infinity, protocol)
      await until('some of it is sent', () => upload.sent > 8 * MIB)
      proxy.cut()
      await upload.done
      expect(upload.log).toContain('HEAD 204')
      expect(proxy.bytes).toBeLessThan(SIZE + 8 * MIB)
      expect(
        await sha256Of((upload.url ?? '').replace(proxy.url, pawl.url).replace('/uploads/', '/files/')),
      ).toBe(content.sha256(SIZE))
    } finally {
      await proxy.close()
    }
  })

  test('pauses, goes on, and cancels', async () => {
    const proxy = await startTcpProxy(pawl.port, 40e6)
    try {
      const upload = uploadWithTus(proxy.url, content.bytes(0, SIZE), 2 * MIB, protocol)
      await until('some of it is sent', () => upload.sent > 4 * MIB)
      await upload.abort()
      upload.resume()
      await until('more of it is sent', () => upload.sent > 8 * MIB)
      await upload.abort(true)
      expect(upload.log).toContain('DELETE 204')
    } finally {
      await proxy.close()
    }
  })

  test('goes on by itself when the server is killed', async () => {
    const proxy = await startTcpProxy(pawl.port, 30e6)
    try {
      const upload = uploadWithTus(proxy.url, content.bytes(0, SIZE), Infinity, protocol)
      await until('some of it is sent', () => upload.sent > 8 * MIB)
      await pawl.kill()
      await pawl.restart()
      await upload.done
      expect(upload.log.filter((line) => line.startsWith('POST'))).toEqual(['POST 201'])
      expect(
        await sha256Of((upload.url ?? '').replace(proxy.url, pawl.url).replace('/uploads/', '/files/')),
      ).toBe(content.sha256(SIZE))
    } finally {
      await proxy.close()
    }
  })
})

interface Told {
  readonly status: number
  readonly headers: Readonly<Record<string, unknown>>
  readonly interim: readonly { readonly status: number; readonly location: unknown }[]
}

function ask(
  url: string,
  method: string,
  headers: Record<string, string>,
  body: Uint8Array = Buffer.alloc(0),
): Promise<Told> {
  return new Promise((resolve, reject) => {
    const interim: Told['interim'][number][] = []
    const sized = { ...DRAFT, 'Content-Length': String(body.length), ...headers }
    const req = request(url, { method, agent: false, headers: sized })
    req.on('information', ({ statusCode, headers }) =>
      interim.push({ status: statusCode, location: headers.location }),
    )
    req.on('response', (res) => {
      res.resume()
      res.on('end', () => resolve({ status: res.statusCode ?? 0, headers: res.headers, interim }))
    })
    req.on('error', reject)
    req.end(body)
  })
}

const PARTIAL = { 'Content-Type': 'application/partial-upload' }

describe('kill -9 of the server', () => {
  test('0 to 20 ms after the last byte of a ?1: it is complete, or goes on; then the answer is repeated for good', async () => {
    const size = 300_000
    const finished: { readonly url: string; readonly answer: Told }[] = []
    for (const point of [0, 2, 5, 20]) {
      const created = await ask(`${pawl.url}/files/`, 'POST', { 'Upload-Complete': '?0' })
      const url = new URL(String(created.headers.location), pawl.url).href
      const sending = ask(
        url,
        'PATCH',
        { ...PARTIAL, 'Upload-Offset': '0', 'Upload-Complete': '?1' },
        content.bytes(0, size),
      ).catch(() => undefined)
      await new Promise((resolve) => setTimeout(resolve, point))
      await pawl.kill()
      await sending
      await pawl.restart()
      const { headers } = await ask(url, 'HEAD', {})
      const offset = Number(headers['upload-offset'])
      // With all its bytes it has come to its end: the client had said so.
      if (offset === size) expect(headers['upload-complete']).toBe('?1')
      const end = { ...PARTIAL, 'Upload-Offset': String(offset), 'Upload-Complete': '?1' }
      const first = await ask(url, 'PATCH', end, content.bytes(offset, size))
      expect(first.status).toBe(201)
      finished.push({ url, answer: first })
    }
    await pawl.kill()
    await pawl.restart()
    for (const { url, answer } of finished) {
      const end = { ...PARTIAL, 'Upload-Offset': String(size), 'Upload-Complete': '?1' }
      const again = await ask(url, 'PATCH', end)
      expect(again.status).toBe(201)
      for (const name of ['location', 'etag', 'upload-complete', 'pawl-object-version'])
        expect(again.headers[name]).toBe(answer.headers[name])
      expect(await sha256Of(new URL(String(again.headers.location), pawl.url).href)).toBe(
        content.sha256(size),
      )
    }
  })
})

const SECRET = 'a secret for tests that is long enough'
const serviceKey = new SignJWT({ role: 'service_role' })
  .setProtectedHeader({ alg: 'HS256' })
  .setExpirationTime('1h')
  .sign(new TextEncoder().encode(SECRET))

describe.each(PROXIES.filter(({ program }) => program !== ''))('behind $name', (kind) => {
  // Through nginx 1.22 the final answer is lost behind a 104 on a kept-alive connection: that is what `auto` is for.
  const modes = kind.name === 'nginx' ? ['auto', 'off'] : ['auto', 'on', 'off']

  test.each(modes)('an upload is begun, cut, resumed and answered with PAWL_INTERIM=%s', async (interim) => {
    const server = await startPawl({
      env: {
        PAWL_DEV: '0',
        PAWL_INTERIM: interim,
        PAWL_TRUSTED_PROXIES: '127.0.0.1',
        PAWL_JWT_SECRET: SECRET,
      },
    })
    const proxy = await startProxy(kind, server.port)
    try {
      const Authorization = `Bearer ${await serviceKey}`
      // Kept-alive connections to the server are used again: an answer that is lost would be missed here.
      for (let round = 0; round < 5; round += 1) {
        const created = await ask(`${proxy.url}/files/`, 'POST', { Authorization, 'Upload-Complete': '?0' })
        expect(created.status).toBe(201)
        if (interim !== 'on') expect(created.interim).toEqual([])
        const url = new URL(String(created.headers.location), proxy.url).href
        const part = { ...PARTIAL, Authorization, 'Upload-Offset': '0', 'Upload-Complete': '?0' }
        expect((await ask(url, 'PATCH', part, content.bytes(0, 5000))).status).toBe(204)
        expect((await ask(url, 'HEAD', { Authorization })).headers['upload-offset']).toBe('5000')
        const last = { ...PARTIAL, Authorization, 'Upload-Offset': '5000', 'Upload-Complete': '?1' }
        const done = await ask(url, 'PATCH', last, content.bytes(5000, 9000))
        expect(done.status).toBe(201)
        expect(done.headers['upload-complete']).toBe('?1')
      }
    } finally {
      await proxy.stop()
      await server.stop()
    }
  })
})
