import { type DropboxEmulator, startDropbox } from '@pawl/emulators/dropbox'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { randomBytes, same } from '../../../test/bodies.ts'
import { operations } from '../../../test/operations.ts'
import { type EmulatedWorld, providerFaults } from '../../../test/provider-faults.ts'
import { scenarios } from '../../../test/scenarios.ts'
import { UploadControl } from '../../control.ts'
import { Files } from '../../files.ts'
import { dropbox } from './dropbox.ts'

const MIB = 2 ** 20

async function emulated(parallel = false): Promise<EmulatedWorld> {
  const emulator = await startDropbox()
  const { endpoint, tokens, files, expireSessions, close } = emulator
  return {
    emulator,
    adapter: () =>
      dropbox({
        endpoint,
        token: () => tokens.current,
        folder: '/Apps/pawl',
        temporaryLinks: true,
        parallel,
      }),
    read: async (key) => files.get(`/apps/pawl/${key.toLowerCase()}`)?.bytes,
    openSessions: async () => emulator.openSessions(),
    expireCredential: () => tokens.expire(),
    expireSessions,
    partSize: parallel ? 4 * MIB : 256 * 1024,
    close,
  }
}

scenarios('dropbox', emulated)
providerFaults('dropbox', emulated)
operations('dropbox', emulated)
scenarios('dropbox, pieces side by side', () => emulated(true))
providerFaults('dropbox, pieces side by side', () => emulated(true))

it('dropbox closes a concurrent session with the last piece only when the others are there, and sends side by side', async () => {
  const { emulator, adapter, read, close } = await emulated(true)
  const files = new Files({ adapter: adapter(), retries: { max: 3, backoff: () => 1 } })
  const body = randomBytes(18 * MIB, 3)
  let broken = 0
  // The first piece fails when the last could long have gone.
  emulator.inject = (call, index) =>
    call === 'send' && index === 0 && broken++ === 0 ? 'partial write' : undefined
  await files.upload('closed', body, { multipart: { partSize: 4 * MIB, concurrency: 4 } })
  expect(same(await read('closed', undefined), body)).toBe(true)
  const args = emulator.requests
    .filter(({ call }) => call === 'send')
    .map(({ headers }) => JSON.parse(String(headers['dropbox-api-arg'])))
  expect(args.map((arg) => arg.close)).toEqual([false, false, false, false, false, true])
  expect(args.at(-1).cursor.offset).toBe(16 * MIB)
  await close?.()
})

describe('dropbox', () => {
  let server: DropboxEmulator
  let files: Files
  beforeAll(async () => {
    server = await startDropbox()
    files = new Files({ adapter: dropbox({ endpoint: server.endpoint, token: server.tokens.current }) })
  })
  afterAll(() => server.close())

  it('sends a piece again that was damaged on its way, because Dropbox refuses it', async () => {
    server.inject = (call, index) => (call === 'send' && index === 1 ? 'damage' : undefined)
    const body = new Uint8Array(9 * 2 ** 20).fill(7)
    await files.upload('mended', body, {
      multipart: { partSize: 2 ** 20 },
      retries: { max: 1, backoff: () => 1 },
    })
    server.inject = () => undefined
    expect(server.files.get('/mended')?.bytes.equals(body)).toBe(true)
  })

  it('replaces only the revision it was told', async () => {
    const { etag = '' } = await files.upload('versioned', 'one')
    const condition = { type: 'replace', etag } as const
    await files.upload('versioned', 'two', { condition })
    await expect(files.upload('versioned', 'three', { condition })).rejects.toMatchObject({
      code: 'Conflict',
    })
  })

  it('copies and moves over what is there, and loses nothing over itself or another case of its name', async () => {
    await files.upload('from', 'new')
    await files.upload('to', 'old')
    await files.copy('from', 'to')
    expect(server.files.get('/to')?.bytes.toString()).toBe('new')
    await files.upload('to', 'old')
    await expect(files.move('missing', 'to')).rejects.toMatchObject({ code: 'NotFound' })
    expect(server.files.get('/to')?.bytes.toString()).toBe('old')
    await files.move('from', 'to')
    expect(server.files.get('/to')?.bytes.toString()).toBe('new')
    expect(server.files.has('/from')).toBe(false)
    await files.copy('to', 'to')
    await files.move('to', 'TO').catch(() => {})
    expect(server.files.get('/to')?.bytes.toString()).toBe('new')
    expect((await files.list()).items.filter(({ key }) => key.includes('-'))).toEqual([])
  })

  it('does not take for its own what somebody else put there when its session was gone', async () => {
    const body = new Uint8Array(3 * 2 ** 20).fill(1)
    const stop = new AbortController()
    const control = new UploadControl()
    const multipart = { partSize: 2 ** 20 }
    const onProgress = ({ loaded }: { loaded: number }) => loaded >= 2 ** 20 && stop.abort()
    const done = files.upload('theirs', body, { control, multipart, signal: stop.signal, onProgress })
    await expect(done).rejects.toMatchObject({ aborted: true })
    const token = JSON.stringify(control)
    server.expireSessions()
    await files.upload('theirs', new Uint8Array(3 * 2 ** 20).fill(2))
    const again = files.upload('theirs', body, { control: UploadControl.from(token) })
    await expect(again).rejects.toMatchObject({ code: 'SessionGone' })
  })

  it.each(['', 'a//b', '../b', 'a/.', 'a\\b', 'a\u0000b', 'x'.repeat(256), 'a '])(
    'refuses the key %j',
    async (key) => {
      await expect(files.upload(key, 'x')).rejects.toMatchObject({ code: 'InvalidKey' })
    },
  )
})
