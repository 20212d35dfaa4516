import { type NextcloudEmulator, type NextcloudSettings, startNextcloud } from '@pawl/emulators/nextcloud'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { randomBytes, same } from '../../../test/bodies.ts'
import { operations } from '../../../test/operations.ts'
import { type EmulatedWorld, providerFaults } from '../../../test/provider-faults.ts'
import { scenarios } from '../../../test/scenarios.ts'
import type { Adapter } from '../../adapter.ts'
import { UploadControl } from '../../control.ts'
import { Files } from '../../files.ts'
import type { UploadOptions } from '../../options.ts'
import { type NextcloudOptions, nextcloud } from './nextcloud.ts'

const PART = 128 * 1024
/** Small bodies in chunks: they would go in one request only. */
const SMALL: NextcloudSettings = { minChunk: PART }

function adapterOf({ files, tokens }: NextcloudEmulator, more: Partial<NextcloudOptions> = {}) {
  return nextcloud({ url: files, token: () => tokens.current, minPartSize: PART, ...more })
}

async function emulated(): Promise<EmulatedWorld> {
  const emulator = await startNextcloud(SMALL)
  const { tokens, file, openSessions, expireSessions, close } = emulator
  return {
    emulator,
    adapter: () => adapterOf(emulator),
    read: async (key) => file(key)?.bytes,
    openSessions: async () => openSessions(),
    expireCredential: () => tokens.expire(),
    expireSessions,
    partSize: PART,
    close,
  }
}

scenarios('nextcloud', emulated)
providerFaults('nextcloud', emulated)
operations('nextcloud', emulated)

describe('nextcloud', () => {
  let server: NextcloudEmulator
  let files: Files
  const body = randomBytes(5 * PART + 100)
  const retries = { max: 4, backoff: () => 1 }
  beforeAll(async () => {
    server = await startNextcloud(SMALL)
    files = new Files({ adapter: adapterOf(server), retries })
  })
  afterEach(() => {
    server.inject = () => undefined
    server.checksums = true
  })
  afterAll(() => server?.close())

  /** Uploads until three chunks are there, and gives the token. */
  async function interrupted(key: string): Promise<string> {
    const stop = new AbortController()
    const control = new UploadControl()
    const onProgress = ({ loaded }: { loaded: number }) => loaded >= 3 * PART && stop.abort()
    const options: UploadOptions = { control, signal: stop.signal, onProgress, multipart: { concurrency: 1 } }
    const adapter = adapterOf(server)
    const multipart = { concurrency: 1, partSize: PART }
    const done = new Files({ adapter }).upload(key, body, { ...options, multipart })
    await expect(done).rejects.toMatchObject({ aborted: true })
    return JSON.stringify(control)
  }
  const sentSince = (seen: number) =>
    server.requests
      .slice(seen)
      .filter(({ call }) => call === 'send')
      .map(({ size }) => size)

  it('sends a small file in one request, a large one in chunks of 10 MiB, each with its SHA-256 back', async () => {
    const real = await startNextcloud()
    const two = new Files({ adapter: nextcloud({ url: real.files, token: real.tokens.current }) })
    for (const [size, sends] of [
      [5 * 2 ** 20, 0],
      [5 * 2 ** 20 + 1, 1],
      [20 * 2 ** 20 + 1, 3],
    ] as const) {
      const large = randomBytes(size)
      const before = real.requests.filter(({ call }) => call === 'send').length
      const { digest } = await two.upload(`ü/${size}`, large)
      expect(digest?.algorithm).toBe('sha-256')
      expect(real.requests.filter(({ call }) => call === 'send').length - before).toBe(sends)
      expect(same(real.file(`ü/${size}`)?.bytes, large)).toBe(true)
    }
    expect(real.openSessions()).toBe(0)
    await real.close()
  })

  it('goes on in another process with the chunks that are listed, and cuts the body as before', async () => {
    const token = await interrupted('going')
    expect(token).not.toContain(server.tokens.current)
    const seen = server.requests.length
    const multipart = { partSize: 7 * PART }
    await files.upload('going', body, { control: UploadControl.from(token), multipart })
    expect(sentSince(seen).sort((a, b) => a - b)).toEqual([100, PART, PART])
    expect(same(server.file('going')?.bytes, body)).toBe(true)
  })

  it('sends again what the storage lost, before the chunks are put together', async () => {
    const token = await interrupted('lost')
    let dropped = false
    server.inject = (call) => {
      if (call === 'send' && !dropped) {
        dropped = true
        server.dropChunk(2)
      }
      return undefined
    }
    const seen = server.requests.length
    await files.upload('lost', body, { control: UploadControl.from(token), multipart: { concurrency: 1 } })
    expect(sentSince(seen).sort((a, b) => a - b)).toEqual([100, PART, PART, PART])
    expect(server.requests.slice(seen).filter(({ call }) => call === 'finish')).toHaveLength(1)
    expect(same(server.file('lost')?.bytes, body)).toBe(true)
  })

  it('is finished by either of two processes that go on with one token at once', async () => {
    const token = await interrupted('raced')
    const both = [1, 2].map(() => files.upload('raced', body, { control: UploadControl.from(token) }))
    await Promise.all(both)
    expect(same(server.file('raced')?.bytes, body)).toBe(true)
    expect(server.openSessions()).toBe(0)
  })

  it("knows its own file when the last answer was lost, and takes nobody else's for its own", async () => {
    const condition = { type: 'create' } as const
    let lost = 0
    server.inject = (call) => (call === 'finish' && lost++ === 0 ? 'lost answer' : undefined)
    await files.upload('once', body, { condition })
    expect(lost).toBe(1)
    expect(same(server.file('once')?.bytes, body)).toBe(true)
    await expect(files.upload('once', body, { condition })).rejects.toMatchObject({ code: 'Conflict' })

    const token = await interrupted('other')
    server.expireSessions()
    await files.upload('other', randomBytes(body.length, 9))
    const again = files.upload('other', body, { control: UploadControl.from(token) })
    await expect(again).rejects.toMatchObject({ code: 'SessionGone' })
  })

  it.each([0, 1])('overwrites no file of %d bytes on condition', async (size) => {
    const condition = { type: 'create' } as const
    await files.upload(`small ${size}`, new Uint8Array(size), { condition })
    const again = files.upload(`small ${size}`, new Uint8Array(size), { condition })
    await expect(again).rejects.toMatchObject({ code: 'Conflict' })
  })

  it('is not taken for silent while Nextcloud puts a large file together', async () => {
    let heardOf = () => {}
    const adapter = adapterOf(server)
    const heard: Adapter = {
      ...adapter,
      driver: (intent) => {
        const driver = adapter.driver(intent)
        if (driver.shape !== 'parts') throw new Error('not in parts')
        return {
          ...driver,
          complete: (session, intent, parts, digest, call) =>
            driver.complete(session, intent, parts, digest, { ...call, touch: () => heardOf() }),
        }
      },
    }
    // No answer before a sign of life.
    server.hold = (call) => (call === 'finish' ? new Promise((resolve) => (heardOf = resolve)) : undefined)
    const large = randomBytes(32 * 2 ** 20)
    await new Files({ adapter: heard }).upload('large', large)
    server.hold = () => undefined
    expect(same(server.file('large')?.bytes, large)).toBe(true)
  })

  it('claims no digest where Nextcloud computes none', async () => {
    server.checksums = false
    for (const content of ['small', body])
      expect(await files.upload('plain', content)).not.toHaveProperty('digest')
    expect(same(server.file('plain')?.bytes, body)).toBe(true)
  })

  it('says that there is no room before it has sent everything', async () => {
    const full = await startNextcloud({ ...SMALL, quota: 4 * PART })
    const done = new Files({ adapter: adapterOf(full), retries: 0 }).upload('x', body, {
      multipart: { partSize: PART, concurrency: 1 },
    })
    await expect(done).rejects.toMatchObject({ code: 'QuotaExceeded' })
    expect(full.requests.filter(({ call }) => call === 'send')).toHaveLength(1)
    await full.close()
  })

  it('reads no session out of a token that names another folder', async () => {
    const token = JSON.parse(await interrupted('place'))
    for (const session of [{ id: '../../files/me' }, { id: 'x' }, { partSize: 0 }, { partSize: 0.5 }]) {
      const doctored = UploadControl.from({ ...token, session: { ...token.session, ...session } })
      const done = files.upload('place', body, { control: doctored })
      await expect(done).rejects.toMatchObject({ code: 'SessionGone' })
    }
  })

  it('says what is wrong with a URL that is none of a user at a Nextcloud', async () => {
    const { origin } = new URL(server.files)
    const elsewhere = new Files({ adapter: adapterOf(server, { url: `${origin}/dav/files/me` }), retries: 0 })
    await expect(elsewhere.upload('x', body)).rejects.toThrow(/takes no chunks; `pawl\/webdav` may do/)
    for (const url of [`${origin}/remote.php/webdav`, 'https://files/remote.php/webdav/files/me'])
      expect(() => nextcloud({ url })).toThrow(/has to be/)
    expect(() => nextcloud({ url: 'https://me:hush-hush@host/x' })).not.toThrow(/hush-hush/)
  })
})
