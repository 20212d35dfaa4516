import { type AppwriteEmulator, startAppwrite } from '@pawl/emulators/appwrite'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { randomBytes } from '../../../test/bodies.ts'
import { operations } from '../../../test/operations.ts'
import { type EmulatedWorld, providerFaults } from '../../../test/provider-faults.ts'
import { scenarios } from '../../../test/scenarios.ts'
import { UploadControl } from '../../control.ts'
import { Files } from '../../files.ts'
import { appwrite } from './appwrite.ts'

const PLACE = { project: 'project', bucket: 'bucket' }

async function emulated(): Promise<EmulatedWorld> {
  const chunkSize = 256 * 1024
  const emulator = await startAppwrite({ chunkSize })
  const { tokens, named, expireSessions, close } = emulator
  const endpoint = `${emulator.endpoint}/v1`
  return {
    emulator,
    adapter: () => appwrite({ ...PLACE, endpoint, chunkSize, jwt: () => tokens.current }),
    read: async (key) => {
      const files = named(key)
      if (files.length > 1) throw new Error(`${files.length} files are called ${key}`)
      return files[0]
    },
    openSessions: async () => emulator.openSessions(),
    expireCredential: () => tokens.expire(),
    expireSessions,
    partSize: chunkSize,
    close,
  }
}

scenarios('appwrite', emulated)
providerFaults('appwrite', emulated)
operations('appwrite', emulated)

describe('appwrite', () => {
  let server: AppwriteEmulator
  let files: Files
  const body = randomBytes(11 * 2 ** 20)
  beforeAll(async () => {
    server = await startAppwrite()
    const endpoint = `${server.endpoint}/v1`
    files = new Files({
      adapter: appwrite({ ...PLACE, endpoint, key: server.tokens.current, permissions: ['read("any")'] }),
      retries: { max: 3, backoff: () => 1 },
    })
  })
  afterAll(() => server.close())

  it('sends chunks of exactly 5 MiB, whatever size is asked for', async () => {
    await files.upload('folder/large.bin', body, { multipart: { partSize: 1000 } })
    const ranges = server.requests.flatMap(({ call, headers }) =>
      call === 'send' ? [headers['content-range']] : [],
    )
    expect(ranges).toEqual([
      'bytes 0-5242879/11534336',
      'bytes 5242880-10485759/11534336',
      'bytes 10485760-11534335/11534336',
    ])
    expect(server.named('folder/large.bin')[0]?.equals(body)).toBe(true)
  })

  it('leaves one file of a name: what is uploaded or moved there replaces the older ones', async () => {
    await files.upload('a/twice', 'one')
    await files.upload('a/twice', 'two')
    expect(server.named('a/twice').map(String)).toEqual(['two'])
    await files.upload('a/TWICE', 'other case')
    await files.upload('other', 'three')
    await files.move('other', 'a/twice')
    expect(server.named('a/twice').map(String)).toEqual(['three'])
    expect(server.named('a/TWICE').map(String)).toEqual(['other case'])
  })

  it('waits as long as the server asks while another request holds the file', async () => {
    const waits: number[] = []
    let sends = 0
    server.inject = (call) => (call === 'send' && sends++ === 1 ? { status: 429, retryAfter: 1 } : undefined)
    const { adapter } = files
    const hooks = { onRetry: ({ delayMs }: { delayMs: number }) => waits.push(delayMs) }
    await new Files({ adapter, hooks, retries: { max: 3, backoff: () => 1 } }).upload('busy', body)
    server.inject = () => undefined
    expect(waits).toHaveLength(1)
    expect(waits[0]).toBeGreaterThanOrEqual(1000)
  })

  it('finds a file that was complete when its process ended, and names it', async () => {
    const stop = new AbortController()
    const control = new UploadControl()
    server.inject = (call) => {
      if (call === 'send' && control.loaded > 10 * 2 ** 20 - 1) stop.abort()
      return undefined
    }
    const done = files.upload('deep/ended', body, { control, signal: stop.signal })
    await done.catch(() => {})
    server.inject = () => undefined
    const token = JSON.stringify(control)
    await files.upload('deep/ended', body, { control: UploadControl.from(token) })
    expect(server.named('deep/ended')).toHaveLength(1)
  })

  it.each(['', 'a\u0000b', 'x'.repeat(256)])('refuses the key %j', async (key) => {
    await expect(files.upload(key, 'x')).rejects.toMatchObject({ code: 'InvalidKey' })
  })

  it('needs one credential', () => {
    expect(() => appwrite(PLACE)).toThrow('a key or a jwt')
  })
})
