import { createHash } from 'node:crypto'
import { Refused } from '@pawl/emulators/listen'
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
import { request as overFetch } from '../../http/fetch-http.ts'
import { type Http, http } from '../../http/http.ts'
import { resumableHttp } from './resumable-http.ts'

const MIB = 2 ** 20
const DRAFT = { 'upload-draft-interop-version': '8' }

interface Seen {
  readonly http: Http
  /** Requests as `METHOD status`, in order of their answers. */
  readonly log: string[]
  /** Where uploads are, as 104s and answers told. */
  readonly created: Set<string>
}

function watch(endpoint: string, send: Http = http): Seen {
  const log: string[] = []
  const created = new Set<string>()
  const note = (location: string | undefined): void => {
    const url = location === undefined ? undefined : new URL(location, endpoint)
    if (url?.pathname.startsWith('/uploads/')) created.add(url.href)
  }
  return {
    log,
    created,
    http: async (request, call) => {
      const { onInformation } = request
      const noting = onInformation && {
        onInformation: (information: Parameters<typeof onInformation>[0]) => {
          note(information.header('location'))
          onInformation(information)
        },
      }
      const response = await send({ ...request, ...noting }, call)
      log.push(`${request.method} ${response.status}`)
      note(response.header('location'))
      return response
    },
  }
}

const read = async (url: string | undefined): Promise<Uint8Array | undefined> => {
  const response = url === undefined ? undefined : await fetch(url)
  return response?.ok ? new Uint8Array(await response.arrayBuffer()) : undefined
}

function worldOf(server: PawlServer, creation: 'optimistic' | 'careful', send?: Http): World {
  const seen = watch(server.endpoint, send)
  return {
    adapter: () => resumableHttp({ endpoint: server.endpoint, creation, http: seen.http }),
    read: (_key, url) => read(url),
    openSessions: async () => {
      let open = 0
      for (const url of seen.created) {
        const { headers } = await fetch(url, { method: 'HEAD', headers: DRAFT })
        if (headers.get('upload-complete') === '?0' && headers.has('upload-offset')) open++
      }
      return open
    },
    partSize: MIB,
  }
}

/** The server behind a road with faults, where credentials are asked for that expire. It lets no interim answers through. */
async function onARoad(server: PawlServer): Promise<EmulatedWorld> {
  const accepted = tokens()
  const front = await startFront(new URL(server.endpoint).origin, {
    callOf: ({ method }) => tusCall(method),
    refusal: (status) => ({ status }),
    look: DRAFT,
    rules: ({ url, headers }) => {
      if (!accepted.accepts(headers.authorization)) throw new Refused({ status: 401 })
      return { path: url.pathname, headers: { authorization: undefined } }
    },
  })
  return {
    emulator: front,
    adapter: () =>
      resumableHttp({
        endpoint: `${front.endpoint}/files/`,
        creation: 'careful',
        headers: () => ({ authorization: `Bearer ${accepted.current}` }),
      }),
    read: (_key, url) => read(url && new URL(new URL(url).pathname, server.endpoint).href),
    openSessions: front.openSessions,
    expireCredential: () => accepted.expire(),
    expireSessions: front.expireSessions,
    partSize: MIB / 4,
    close: front.close,
  }
}

describe("resumable-http on Pawl's server", () => {
  let server: PawlServer
  beforeAll(async () => {
    server = await startPawl()
  }, 60_000)
  afterAll(() => server?.close())

  scenarios('created with its bytes', async () => worldOf(server, 'optimistic'))
  scenarios('created before its bytes', async () => worldOf(server, 'careful'))
  scenarios('over fetch', async () => worldOf(server, 'careful', overFetch))
  operations('resumable-http', async () => worldOf(server, 'optimistic'))
  providerFaults('on a bad road', () => onARoad(server))

  const upload = async (body: Uint8Array<ArrayBuffer>, seen: Seen, more: object = {}) =>
    new Files({ adapter: resumableHttp({ endpoint: server.endpoint, http: seen.http, ...more }) }).upload(
      'a.bin',
      body,
    )

  it('sends a body in the one request that also creates the upload, once it knows where that is', async () => {
    const seen = watch(server.endpoint)
    const body = randomBytes(24 * MIB)
    const { url, digest } = await upload(body, seen)
    expect(seen.log).toEqual(['OPTIONS 204', 'POST 201'])
    expect(seen.created.size).toBe(1)
    expect(same(await read(url), body)).toBe(true)
    if (digest) expect(digest.value).toBe(createHash('sha256').update(body).digest('base64'))
  })

  it('asks for the upload first where interim answers cannot be seen, and from then on', async () => {
    const seen = watch(server.endpoint, ({ onInformation: _, ...request }, call) => http(request, call))
    const files = new Files({ adapter: resumableHttp({ endpoint: server.endpoint, http: seen.http }) })
    const body = randomBytes(2 * MIB)
    expect(same(await read((await files.upload('a', body)).url), body)).toBe(true)
    expect(seen.log).toEqual(['OPTIONS 204', 'POST 201', 'PATCH 201'])
    await files.upload('b', body)
    expect(seen.log.slice(3)).toEqual(['POST 201', 'PATCH 201'])
  })

  it('goes on by itself after the server was killed and started again', async () => {
    const body = randomBytes(24 * MIB)
    const seen = watch(server.endpoint)
    const files = new Files({ adapter: resumableHttp({ endpoint: server.endpoint, http: seen.http }) })
    const done = files.upload('a.bin', body, {
      maxBytesPerSecond: 12 * MIB,
      retries: { max: 100, backoff: () => 100 },
    })
    await new Promise((resolve) => setTimeout(resolve, 700))
    await server.restart()
    expect(same(await read((await done).url), body)).toBe(true)
    // The creating request broke with the server: it has no answer.
    expect(seen.log).not.toContain('POST 201')
    expect(seen.log.at(-1)).toBe('PATCH 201')
  })

  it('that is cancelled in the middle of the creating request leaves nothing', async () => {
    const seen = watch(server.endpoint)
    const control = new UploadControl()
    const files = new Files({ adapter: resumableHttp({ endpoint: server.endpoint, http: seen.http }) })
    const done = files.upload('a.bin', randomBytes(24 * MIB), { control, maxBytesPerSecond: 8 * MIB })
    done.catch(() => {})
    await new Promise((resolve) => setTimeout(resolve, 500))
    await control.abort()
    await expect(done).rejects.toMatchObject({ aborted: true })
    expect(seen.log.at(-1)).toBe('DELETE 204')
    for (const url of seen.created)
      expect((await fetch(url, { method: 'HEAD', headers: DRAFT })).status).toBe(404)
  })

  it('that is aborted when the last byte has arrived stays, and resolves', async () => {
    for (const lost of [false, true]) {
      const control = new UploadControl()
      const seen = watch(server.endpoint, async (request, call) => {
        const response = await http(request, call)
        if (request.method !== 'POST') return response
        control.abort().catch(() => {})
        if (lost) throw new FilesError('Provider', 'the answer is lost')
        return response
      })
      const files = new Files({ adapter: resumableHttp({ endpoint: server.endpoint, http: seen.http }) })
      const body = randomBytes(3 * MIB)
      const { url } = await files.upload('a.bin', body, { control })
      expect(control.status).toBe('completed')
      expect(same(await read(url), body)).toBe(true)
    }
  })

  it('stores objects of the storage face under their keys', async () => {
    const base = server.endpoint.replace('/files/', '/storage/v1')
    const headers = { authorization: `Bearer ${server.serviceKey}` }
    await fetch(`${base}/bucket`, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json' },
      body: JSON.stringify({ id: 'pawl', name: 'pawl' }),
    })
    const endpoint = `${base}/object/pawl/{key}`
    const files = new Files({
      adapter: resumableHttp({
        endpoint,
        headers,
        result: ({ text }) => ({ url: JSON.parse(text).Key }),
      }),
    })
    const body = randomBytes(3 * MIB)
    const { url } = await files.upload('a folder/ü.bin', body)
    expect(url).toBe('pawl/a folder/ü.bin')
    const stored = await fetch(`${base}/object/pawl/a%20folder/%C3%BC.bin`, { headers })
    expect(same(new Uint8Array(await stored.arrayBuffer()), body)).toBe(true)
    await expect(files.upload('a folder/ü.bin', body)).rejects.toMatchObject({ retryable: false })
  })
})
