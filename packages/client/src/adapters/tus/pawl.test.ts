import { createHash } from 'node:crypto'
import { Refused } from '@pawl/emulators/listen'
import { tokens } from '@pawl/emulators/tokens'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { randomBytes, same } from '../../../test/bodies.ts'
import { type EmulatedWorld, providerFaults } from '../../../test/provider-faults.ts'
import { scenarios, type World } from '../../../test/scenarios.ts'
import { startFront, tusCall } from '../../../test/servers/front.ts'
import { type PawlServer, startPawl } from '../../../test/servers/pawl.ts'
import { UploadControl } from '../../control.ts'
import { FilesError } from '../../errors.ts'
import { Files } from '../../files.ts'
import { type Http, http } from '../../http/http.ts'
import type { TusOptions } from './options.ts'
import { tus } from './tus.ts'

const MIB = 2 ** 20

function worldOf(server: PawlServer, options: TusOptions): World {
  const created = new Set<string>()
  // The server does not list uploads to strangers: the ones that were created here are remembered.
  const watched: Http = async (request, call) => {
    const response = await http(request, call)
    const location = response.header('location')
    if (response.status === 201 && location) created.add(new URL(location, server.endpoint).href)
    return response
  }
  return {
    adapter: () => tus({ endpoint: server.endpoint, http: watched, ...options }),
    read: async (_key, url) => {
      const response = url === undefined ? undefined : await fetch(url)
      return response?.ok ? new Uint8Array(await response.arrayBuffer()) : undefined
    },
    openSessions: async () => {
      let open = 0
      for (const url of created) {
        const { headers } = await fetch(url, { method: 'HEAD', headers: { 'tus-resumable': '1.0.0' } })
        if (Number(headers.get('upload-offset')) < Number(headers.get('upload-length'))) open++
      }
      return open
    },
    partSize: MIB,
  }
}

/** The server behind a road with faults, where credentials are asked for that expire. */
async function onARoad(server: PawlServer): Promise<EmulatedWorld> {
  const accepted = tokens()
  const front = await startFront(new URL(server.endpoint).origin, {
    callOf: ({ method }) => tusCall(method),
    refusal: (status) => ({ status }),
    rules: ({ url, headers }) => {
      if (!accepted.accepts(headers.authorization)) throw new Refused({ status: 401 })
      return { path: url.pathname, headers: { authorization: undefined } }
    },
  })
  return {
    emulator: front,
    adapter: () =>
      tus({
        endpoint: `${front.endpoint}/files/`,
        headers: () => ({ authorization: `Bearer ${accepted.current}` }),
      }),
    read: async (_key, url) => {
      const response =
        url === undefined ? undefined : await fetch(new URL(new URL(url).pathname, server.endpoint))
      return response?.ok ? new Uint8Array(await response.arrayBuffer()) : undefined
    },
    openSessions: front.openSessions,
    expireCredential: () => accepted.expire(),
    expireSessions: front.expireSessions,
    // Bodies of a few parts are too large to travel with the creation.
    partSize: 1.25 * MIB,
    close: front.close,
  }
}

describe("tus on Pawl's server", () => {
  let server: PawlServer
  beforeAll(async () => {
    server = await startPawl()
  }, 60_000)
  afterAll(() => server?.close())
  scenarios('one lane', async () => worldOf(server, {}))
  scenarios('joined lanes', async () => worldOf(server, { parallel: 3 }))
  scenarios('checksums as trailers', async () => worldOf(server, { checksum: 'trailer' }))
  providerFaults('on a bad road', () => onARoad(server))

  it('goes on by itself after the server was killed and started again', async () => {
    const body = randomBytes(24 * MIB)
    const files = new Files({ adapter: tus({ endpoint: server.endpoint }) })
    const control = new UploadControl()
    const done = files.upload('a.bin', body, {
      control,
      multipart: { partSize: MIB },
      maxBytesPerSecond: 12 * MIB,
      retries: { max: 100, backoff: () => 100 },
    })
    await new Promise((resolve) => setTimeout(resolve, 700))
    await server.restart()
    const { url = '' } = await done
    expect(same(new Uint8Array(await (await fetch(url)).arrayBuffer()), body)).toBe(true)
  })

  it('is complete, and says so, when it is given up after its last byte has arrived', async () => {
    const body = randomBytes(6 * MIB)
    const arrived = Promise.withResolvers<void>()
    // The answer to the last byte never comes.
    const deaf: Http = async (request, call) => {
      const response = await http(request, call)
      if (request.method !== 'PATCH') return response
      arrived.resolve()
      return new Promise((_, reject) =>
        call.signal.addEventListener('abort', () => reject(call.signal.reason)),
      )
    }
    const files = new Files({ adapter: tus({ endpoint: server.endpoint, http: deaf }) })
    const control = new UploadControl()
    const done = files.upload('a.bin', body, { control, multipart: { partSize: 6 * MIB } })
    await arrived.promise
    await control.abort()
    expect(control.status).toBe('completed')
    const { url = '' } = await done
    expect(same(new Uint8Array(await (await fetch(url)).arrayBuffer()), body)).toBe(true)
  })

  it('returns the digest that the server computed, and compares it when everything is to be verified', async () => {
    const body = randomBytes(3 * MIB)
    const files = new Files({ adapter: tus({ endpoint: server.endpoint }) })
    const sha256 = createHash('sha256').update(body).digest('base64')
    const { digest } = await files.upload('a.bin', body, { verify: 'full' })
    expect(digest).toEqual({ algorithm: 'sha-256', value: sha256 })
  })

  describe('to a URL that was created elsewhere', () => {
    const tus1 = { 'tus-resumable': '1.0.0' }
    const created = async (length: Record<string, string>) => {
      const { headers } = await fetch(server.endpoint, { method: 'POST', headers: { ...tus1, ...length } })
      return new URL(headers.get('location') ?? '', server.endpoint).href
    }
    const look = async (url: string) => (await fetch(url, { method: 'HEAD', headers: tus1 })).headers

    it('tells the length where that was left to it', async () => {
      const body = randomBytes(2.5 * MIB)
      const uploadUrl = await created({ 'upload-defer-length': '1' })
      const seen: (string | undefined)[] = []
      const watched: Http = async (request, call) => {
        if (request.method === 'PATCH') seen.push(request.headers['upload-length'])
        return http(request, call)
      }
      const files = new Files({ adapter: tus({ uploadUrl, http: watched }) })
      await files.upload('a.bin', body, { multipart: { partSize: MIB } })
      expect(seen).toEqual([String(body.length), undefined, undefined])
      expect(same(new Uint8Array(await (await fetch(uploadUrl)).arrayBuffer()), body)).toBe(true)
    })

    it('tells the length of an empty body too, also when the answer to that is lost', async () => {
      for (const lost of [0, 1]) {
        const uploadUrl = await created({ 'upload-defer-length': '1' })
        let left = lost
        const watched: Http = async (request, call) => {
          const response = await http(request, call)
          if (request.method === 'PATCH' && left-- > 0) throw new FilesError('Provider', 'no answer')
          return response
        }
        const files = new Files({
          adapter: tus({ uploadUrl, http: watched }),
          retries: { max: 1, backoff: () => 1 },
        })
        await files.upload('a.bin', new Uint8Array())
        expect((await look(uploadUrl)).get('upload-length')).toBe('0')
      }
    })

    it('sends nothing to one that would end elsewhere than the body', async () => {
      const uploadUrl = await created({ 'upload-length': '5000' })
      const files = new Files({ adapter: tus({ uploadUrl }) })
      await expect(files.upload('a.bin', randomBytes(1000))).rejects.toMatchObject({ code: 'SessionGone' })
      expect((await look(uploadUrl)).get('upload-offset')).toBe('0')
    })

    it('compares what is there already, when everything is to be verified', async () => {
      const body = randomBytes(1000)
      const uploadUrl = await created({ 'upload-length': '1000' })
      const files = new Files({ adapter: tus({ uploadUrl }) })
      await files.upload('a.bin', body)
      while (!(await look(uploadUrl)).has('repr-digest'))
        await new Promise((resolve) => setTimeout(resolve, 20))
      await files.upload('a.bin', body, { verify: 'full' })
      const other = files.upload('a.bin', randomBytes(1000, 7), { verify: 'full' })
      await expect(other).rejects.toMatchObject({ code: 'Corrupted' })
    })
  })
})
