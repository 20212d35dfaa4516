import { startGcs } from '@pawl/emulators/gcs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { randomBytes, same } from '../../../test/bodies.ts'
import { operations } from '../../../test/operations.ts'
import { type EmulatedWorld, providerFaults } from '../../../test/provider-faults.ts'
import { scenarios } from '../../../test/scenarios.ts'
import { UploadControl } from '../../control.ts'
import { Files } from '../../files.ts'
import { gcs } from './gcs.ts'

const STEP = 256 * 1024

async function emulated(signs = false): Promise<EmulatedWorld> {
  const emulator = await startGcs()
  const { tokens, serviceAccount } = emulator.credentials
  const who = signs ? { credentials: serviceAccount() } : { token: () => tokens.current }
  return {
    emulator,
    adapter: () => gcs({ bucket: 'backups', endpoint: emulator.endpoint, ...who }),
    read: async (key) => emulator.objects.get(key)?.bytes,
    openSessions: async () => emulator.openSessions(),
    expireCredential: () => tokens.expire(),
    expireSessions: emulator.expireSessions,
    partSize: STEP,
    close: emulator.close,
  }
}

scenarios('gcs', emulated)
providerFaults('gcs', emulated)
operations('gcs with a token', emulated)
operations('gcs with a service account', () => emulated(true))

describe('gcs', () => {
  let world: EmulatedWorld
  let files: Files
  beforeAll(async () => {
    world = await emulated()
    files = new Files({ adapter: world.adapter() })
  })
  afterAll(() => world.close?.())

  it('has the CRC-32C of the whole body checked before the object is made', async () => {
    world.emulator.inject = (call, index) => (call === 'send' && index === 0 ? 'damage' : undefined)
    const upload = files.upload('damaged', new Uint8Array(2 * STEP), { multipart: { partSize: STEP } })
    await expect(upload).rejects.toMatchObject({ code: 'Corrupted' })
    expect(await world.read('damaged', undefined)).toBeUndefined()
    const hashes = world.emulator.requests.filter(({ headers }) => headers['x-goog-hash'] !== undefined)
    expect(hashes).toHaveLength(1)
  })

  it('goes over fetch, for which a 308 must not be a redirect', async () => {
    const { emulator } = world
    const http = (await import('../../http/fetch-http.ts')).request
    const begun = emulator.requests.findLast(({ call }) => call === 'begin')
    const token = begun?.headers.authorization?.replace('Bearer ', '') ?? ''
    const adapter = gcs({ bucket: 'backups', endpoint: emulator.endpoint, token, http })
    const body = randomBytes(3 * STEP + 5)
    await new Files({ adapter }).upload('fetched', body, { multipart: { partSize: STEP } })
    expect(same(await world.read('fetched', undefined), body)).toBe(true)
  })

  it('replaces only the generation it was told', async () => {
    const { etag = '' } = await files.upload('versioned', 'one')
    const condition = { type: 'replace', etag } as const
    await files.upload('versioned', 'two', { condition })
    await expect(files.upload('versioned', 'three', { condition })).rejects.toMatchObject({
      code: 'Conflict',
    })
  })

  it('sends no byte and no credential to where a doctored token leads', async () => {
    const stop = new AbortController()
    const control = new UploadControl()
    const done = files.upload('k', new Uint8Array(3 * STEP), {
      control,
      multipart: { partSize: STEP },
      signal: stop.signal,
      onProgress: ({ loaded }) => loaded >= STEP && stop.abort(),
    })
    await expect(done).rejects.toMatchObject({ aborted: true })
    const token = JSON.parse(JSON.stringify(control))
    const uri = new URL(token.session.uri)
    for (const wrong of [
      uri.href.replace(uri.host, 'example.com'),
      uri.href.replace('/b/backups/', '/b/others/'),
      uri.href.replace('name=k', 'name=other'),
      uri.href.replace('//', '//user:secret@'),
      'file:///etc/passwd',
    ]) {
      const doctored = UploadControl.from(JSON.stringify({ ...token, session: { uri: wrong } }))
      const again = files.upload('k', new Uint8Array(3 * STEP), { control: doctored })
      await expect(again).rejects.toMatchObject({ code: 'Unauthorized' })
    }
  })

  it.each(['.', '..', 'a\nb', 'x'.repeat(1025), '.well-known/acme-challenge/x'])(
    'refuses the key %j',
    async (key) => {
      await expect(files.upload(key, 'x')).rejects.toMatchObject({ code: 'InvalidKey' })
    },
  )
})
