import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { until } from '../../../test/until.ts'
import type { Hook, HookRequest } from '../../uploads/hooks.ts'
import { type Reply, send } from '../testing/client.ts'
import {
  CHUNK,
  createUpload,
  head,
  metadataHeader,
  patch,
  startTestServer,
  type TestServer,
  type TestServerOptions,
  TUS,
} from '../testing/test-server.ts'

const cleanups: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

interface HooksGiven {
  readonly beforeCreate?: Hook
  readonly beforeFinish?: Hook
  readonly timeout?: number
}

async function start(hooks: HooksGiven, options: TestServerOptions = {}): Promise<TestServer> {
  const server = await startTestServer({ ...options, file: { hooks } })
  cleanups.push(() => server.close())
  return server
}
const metadata = (given: Readonly<Record<string, string>>) => ({ 'Upload-Metadata': metadataHeader(given) })
const reject: Hook = () => ({ reject: { status: 422, message: 'not with us' } })
const fail: Hook = () => {
  throw new Error('the database of the hook is away')
}
const hang: Hook = () => new Promise(() => {})

/** Every way on which an upload comes to be and to its end. */
const WAYS: Readonly<Record<string, (server: TestServer) => Promise<Reply>>> = {
  'creation and PATCH': async (server) => {
    const made = await send(`${server.url}/files/`, 'POST', { ...TUS, 'Upload-Length': '3' })
    if (made.status !== 201) return made
    return patch(new URL(made.headers.location ?? '', server.url).href, 0, 'abc')
  },
  'creation with upload': (server) =>
    send(`${server.url}/files/`, 'POST', { ...CHUNK, 'Upload-Length': '3' }, 'abc'),
  'an upload of no bytes': (server) => send(`${server.url}/files/`, 'POST', { ...TUS, 'Upload-Length': '0' }),
  'a final upload': async (server) => {
    const headers = { ...CHUNK, 'Upload-Length': '3', 'Upload-Concat': 'partial' }
    const part = await send(`${server.url}/files/`, 'POST', headers, 'abc')
    if (part.status !== 201) return part
    const list = `final;${part.headers.location}`
    return send(`${server.url}/files/`, 'POST', { ...TUS, 'Upload-Concat': list })
  },
}

async function countOf(server: TestServer): Promise<number> {
  const files = await readdir(join(server.dataDir, 'blobs'), { recursive: true, withFileTypes: true })
  return files.filter((file) => file.isFile() && /^[0-9a-f]{32}/.test(file.name)).length
}

describe.each(Object.entries(WAYS))('On the way of %s', (_name, upload) => {
  test('beforeCreate that rejects leaves nothing behind, and its status and message reach the client', async () => {
    const server = await start({ beforeCreate: reject })
    const reply = await upload(server)
    expect([reply.status, reply.text]).toEqual([422, 'not with us\n'])
    expect(reply.headers.location).toBeUndefined()
    expect(await countOf(server)).toBe(0)
  })

  test.each([
    ['throws', fail],
    ['hangs', hang],
    ['returns what makes no sense', (() => ({ reject: { status: 200, message: 'ok' } })) as Hook],
  ])('beforeCreate that %s is a 503 to be tried again', async (_how, beforeCreate) => {
    const server = await start({ beforeCreate, timeout: 100 })
    const reply = await upload(server)
    expect([reply.status, reply.headers['retry-after']]).toEqual([503, '1'])
    expect(reply.text).not.toContain('database')
    expect(await countOf(server)).toBe(0)
  })

  test('beforeFinish that rejects fails the upload for good', async () => {
    const server = await start({ beforeFinish: reject })
    let failures = 0
    server.server.events.on('upload.failed', ({ data }) => {
      expect(data.failure).toEqual({ code: 'rejected', status: 422, message: 'not with us' })
      failures += 1
    })
    const reply = await upload(server)
    expect([reply.status, reply.text]).toEqual([422, 'not with us\n'])
    await until('the failure is told', () => failures === 1)
  })

  test.each([
    ['throws', fail],
    ['hangs', hang],
  ])(
    'beforeFinish that %s is a 503, and the upload is finished without its client later',
    async (_how, broken) => {
      const dataDir = await mkdtemp(join(tmpdir(), 'pawl-hooks-'))
      cleanups.push(() => rm(dataDir, { recursive: true }))
      const first = await startTestServer({
        dataDir,
        file: { hooks: { beforeFinish: broken, timeout: 100 } },
      })
      const reply = await upload(first)
      expect([reply.status, reply.headers['retry-after']]).toEqual([503, '1'])
      await first.close()

      const seen: HookRequest[] = []
      const again = await start({ beforeFinish: (request) => void seen.push(request) }, { dataDir })
      await until('start-up repair asked the hook', () => seen.length === 1)
      const url = `${again.url}/files/${seen[0]?.key}`
      await until('the object is there', async () => (await send(url, 'GET')).status === 200)
      expect(seen[0]).toMatchObject({ action: 'finish', bucket: 'files', role: 'anon' })
    },
  )

  test('both may change the metadata, and the name and type with it', async () => {
    const server = await start({
      beforeCreate: ({ metadata }) => ({ metadata: { ...metadata, step: 'one' } }),
      beforeFinish: ({ metadata }) => ({
        metadata: { ...metadata, filename: 'größe.html', filetype: 'text/html' },
      }),
    })
    const keys: string[] = []
    server.server.events.on('object.created', ({ data }) => {
      expect(data).toMatchObject({ type: 'text/html', metadata: { step: 'one', filename: 'größe.html' } })
      keys.push(data.key)
    })
    const reply = await upload(server)
    expect(reply.status).toBeLessThan(205)
    await until('the object is told', () => keys.length === 1)
    const url = `${server.url}/files/${keys[0]}`
    const object = await send(url, 'GET')
    expect(object.headers['content-type']).toBe('text/html')
    expect(object.headers['content-disposition']).toContain("filename*=UTF-8''gr%C3%B6%C3%9Fe.html")
    expect((await head(url)).headers['upload-metadata']).toBe(
      metadataHeader({ step: 'one', filename: 'größe.html', filetype: 'text/html' }),
    )
  })
})

describe('A hook', () => {
  test('gets who, what and where', async () => {
    const seen: HookRequest[] = []
    const note: Hook = (request) => void seen.push(request)
    const server = await start({ beforeCreate: note, beforeFinish: note })
    const url = await createUpload(
      server,
      undefined,
      metadata({ filename: 'a.png', filetype: 'image/png', __proto__x: '1' }),
    )
    const length = { 'Upload-Length': '3' }
    expect((await patch(url, 0, 'abc', length)).status).toBe(204)
    const key = url.split('/').at(-1)
    const common = {
      role: 'anon',
      sub: undefined,
      bucket: 'files',
      key,
      type: 'image/png',
      metadata: { filename: 'a.png', filetype: 'image/png', __proto__x: '1' },
    }
    expect(seen).toEqual([
      { ...common, action: 'create', size: undefined },
      { ...common, action: 'finish', size: 3 },
    ])
  })

  test('is told which uploads are parts of another, and no part is published', async () => {
    const actions: string[] = []
    const note: Hook = ({ action }) => void actions.push(action)
    const server = await start({ beforeCreate: note, beforeFinish: note })
    expect((await WAYS['a final upload']?.(server))?.status).toBe(201)
    expect(actions).toEqual(['create-partial', 'create-final', 'finish'])
  })

  test('that rejects the end is remembered: a repeat gets its answer again without asking it, HEAD 410', async () => {
    let asked = 0
    const server = await start({
      beforeFinish: () => {
        asked += 1
        return { reject: { message: 'infected' } }
      },
    })
    const url = await createUpload(server, 3)
    for (const body of ['abc', '', '']) {
      const reply = await patch(url, body === '' ? 3 : 0, body)
      expect([reply.status, reply.text]).toEqual([400, 'infected\n'])
    }
    const look = await head(url)
    expect(look.status).toBe(410)
    expect(asked).toBe(1)
    expect((await send(url, 'GET')).status).toBe(410)
  })

  test('that fails once at the end is asked again by a repeat; HEAD says 423 until then', async () => {
    let works = false
    const server = await start({
      beforeFinish: () => {
        if (!works) throw new Error('away')
      },
    })
    const url = await createUpload(server, 3)
    expect((await patch(url, 0, 'abc')).status).toBe(503)
    expect((await head(url)).status).toBe(423)
    expect((await patch(url, 3, '')).status).toBe(503)
    works = true
    expect((await patch(url, 3, '')).status).toBe(204)
    expect((await head(url)).headers['upload-offset']).toBe('3')
    expect((await send(url, 'GET')).text).toBe('abc')
  })

  test('that takes too long is told by its signal, and what it says later counts for nothing', async () => {
    const aborted: boolean[] = []
    const server = await start({
      timeout: 50,
      beforeCreate: (_request, signal) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => {
            aborted.push(true)
            reject(new Error('too late'))
          })
        }),
    })
    const reply = await send(`${server.url}/files/`, 'POST', { ...TUS, 'Upload-Length': '3' })
    expect(reply.status).toBe(503)
    expect(aborted).toEqual([true])
  })

  test.each([
    ['a name that cannot be sent', { 'a b': '1' }],
    ['a content type that is none', { filetype: 'text' }],
    ['more than fits', { note: 'x'.repeat(20_000) }],
  ])('that gives metadata with %s is a fault of the server', async (_what, given) => {
    const server = await start({ beforeCreate: () => ({ metadata: given }) })
    const reply = await send(`${server.url}/files/`, 'POST', { ...TUS, 'Upload-Length': '3' })
    expect(reply.status).toBe(503)
  })

  test('that hangs does not keep the server from closing', { timeout: 15_000 }, async () => {
    const server = await startTestServer({ file: { hooks: { beforeFinish: hang, timeout: 60_000 } } })
    const url = await createUpload(server, 3)
    const answer = patch(url, 0, 'abc').catch(() => undefined)
    const catalog = join(server.dataDir, 'catalog.sqlite')
    await until('the bytes arrived', async () => (await readFile(catalog)).length > 0)
    await new Promise((resolve) => setTimeout(resolve, 300))
    const begin = Date.now()
    await server.close()
    expect(Date.now() - begin).toBeLessThan(10_500)
    await answer
  })
})

test('a listener that throws harms no upload', async () => {
  const server = await start({})
  const types: string[] = []
  server.server.events.on('*', () => {
    throw new Error('of no concern')
  })
  server.server.events.on('*', ({ type }) => void types.push(type))
  const url = await createUpload(server, 6)
  expect((await patch(url, 0, 'abc')).status).toBe(204)
  expect((await patch(url, 3, 'def')).status).toBe(204)
  const other = await createUpload(server, 6)
  expect((await send(other, 'DELETE', TUS)).status).toBe(204)
  await until('everything is told', () => types.includes('upload.cancelled'))
  expect(types).toEqual([
    'upload.created',
    'upload.progressed',
    'upload.completed',
    'object.created',
    'upload.created',
    'upload.cancelled',
  ])
})
