import { createHash } from 'node:crypto'
import { json, Refused } from '@pawl/emulators/listen'
import { tokens } from '@pawl/emulators/tokens'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { randomBytes, same } from '../../../test/bodies.ts'
import { operations } from '../../../test/operations.ts'
import { type EmulatedWorld, providerFaults } from '../../../test/provider-faults.ts'
import { scenarios, type World } from '../../../test/scenarios.ts'
import { startFront, tusCall } from '../../../test/servers/front.ts'
import { type PawlServer, startPawl } from '../../../test/servers/pawl.ts'
import { UploadControl } from '../../control.ts'
import { FilesError } from '../../errors.ts'
import { Files } from '../../files.ts'
import { type Http, type HttpRequest, type HttpResponse, http } from '../../http/http.ts'
import type { SupabaseOptions } from './options.ts'
import { supabase } from './supabase.ts'

const MIB = 2 ** 20
let server: PawlServer
beforeAll(async () => {
  server = await startPawl()
}, 60_000)
afterAll(() => server?.close())

const adapter = (more: Partial<SupabaseOptions> = {}) =>
  supabase({ url: server.storage, bucket: 'documents', apiKey: server.serviceKey, ...more })
const filesOf = (more: Partial<SupabaseOptions> = {}) =>
  new Files({ adapter: adapter(more), retries: { max: 5, backoff: () => 1 } })

/** The wire, with every request written down, and answers of one's own in between. */
function watched() {
  const requests: HttpRequest[] = []
  const wire = {
    requests,
    answer: (_: HttpRequest): Promise<HttpResponse> | HttpResponse | undefined => undefined,
    http: (async (request, call) => {
      requests.push(request)
      return (await wire.answer(request)) ?? http(request, call)
    }) as Http,
    sizes: () =>
      requests.flatMap(({ method, body }) =>
        method === 'PATCH' && typeof body === 'object' && 'size' in body ? [body.size] : [],
      ),
  }
  return wire
}

function answer(status: number, body?: unknown): HttpResponse {
  return {
    status,
    header: () => undefined,
    headers: () => [],
    text: async () => (body === undefined ? '' : JSON.stringify(body)),
  }
}

const EXPIRED = { statusCode: '403', error: 'Unauthorized', message: '"exp" claim timestamp check failed' }

function world(parallel: number): World {
  const created = new Set<string>()
  const remembering: Http = async (request, call) => {
    const response = await http(request, call)
    const location = response.header('location')
    if (response.status === 201 && location) created.add(new URL(location, server.storage).href)
    return response
  }
  return {
    adapter: () => adapter({ parallel, chunk: {}, http: remembering }),
    read,
    openSessions: async () => {
      let open = 0
      for (const url of created) {
        const { headers } = await fetch(url, {
          method: 'HEAD',
          headers: { 'tus-resumable': '1.0.0', authorization: `Bearer ${server.serviceKey}` },
        })
        if (Number(headers.get('upload-offset')) < Number(headers.get('upload-length'))) open++
      }
      return open
    },
    partSize: MIB,
  }
}

async function read(key: string): Promise<Uint8Array | undefined> {
  try {
    return new Uint8Array(await (await filesOf().download(key)).arrayBuffer())
  } catch (error) {
    if (error instanceof FilesError && error.code === 'NotFound') return undefined
    throw error
  }
}

/** The storage face behind a road with faults, and tokens of users that expire. */
async function onARoad(): Promise<EmulatedWorld> {
  const accepted = tokens()
  const { origin, pathname } = new URL(server.storage)
  const front = await startFront(origin, {
    callOf: ({ method, url }) => (url.pathname.includes('/upload/resumable') ? tusCall(method) : 'other'),
    refusal: (status) => json({ message: 'not now' }, status),
    look: { 'tus-resumable': '1.0.0', authorization: `Bearer ${server.serviceKey}` },
    rules: ({ url, headers }) => {
      if (!accepted.accepts(headers.authorization)) throw new Refused(json(EXPIRED, 400))
      return { path: url.pathname + url.search, headers: { authorization: `Bearer ${server.serviceKey}` } }
    },
  })
  return {
    emulator: front,
    adapter: () =>
      supabase({
        url: front.endpoint + pathname,
        bucket: 'documents',
        chunk: {},
        token: () => accepted.current,
      }),
    read,
    openSessions: front.openSessions,
    expireCredential: () => accepted.expire(),
    expireSessions: front.expireSessions,
    // Bodies of a few parts are too large to travel with the creation.
    partSize: 1.25 * MIB,
    close: front.close,
  }
}

scenarios("supabase on Pawl's storage face, one lane", async () => world(1))
scenarios("supabase on Pawl's storage face, joined lanes", async () => world(3))
providerFaults("supabase on Pawl's storage face, on a bad road", onARoad)
operations("supabase on Pawl's storage face", async () => world(1))

/** A token of an upload that was stopped after its first chunk of 6 MiB. */
async function half(body: Uint8Array<ArrayBuffer>, key: string, more: Partial<SupabaseOptions> = {}) {
  const control = new UploadControl()
  const stop = new AbortController()
  const onProgress = ({ loaded }: { loaded: number }) => loaded >= 6 * MIB && stop.abort()
  await filesOf(more)
    .upload(key, body, { control, signal: stop.signal, onProgress })
    .catch(() => {})
  return JSON.parse(JSON.stringify(control))
}

describe('supabase', () => {
  const body = randomBytes(14 * MIB)

  it('sends chunks of exactly 6 MiB, and goes on in the same way', async () => {
    const wire = watched()
    await filesOf({ http: wire.http }).upload('chunks.bin', body, { multipart: { partSize: MIB } })
    expect(wire.sizes()).toEqual([6 * MIB, 6 * MIB, 2 * MIB])
    const token = await half(body, 'chunks-2.bin')
    wire.requests.length = 0
    await filesOf({ http: wire.http }).upload('chunks-2.bin', body, { control: UploadControl.from(token) })
    expect(wire.sizes()).toEqual([6 * MIB, 2 * MIB])
  })

  it('writes type, age and metadata where Supabase looks for them, and returns the proof', async () => {
    const files = filesOf()
    const result = await files.upload('told ü.txt', body, {
      contentType: 'text/markdown',
      cacheControl: 'max-age=60',
      metadata: { who: 'me' },
      verify: 'full',
    })
    const sha256 = createHash('sha256').update(body).digest('base64')
    expect(result).toEqual({
      key: 'told ü.txt',
      size: body.length,
      contentType: 'text/markdown',
      etag: expect.stringMatching(/^".+"$/),
      digest: { algorithm: 'sha-256', value: sha256 },
    })
    const response = await fetch(await files.url('told ü.txt'))
    expect([response.headers.get('content-type'), response.headers.get('cache-control')]).toEqual([
      'text/markdown',
      'max-age=60',
    ])
    expect(await files.head('told ü.txt')).toMatchObject({ etag: result.etag, metadata: { who: 'me' } })
    await expect(files.upload('a', 'b', { cacheControl: 'private' })).rejects.toMatchObject({
      code: 'NotSupported',
    })
  })

  it('overwrites unless told not to, and says at once that a path is taken', async () => {
    await filesOf().upload('taken.txt', 'one')
    await filesOf().upload('taken.txt', 'two')
    const wire = watched()
    const refused = { code: 'Conflict', retryable: false }
    await expect(
      filesOf({ http: wire.http, upsert: false }).upload('taken.txt', 'three'),
    ).rejects.toMatchObject(refused)
    expect(wire.requests.map(({ method }) => method)).toEqual(['OPTIONS', 'POST'])
    await expect(filesOf({ upsert: false }).copy('taken.txt', 'taken.txt')).rejects.toMatchObject(refused)
    expect(await (await filesOf().download('taken.txt')).text()).toBe('two')
    await filesOf().upload('mover.txt', 'moved')
    await expect(filesOf({ upsert: false }).move('mover.txt', 'taken.txt')).rejects.toMatchObject(refused)
    await filesOf().move('mover.txt', 'taken.txt')
    expect(await (await filesOf().download('taken.txt')).text()).toBe('moved')
    expect(await filesOf().exists('mover.txt')).toBe(false)
  })

  it('loses a race for a path with a Conflict, not with a session to begin anew', async () => {
    const token = await half(body, 'race.bin', { upsert: false })
    await filesOf().upload('race.bin', 'first')
    const control = UploadControl.from(token)
    await expect(
      filesOf({ upsert: false }).upload('race.bin', body, { control, retries: 2 }),
    ).rejects.toMatchObject({ code: 'Conflict' })
  })

  it('uploads with a signed token alone, and goes on with it in another process', async () => {
    const signed = await filesOf().signedUploadUrl('signed.bin', { expiresIn: 60 })
    const signature = new URL(signed.url).searchParams.get('token') ?? ''
    let asked = 0
    const signer = (fresh: string) => ({
      url: server.storage,
      bucket: 'documents',
      signature: async (key: string) => {
        asked++
        expect(key).toBe('signed.bin')
        return fresh
      },
    })
    const control = new UploadControl()
    const stop = new AbortController()
    const onProgress = ({ loaded }: { loaded: number }) => loaded >= 6 * MIB && stop.abort()
    const first = new Files({ adapter: supabase(signer(signature)) })
    await first.upload('signed.bin', body, { control, signal: stop.signal, onProgress }).catch(() => {})
    // A new one would be refused: an upload goes on with the token that it began with.
    const second = new Files({ adapter: supabase(signer('another')) })
    await second.upload('signed.bin', body, { control: UploadControl.from(JSON.stringify(control)) })
    expect(asked).toBe(1)
    expect(same(new Uint8Array(await (await filesOf().download('signed.bin')).arrayBuffer()), body)).toBe(
      true,
    )
    const elsewhere = new Files({
      adapter: supabase({ url: server.storage, bucket: 'documents', signature }),
      retries: 0,
    })
    await expect(elsewhere.upload('other.bin', 'x')).rejects.toMatchObject({ code: 'Unauthorized' })
  })

  it.each([401, 403, 400])('gets new credentials when %d says that they expired', async (status) => {
    const asked: boolean[] = []
    const token = ({ refused }: { refused: boolean }) => {
      if (refused) asked.push(refused)
      return asked.length > 0 ? server.serviceKey : 'old'
    }
    const wire = watched()
    wire.answer = ({ headers }) =>
      headers.authorization === 'Bearer old' ? answer(status, EXPIRED) : undefined
    const options = { token, http: wire.http }
    const key = `expired-${status}.bin`
    const session = await half(body, key)
    await filesOf(options).upload(key, body, { control: UploadControl.from(session), retries: 0 })
    expect(asked).toEqual([true])
    asked.length = 0
    expect((await filesOf(options).head(key)).size).toBe(body.length)
    expect(asked).toEqual([true])
    await expect(filesOf({ token: 'old', http: wire.http }).upload(key, body)).rejects.toMatchObject({
      code: 'Unauthorized',
    })
  })

  it('is not led elsewhere by a doctored token: neither origin, nor bucket, nor key, nor path', async () => {
    const token = await half(body, 'mine.bin')
    const other = await half(body, 'theirs.bin')
    const elsewhere = await half(body, 'mine.bin', { bucket: 'photos' })
    const wire = watched()
    const tryWith = (doctored: unknown, retries = 0) =>
      filesOf({ http: wire.http }).upload('mine.bin', body, {
        control: UploadControl.from(JSON.stringify(doctored)),
        retries,
      })
    const at = (url: string) => ({ ...token, session: { urls: [url] } })
    for (const url of [
      'http://127.0.0.2:1/storage/v1/upload/resumable/x',
      `${server.storage}/object/documents/theirs.bin`,
      `${server.storage}/upload/resumable/../../bucket/documents`,
      `${server.storage}/upload/resumable/%2e%2e/%2e%2e/bucket/documents`,
      server.endpoint,
    ]) {
      await expect(tryWith(at(url))).rejects.toMatchObject({ code: 'Unauthorized' })
    }
    expect(wire.requests).toEqual([])
    // A wish of the user's, not of a token's: giving up must not delete what the token points at.
    const control = UploadControl.from(JSON.stringify(at(`${server.storage}/bucket/documents`)))
    const aborted = filesOf({ http: wire.http }).upload('mine.bin', body, { control })
    await control.abort().catch(() => {})
    await expect(aborted).rejects.toBeInstanceOf(FilesError)
    expect(wire.requests).toEqual([])

    const longer = await half(randomBytes(15 * MIB), 'mine.bin')
    await expect(tryWith({ ...token, session: longer.session })).rejects.toMatchObject({
      code: 'SessionGone',
    })
    for (const session of [other.session, elsewhere.session])
      await expect(tryWith({ ...token, session })).rejects.toMatchObject({ code: 'Conflict' })
    await expect(tryWith({ ...token, key: 'theirs.bin' })).rejects.toMatchObject({ code: 'Conflict' })
    await expect(tryWith(elsewhere)).rejects.toMatchObject({ code: 'Conflict' })
    expect(wire.requests.map(({ method }) => method).filter((name) => name === 'PATCH')).toEqual([])
    await tryWith(token)
  })

  it('gives lasting URLs of a public bucket, and reads it without credentials', async () => {
    const writer = filesOf({ bucket: 'photos', public: true })
    await writer.upload('a b?.txt', 'for all')
    const url = await writer.url('a b?.txt')
    expect(url).toBe(`${server.storage}/object/public/photos/a%20b%3F.txt`)
    expect(await (await fetch(url)).text()).toBe('for all')
    const saved = await fetch(
      await writer.url('a b?.txt', { responseContentDisposition: 'attachment; filename="c d.txt"' }),
    )
    expect(saved.headers.get('content-disposition')).toBe('attachment; filename="c d.txt"')
    const reader = new Files({
      adapter: supabase({ url: new URL(server.storage).origin, bucket: 'photos', public: true }),
    })
    expect(await (await reader.download('a b?.txt')).text()).toBe('for all')
    expect(await reader.head('a b?.txt')).toMatchObject({ size: 7 })
    await expect(reader.upload('b.txt', 'x')).rejects.toMatchObject({ code: 'Unauthorized' })
  })

  it('refuses keys that a URL would change, and buckets that are none', async () => {
    for (const key of ['../a', 'a/./b', 'a//b', '/a', '\ud800', 'a\\b']) {
      await expect(filesOf().upload(key, 'x')).rejects.toMatchObject({ code: 'InvalidKey' })
      await expect(filesOf().head(key)).rejects.toMatchObject({ code: 'InvalidKey' })
    }
    for (const bucket of ['', '..', 'a/b']) expect(() => adapter({ bucket })).toThrow('no bucket name')
  })
})
