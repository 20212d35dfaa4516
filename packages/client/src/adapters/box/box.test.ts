import { type BoxEmulator, type BoxSettings, startBox } from '@pawl/emulators/box'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { randomBytes, same } from '../../../test/bodies.ts'
import { operations } from '../../../test/operations.ts'
import { type EmulatedWorld, providerFaults } from '../../../test/provider-faults.ts'
import { scenarios } from '../../../test/scenarios.ts'
import { UploadControl } from '../../control.ts'
import { Files } from '../../files.ts'
import { type Http, http } from '../../http/http.ts'
import type { UploadOptions } from '../../options.ts'
import { box } from './box.ts'

const PART = 128 * 1024
/** Small bodies in sessions: Box would take them in one request only. */
const SMALL: BoxSettings = { partSize: PART, minSession: 2 * PART }

async function emulated(): Promise<EmulatedWorld> {
  const emulator = await startBox(SMALL)
  const { endpoint, tokens, file, openSessions, expireSessions, close } = emulator
  return {
    emulator,
    adapter: () => box({ endpoint, token: () => tokens.current, sessionFrom: 2 * PART }),
    read: async (key) => file(key)?.bytes,
    openSessions: async () => openSessions(),
    expireCredential: () => tokens.expire(),
    expireSessions,
    partSize: PART,
    close,
  }
}

scenarios('box', emulated)
providerFaults('box', emulated)
operations('box', emulated)

describe('box', () => {
  let server: BoxEmulator
  let files: Files
  const body = randomBytes(5 * PART + 100)
  const retries = { max: 4, backoff: () => 1 }
  beforeAll(async () => {
    server = await startBox(SMALL)
    const { endpoint, tokens } = server
    files = new Files({ adapter: box({ endpoint, token: tokens.current, sessionFrom: 2 * PART }) })
  })
  afterAll(() => server.close())

  /** Uploads until three parts are there, and gives the token. */
  async function interrupted(key: string): Promise<string> {
    const stop = new AbortController()
    const control = new UploadControl()
    const onProgress = ({ loaded }: { loaded: number }) => loaded >= 3 * PART && stop.abort()
    const options: UploadOptions = { control, signal: stop.signal, onProgress, multipart: { concurrency: 1 } }
    await expect(files.upload(key, body, options)).rejects.toMatchObject({ aborted: true })
    return JSON.stringify(control)
  }

  it('cuts the body as Box says, whatever was asked for, and the token says so too', async () => {
    const token = await interrupted('cut')
    expect(JSON.parse(token).plan).toEqual({ shape: 'parts', partSize: PART })
    const seen = server.requests.length
    await files.upload('cut', body, {
      control: UploadControl.from(token),
      multipart: { partSize: 7 * PART },
    })
    const sent = server.requests.slice(seen).filter(({ method }) => method === 'PUT')
    expect(sent.map(({ size }) => size).sort((a, b) => a - b)).toEqual([100, PART, PART])
    expect(same(server.file('cut')?.bytes, body)).toBe(true)
  })

  it('sends a small file in one request, a large one in parts of the real size', async () => {
    const real = await startBox()
    const adapter = box({ endpoint: real.endpoint, token: real.tokens.current })
    const two = new Files({ adapter })
    for (const [size, sends] of [
      [19_999_999, 1],
      [20_000_000, 3],
    ] as const) {
      const large = randomBytes(size)
      const before = real.requests.filter(({ call }) => call === 'send').length
      await two.upload(`${size}`, large)
      expect(real.requests.filter(({ call }) => call === 'send').length - before).toBe(sends)
      expect(same(real.file(`${size}`)?.bytes, large)).toBe(true)
    }
    await real.close()
  })

  it('waits while Box puts the parts together, and asks again when it does not see them yet', async () => {
    server.unready.push('parts_mismatch', 'accepted')
    const commits = () => server.requests.filter(({ call }) => call === 'finish').length
    const before = commits()
    const start = performance.now()
    await files.upload('late', body, { retries: { max: 1, backoff: () => 1 } })
    expect(performance.now() - start).toBeGreaterThan(900)
    expect(commits() - before).toBe(3)
    expect(same(server.file('late')?.bytes, body)).toBe(true)
  })

  it('sends a part again that was damaged on its way, because Box refuses it', async () => {
    server.inject = (call, index) => (call === 'send' && index % 3 === 1 ? 'damage' : undefined)
    await files.upload('mended', body, { retries, multipart: { concurrency: 1 } })
    server.inject = () => undefined
    expect(same(server.file('mended')?.bytes, body)).toBe(true)
  })

  it('asks what is there when a part came twice, and goes on with it', async () => {
    const statuses: number[] = []
    const twice: Http = async (request, call) => {
      if (request.method !== 'PUT') return http(request, call)
      statuses.push((await http(request, call)).status)
      const answer = await http(request, call)
      statuses.push(answer.status)
      return answer
    }
    const { endpoint, tokens } = server
    const adapter = box({ endpoint, token: tokens.current, sessionFrom: 2 * PART, http: twice })
    await new Files({ adapter, retries }).upload('twice', body, { multipart: { concurrency: 1 } })
    expect(statuses).toEqual([200, 409, 200, 409, 200, 409, 200, 409, 200, 409, 200, 409])
    expect(same(server.file('twice')?.bytes, body)).toBe(true)
  })

  it('is finished by either of two processes that go on with one token at once', async () => {
    const token = await interrupted('raced')
    const both = [1, 2].map(() =>
      files.upload('raced', body, { control: UploadControl.from(token), retries }),
    )
    await Promise.all(both)
    expect(same(server.file('raced')?.bytes, body)).toBe(true)
    expect(server.file('raced')?.etag).toBe(0)
  })

  it('goes on with no session whose parts are not of the body', async () => {
    const token = JSON.parse(await interrupted('mixed'))
    const other = body.slice()
    other[0] = (other[0] ?? 0) ^ 1
    token.body.cells = []
    delete token.body.lastModified
    const done = files.upload('mixed', other, { control: UploadControl.from(token), verify: 'off' })
    await expect(done).rejects.toMatchObject({ code: 'Corrupted' })
    expect(server.file('mixed')).toBeUndefined()
  })

  it('sends credentials and content to no host that a token names', async () => {
    const token = JSON.parse(await interrupted('place'))
    for (const url of [
      'https://evil.example/x',
      'http://upload.box.com/x',
      'https://box.com.evil.example/',
      'x',
    ]) {
      const doctored = UploadControl.from({ ...token, session: { ...token.session, url } })
      await expect(files.upload('place', body, { control: doctored })).rejects.toMatchObject({
        code: 'Conflict',
      })
    }
    for (const partSize of [0, -1, 0.5, 'x', null]) {
      const doctored = UploadControl.from({ ...token, session: { ...token.session, partSize } })
      await expect(files.upload('place', body, { control: doctored })).rejects.toMatchObject({
        code: 'SessionGone',
      })
    }
  })

  it.each([
    ['in one request', 'a'],
    ['in parts', body],
  ])('replaces only the version it was told, %s', async (how, content) => {
    const key = `versioned ${how}`
    const { etag = '' } = await files.upload(key, content)
    const condition = { type: 'replace', etag } as const
    await files.upload(key, content, { condition })
    await expect(files.upload(key, content, { condition })).rejects.toMatchObject({ code: 'Conflict' })
    await expect(files.upload(`no ${key}`, content, { condition })).rejects.toMatchObject({
      code: 'NotFound',
    })
  })

  it.each([
    ['in one request', 'a'],
    ['in parts', body],
  ])("knows its own file when the answer was lost, and nobody else's, %s", async (how, content) => {
    const key = `once ${how}`
    const condition = { type: 'create' } as const
    let lost = false
    server.inject = (call) => {
      if (lost || call !== (content === 'a' ? 'send' : 'finish')) return undefined
      lost = true
      return 'lost answer'
    }
    await files.upload(key, content, { condition, retries })
    server.inject = () => undefined
    expect(lost).toBe(true)
    expect(server.file(key)?.etag).toBe(0)
    await expect(files.upload(key, content, { condition })).rejects.toMatchObject({ code: 'Conflict' })
  })

  it('shows its credentials to Box, and not to where the content is', async () => {
    await files.upload('shown', 'x')
    expect(await (await files.download('shown')).text()).toBe('x')
    const { url, headers } = server.requests.at(-1) ?? {}
    expect(url?.pathname).toMatch(/^\/download\//)
    expect(headers?.authorization).toBeUndefined()
  })

  it('copies and moves over what is there, and loses nothing over itself', async () => {
    await files.upload('from', 'new')
    await files.upload('x/to', 'old')
    await files.copy('from', 'x/to')
    expect(server.file('x/to')?.bytes.toString()).toBe('new')
    await files.upload('x/to', 'old')
    await expect(files.move('missing', 'x/to')).rejects.toMatchObject({ code: 'NotFound' })
    await files.move('from', 'x/to')
    expect(server.file('x/to')?.bytes.toString()).toBe('new')
    expect(server.file('from')).toBeUndefined()
    await files.copy('x/to', 'x/to')
    await expect(files.copy('x/to', 'x/TO')).rejects.toMatchObject({ code: 'Conflict' })
  })

  it.each(['', 'a//b', '../b', 'a/.', 'a\\b', 'a\u0000b', 'x'.repeat(256), 'a ', ' a', 'a /b'])(
    'refuses the key %j',
    async (key) => {
      await expect(files.upload(key, 'x')).rejects.toMatchObject({ code: 'InvalidKey' })
    },
  )
})
