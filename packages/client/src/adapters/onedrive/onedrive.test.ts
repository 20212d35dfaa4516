import { quickXorHash, startOneDrive } from '@pawl/emulators/onedrive'
import { describe, expect, it } from 'vitest'
import { randomBytes } from '../../../test/bodies.ts'
import { operations } from '../../../test/operations.ts'
import { type EmulatedWorld, providerFaults } from '../../../test/provider-faults.ts'
import { scenarios } from '../../../test/scenarios.ts'
import { UploadControl } from '../../control.ts'
import { Files } from '../../files.ts'
import { hasherOf } from '../../transfer/hashers.ts'
import { keyOf, pathOf } from './names.ts'
import { onedrive } from './onedrive.ts'

const STEP = 320 * 1024

async function emulated(): Promise<EmulatedWorld> {
  const emulator = await startOneDrive()
  const { endpoint, tokens, items, expireSessions, close } = emulator
  return {
    emulator,
    adapter: () =>
      onedrive({ endpoint: `${endpoint}/v1.0`, token: () => tokens.current, folder: '/Apps/pawl' }),
    read: async (key) => items.get(`/Apps/pawl/${pathOf(key)}`)?.bytes,
    openSessions: async () => emulator.openSessions(),
    expireCredential: () => tokens.expire(),
    expireSessions,
    partSize: STEP,
    close,
  }
}

scenarios('onedrive', emulated)
providerFaults('onedrive', emulated)
operations('onedrive', emulated)

it('hashes as OneDrive does, however the bytes come', () => {
  for (const size of [0, 1, 159, 160, 161, 5000]) {
    const bytes = Buffer.from(randomBytes(size, 5))
    const hasher = hasherOf('quickxor')
    for (let at = 0; at < size; at += 77) hasher?.update(bytes.subarray(at, at + 77))
    expect(Buffer.from(hasher?.digest() ?? []).toString('base64')).toBe(quickXorHash(bytes))
  }
})

it.each(['a?b', 'a？b', '‛？', 'a:"*<>?\\|', '‛‛', '？?'])(
  'keeps the key %j apart from every other',
  (key) => {
    expect(pathOf(key)).not.toMatch(/["*:<>?\\|]/)
    expect(keyOf(pathOf(key))).toBe(key)
  },
)

describe('onedrive', () => {
  it('sends no credentials to the URL of a session, and no body to another host', async () => {
    const server = await startOneDrive()
    const token = server.tokens.current
    const files = new Files({ adapter: onedrive({ endpoint: `${server.endpoint}/v1.0`, token }) })
    const control = new UploadControl()
    const stop = new AbortController()
    const body = randomBytes(3 * STEP)
    const multipart = { partSize: STEP }
    const onProgress = ({ loaded }: { loaded: number }) => loaded >= STEP && stop.abort()
    const done = files.upload('a', body, { control, multipart, signal: stop.signal, onProgress })
    await expect(done).rejects.toMatchObject({ aborted: true })
    const kept = JSON.parse(JSON.stringify(control))
    expect(JSON.stringify(kept)).not.toContain(token)
    for (const url of [
      'https://evil.example/upload/1',
      'http://a.sharepoint.com/1',
      'https://a.sharepoint.com.evil.example/',
      'x',
      '',
    ]) {
      const doctored = UploadControl.from({ ...kept, session: { url } })
      await expect(files.upload('a', body, { control: doctored })).rejects.toMatchObject({ code: 'Conflict' })
    }
    await server.close()
  })

  it('copies and moves over what is there, which is lost only when the new one has come', async () => {
    const server = await startOneDrive()
    const adapter = onedrive({
      endpoint: `${server.endpoint}/v1.0`,
      token: server.tokens.current,
      folder: 'apps',
    })
    const files = new Files({ adapter, retries: 0 })
    for (const key of ['new', 'a/old', 'other']) await files.upload(key, key)
    await files.copy('new', 'a/old')
    expect(server.items.get('/apps/a/old')?.bytes.toString()).toBe('new')
    await expect(files.copy('missing', 'a/old')).rejects.toMatchObject({ code: 'NotFound' })
    expect(server.items.get('/apps/a/old')?.bytes.toString()).toBe('new')
    await files.move('other', 'a/old')
    expect([...server.items.keys()].sort()).toEqual(['/apps/a/old', '/apps/new'])
    expect(server.items.get('/apps/a/old')?.bytes.toString()).toBe('other')
    // Monitors carry their own permission, and get no other.
    const asked = server.requests.filter(({ url }) => url.pathname.startsWith('/monitor/'))
    expect(asked.length).toBeGreaterThan(2)
    expect(asked.every(({ headers }) => headers.authorization === undefined)).toBe(true)
    await server.close()
  })

  it('replaces only the version it was told', async () => {
    const server = await startOneDrive()
    const adapter = onedrive({ endpoint: `${server.endpoint}/v1.0`, token: server.tokens.current })
    const files = new Files({ adapter })
    const { etag = '' } = await files.upload('versioned', 'one')
    const condition = { type: 'replace', etag } as const
    await files.upload('versioned', 'two', { condition })
    await expect(files.upload('versioned', 'three', { condition })).rejects.toMatchObject({
      code: 'Conflict',
    })
    await server.close()
  })

  it.each(['', 'a//b', '../b', 'a/.', 'a\u0000b', 'a\ud800', 'a ', 'a.', '~$a', 'x'.repeat(401)])(
    'refuses the key %j',
    async (key) => {
      const files = new Files({ adapter: onedrive({ endpoint: 'http://127.0.0.1:1', token: 'x' }) })
      await expect(files.upload(key, 'x')).rejects.toMatchObject({ code: 'InvalidKey' })
    },
  )
})
