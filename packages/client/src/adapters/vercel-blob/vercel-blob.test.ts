import { startVercelBlob, type VercelBlobEmulator } from '@pawl/emulators/vercel-blob'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { randomBytes, same } from '../../../test/bodies.ts'
import { operations } from '../../../test/operations.ts'
import { type EmulatedWorld, providerFaults } from '../../../test/provider-faults.ts'
import { scenarios } from '../../../test/scenarios.ts'
import { UploadControl } from '../../control.ts'
import { Files } from '../../files.ts'
import { vercelBlob } from './vercel-blob.ts'

const PART = 256 * 1024

async function emulated(): Promise<EmulatedWorld> {
  const emulator = await startVercelBlob(PART)
  const { endpoint, token, blobs, openSessions, expireToken, expireSessions, close } = emulator
  return {
    emulator,
    adapter: () => vercelBlob({ endpoint, token, access: 'public', minPartSize: PART }),
    read: async (key) => blobs.get(key)?.bytes,
    openSessions: async () => openSessions(),
    expireCredential: expireToken,
    expireSessions,
    keepsAborted: true,
    partSize: PART,
    close,
  }
}

scenarios('vercel-blob', emulated)
providerFaults('vercel-blob', emulated)
operations('vercel-blob', emulated)

describe('vercel-blob', () => {
  let server: VercelBlobEmulator
  let files: Files
  const body = randomBytes(3 * PART + 100)
  const multipart = { partSize: PART, concurrency: 1 }
  const retries = { max: 4, backoff: () => 1 }
  beforeAll(async () => {
    server = await startVercelBlob(PART)
    const { endpoint, token } = server
    files = new Files({ adapter: vercelBlob({ endpoint, token, access: 'private', minPartSize: PART }) })
  })
  afterAll(() => server.close())

  it('goes on with client tokens that are minted again for its pathname when they expire', async () => {
    const minted: { pathname: string | undefined; refused: boolean }[] = []
    const token = (context: { pathname: string | undefined; refused: boolean }) => {
      minted.push(context)
      // Every other one has expired already when it is used.
      const validUntil = Date.now() + (minted.length % 2 === 0 ? 30_000 : -1)
      return server.clientToken({ pathname: context.pathname ?? '', validUntil })
    }
    const adapter = vercelBlob({ endpoint: server.endpoint, token, access: 'private', minPartSize: PART })
    await new Files({ adapter }).upload('mine/ü', body, { multipart, retries: 0 })
    expect(minted).toEqual([
      { pathname: 'mine/ü', refused: false },
      { pathname: 'mine/ü', refused: true },
    ])
    expect(same(server.blobs.get('mine/ü')?.bytes, body)).toBe(true)
  })

  it('finds its parts in the token in another process, and sends none of them again', async () => {
    const control = new UploadControl()
    const stop = new AbortController()
    const onProgress = ({ loaded }: { loaded: number }) => loaded >= 2 * PART && stop.abort()
    const options = { control, signal: stop.signal, onProgress, multipart }
    await expect(files.upload('later', body, options)).rejects.toMatchObject({ aborted: true })
    const token = JSON.stringify(control)
    expect(token).not.toContain('vercel_blob')
    expect(JSON.parse(token).plan.parts).toHaveLength(2)
    const before = server.requests.length
    await files.upload('later', body, { control: UploadControl.from(token) })
    expect(server.requests.slice(before).map(({ call }) => call)).toEqual(['send', 'send', 'finish'])
    expect(same(server.blobs.get('later')?.bytes, body)).toBe(true)
  })

  it("knows its own blob when the last answer was lost, and nobody else's", async () => {
    const condition = { type: 'create' } as const
    let lost = 0
    server.inject = (call) => (call === 'finish' && lost++ === 0 ? 'lost answer' : undefined)
    await files.upload('once', body, { multipart, condition, retries })
    expect(lost).toBe(2)
    await expect(files.upload('once', 'x', { condition })).rejects.toMatchObject({ code: 'Conflict' })
    // Its own is gone, and another's stands under the name.
    server.inject = (call) => {
      if (call === 'finish') server.expireSessions()
      return undefined
    }
    const other = body.slice()
    other[7] = (other[7] ?? 0) ^ 1
    await expect(files.upload('once', other, { multipart })).rejects.toMatchObject({ code: 'SessionGone' })
    server.inject = () => undefined
  })

  it('replaces only the version it was told', async () => {
    const { etag = '' } = await files.upload('versioned', 'one')
    const condition = { type: 'replace', etag } as const
    await files.upload('versioned', 'two', { condition })
    await expect(files.upload('versioned', 'three', { condition })).rejects.toMatchObject({
      code: 'Conflict',
    })
  })

  it('gives no URL of a private blob, and shows its token to no other host', async () => {
    expect(files.capabilities.url).toBe(false)
    await files.upload('private', 'x')
    expect(await (await files.download('private')).text()).toBe('x')
    const store = new URL(server.endpoint).host
    expect(server.requests.at(-1)?.headers).toMatchObject({ host: store, authorization: expect.any(String) })
  })

  it.each(['', 'a//b', 'x'.repeat(951), 'a/../b', '.'])('refuses the key %j', async (key) => {
    await expect(files.upload(key, 'x')).rejects.toMatchObject({ code: 'InvalidKey' })
  })
})
