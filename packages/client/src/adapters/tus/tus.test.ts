import { createHash } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { randomBytes, same } from '../../../test/bodies.ts'
import { scenarios } from '../../../test/scenarios.ts'
import { startTusEmulator, type TusEmulator } from '../../../test/servers/tus-emulator.ts'
import { UploadControl } from '../../control.ts'
import { Files } from '../../files.ts'
import type { TusOptions } from './options.ts'
import { tus } from './tus.ts'

const MIB = 2 ** 20

for (const parallel of [1, 3]) {
  scenarios(`tus with checksums, ${parallel === 1 ? 'one lane' : 'joined lanes'}`, async () => {
    const server = await startTusEmulator()
    return {
      adapter: () => tus({ endpoint: server.endpoint, parallel }),
      read: async (_key, url) => (url === undefined ? undefined : server.read(url)),
      openSessions: async () =>
        [...server.uploads.values()].filter(({ bytes, length }) => bytes.length < length).length,
      partSize: MIB,
      close: () => server.close(),
    }
  })
}

describe('tus', () => {
  let server: TusEmulator
  const body = randomBytes(6 * MIB)
  beforeEach(async () => {
    server = await startTusEmulator({ checksums: 'none' })
  })
  afterEach(() => server.close())

  const files = (options: TusOptions = {}) =>
    new Files({
      adapter: tus({ endpoint: server.endpoint, ...options }),
      retries: { max: 5, backoff: () => 1 },
    })
  const methods = () => server.requests.map(({ method }) => method)

  /** A token of an upload that was stopped with about half of its bytes there. */
  async function half(options: TusOptions = {}) {
    const control = new UploadControl()
    const stop = new AbortController()
    await files(options)
      .upload('a.bin', body, {
        control,
        signal: stop.signal,
        multipart: { partSize: MIB },
        onProgress: ({ loaded }) => loaded >= 3 * MIB && stop.abort(),
      })
      .catch(() => {})
    server.requests.length = 0
    return JSON.parse(JSON.stringify(control))
  }

  it('sends a chunk evenly that its checksum goes before, however low the rate is', async () => {
    await server.close()
    server = await startTusEmulator({ checksums: 'crc32' })
    const began = Date.now()
    const sent: { after: number; share: number }[] = []
    await files().upload('a.bin', body, {
      maxBytesPerSecond: 6 * MIB,
      onProgress: (progress) =>
        sent.push({ after: Date.now() - began, share: progress.sent / progress.total }),
    })
    // The chunk was once paid for as a whole before its first byte: nothing for a second, then all of it at once.
    expect(server.requests.filter(({ method }) => method === 'PATCH').length).toBe(1)
    expect(sent.find(({ share }) => share > 0)?.after).toBeLessThan(500)
    expect(sent.filter(({ share }) => share > 0 && share < 0.9).length).toBeGreaterThan(1)
    expect(Date.now() - began).toBeGreaterThan(600)
  })

  it('sends a small body along with the creation', async () => {
    const { url = '' } = await files().upload('small', 'hello')
    expect(methods()).toEqual(['OPTIONS', 'POST'])
    expect(Buffer.from(server.read(url) ?? []).toString()).toBe('hello')
  })

  it('tells the server the name, the type and the metadata', async () => {
    const { url = '' } = await files().upload('ä/b.txt', 'x', { metadata: { who: 'me' } })
    const { metadata } = server.uploads.get(new URL(url).pathname) ?? { metadata: '' }
    const pairs = Object.fromEntries(
      metadata
        .split(',')
        .map((pair) => pair.split(' ').map((text, i) => (i ? Buffer.from(text, 'base64').toString() : text))),
    )
    expect(pairs).toEqual({ filename: 'ä/b.txt', filetype: 'text/plain;charset=utf-8', who: 'me' })
  })

  it.each([409, 423, 429, 500, 502, 503, 507])(
    'waits and looks again when the HEAD of a resume answers %d',
    async (status) => {
      const token = await half()
      let left = 2
      server.intercept = ({ method }) => (method === 'HEAD' && left-- > 0 ? { status } : undefined)
      const result = await files().upload('a.bin', body, { control: UploadControl.from(token) })
      expect(same(server.read(result.url ?? ''), body)).toBe(true)
      expect(methods()).not.toContain('POST')
    },
  )

  it.each([401, 403])(
    'asks for new credentials when the HEAD of a resume answers %d, and never starts over',
    async (status) => {
      const token = await half()
      server.intercept = ({ method, headers }) =>
        method === 'HEAD' && headers.authorization !== 'new' ? { status } : undefined
      let asked = 0
      const headers = ({ refused }: { refused: boolean }) => {
        if (refused) asked++
        return { authorization: asked > 0 ? 'new' : 'old' }
      }
      const result = await files({ headers }).upload('a.bin', body, {
        control: UploadControl.from(token),
        retries: 0,
      })
      expect(same(server.read(result.url ?? ''), body)).toBe(true)
      expect(asked).toBe(1)
      expect(methods()).not.toContain('POST')

      const again = await half()
      const rejected = files({ headers: { authorization: 'old' } }).upload('a.bin', body, {
        control: UploadControl.from(again),
      })
      await expect(rejected).rejects.toMatchObject({ code: 'Unauthorized', status })
      expect(methods()).not.toContain('POST')
    },
  )

  it.each([404, 410])(
    'says that the session is gone when the HEAD of a resume answers %d',
    async (status) => {
      const token = await half()
      server.intercept = ({ method }) => (method === 'HEAD' ? { status } : undefined)
      const rejected = files().upload('a.bin', body, { control: UploadControl.from(token) })
      await expect(rejected).rejects.toMatchObject({ code: 'SessionGone' })
      expect(methods()).not.toContain('POST')
    },
  )

  it('goes on from what arrived when the connection breaks in the middle of a chunk', async () => {
    server.cutAfter = 2 * MIB + 77
    const result = await files().upload('a.bin', body)
    expect(same(server.read(result.url ?? ''), body)).toBe(true)
    const offsets = server.requests.flatMap(({ method, headers }) =>
      method === 'PATCH' ? [Number(headers['upload-offset'])] : [],
    )
    expect(offsets[1]).toBeGreaterThanOrEqual(2 * MIB)
  })

  it('resends a chunk whose checksum did not match', async () => {
    await server.close()
    server = await startTusEmulator({ checksums: 'crc32' })
    let left = 1
    server.intercept = ({ method }) => (method === 'PATCH' && left-- > 0 ? { status: 460 } : undefined)
    const result = await files().upload('a.bin', body)
    expect(same(server.read(result.url ?? ''), body)).toBe(true)
  })

  it('goes on in another process with every lane where it stands', async () => {
    const token = await half({ parallel: 3 })
    expect(token.session.urls).toHaveLength(3)
    const control = UploadControl.from(token)
    const result = await files({ parallel: 3 }).upload('a.bin', body, { control })
    expect(same(server.read(result.url ?? ''), body)).toBe(true)
    const posts = server.requests.filter(({ method }) => method === 'POST')
    expect(posts.map(({ headers }) => String(headers['upload-concat']).slice(0, 6))).toEqual(['final;'])
  })

  it('uses one lane where concatenation is not offered', async () => {
    await server.close()
    server = await startTusEmulator({ extensions: 'creation' })
    const result = await files({ parallel: 4 }).upload('a.bin', body)
    expect(same(server.read(result.url ?? ''), body)).toBe(true)
    expect(methods().filter((method) => method === 'POST')).toHaveLength(1)
  })

  it('refuses an upload URL on another origin, from the server and from a token', async () => {
    server.intercept = ({ method }) =>
      method === 'POST' ? { status: 201, headers: { location: 'http://127.0.0.2:1/files/x' } } : undefined
    await expect(files().upload('a.bin', body)).rejects.toMatchObject({ code: 'Unauthorized' })
    server.intercept = () => undefined
    const token = await half()
    const doctored = { ...token, session: { urls: ['http://127.0.0.2:1/steal'] } }
    await expect(
      files().upload('a.bin', body, { control: UploadControl.from(doctored) }),
    ).rejects.toMatchObject({ code: 'Unauthorized' })
    const elsewhere = tus({ endpoint: 'http://127.0.0.2:1/files/' })
    await expect(
      new Files({ adapter: elsewhere }).upload('a.bin', body, {
        control: UploadControl.from(token),
        retries: 0,
      }),
    ).rejects.toMatchObject({ code: 'Conflict' })
  })

  it('does not take an upload of another length for its own, whatever a token says', async () => {
    const token = await half()
    const created = await fetch(server.endpoint, {
      method: 'POST',
      headers: { 'upload-length': String(body.length + 1) },
    })
    const longer = new URL(created.headers.get('location') ?? '', server.endpoint).href
    server.requests.length = 0
    const control = UploadControl.from({ ...token, session: { urls: [longer] } })
    await expect(files().upload('a.bin', body, { control })).rejects.toMatchObject({ code: 'SessionGone' })
    expect(methods()).not.toContain('PATCH')
  })

  it('sends chunks of exactly the size that a service prescribes', async () => {
    await files({ chunk: { exact: 4 * MIB } }).upload('a.bin', body)
    const sizes = server.requests.flatMap(({ method, headers }) =>
      method === 'PATCH' ? [Number(headers['content-length'])] : [],
    )
    expect(sizes).toEqual([4 * MIB, 2 * MIB])
  })

  it('uploads to a URL that was created elsewhere', async () => {
    const created = await fetch(server.endpoint, {
      method: 'POST',
      headers: { 'upload-length': String(body.length) },
    })
    const uploadUrl = new URL(created.headers.get('location') ?? '', server.endpoint)
    const result = await new Files({ adapter: tus({ uploadUrl }) }).upload('a.bin', body)
    expect(result.url).toBe(uploadUrl.href)
    expect(same(server.read(uploadUrl.href), body)).toBe(true)
  })

  it('hides PATCH and DELETE from proxies that know neither', async () => {
    server.intercept = ({ method }) =>
      method === 'PATCH' || method === 'DELETE' ? { status: 405 } : undefined
    const result = await files({ methodOverride: true }).upload('a.bin', body)
    expect(same(server.read(result.url ?? ''), body)).toBe(true)
  })

  it('compares the digest that the server reports, when everything is to be verified', async () => {
    const sha256 = createHash('sha256').update(body).digest('base64')
    const reporting = (value: string) =>
      files({ result: async () => ({ digest: { algorithm: 'sha-256', value } }) }).upload('a.bin', body, {
        verify: 'full',
      })
    await expect(reporting(sha256)).resolves.toMatchObject({ digest: { value: sha256 } })
    await expect(reporting(`${sha256.slice(0, -2)}A=`)).rejects.toMatchObject({ code: 'Corrupted' })
  })
})
