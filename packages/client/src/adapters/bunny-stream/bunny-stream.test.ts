import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { randomBytes, same } from '../../../test/bodies.ts'
import { operations } from '../../../test/operations.ts'
import { type EmulatedWorld, providerFaults } from '../../../test/provider-faults.ts'
import { scenarios } from '../../../test/scenarios.ts'
import { type BunnyService, LIBRARY_KEY, startBunnyStream } from '../../../test/servers/streams.ts'
import { UploadControl } from '../../control.ts'
import { Files } from '../../files.ts'
import { bunnyStream } from './bunny-stream.ts'

async function fronted(): Promise<EmulatedWorld> {
  const { front, endpoint, tokens, read, sign, close } = await startBunnyStream()
  const adapter = () => bunnyStream({ endpoint, library: 'lib', sign })
  return {
    emulator: front,
    adapter,
    read: (key) => read(key),
    openSessions: front.openSessions,
    expireCredential: () => tokens.expire(),
    expireSessions: front.expireSessions,
    unproved: true,
    partSize: 256 * 1024,
    close,
  }
}

scenarios('bunny-stream', fronted)
providerFaults('bunny-stream', fronted)
operations('bunny-stream', fronted)

describe('bunny-stream', () => {
  let service: BunnyService
  beforeAll(async () => {
    service = await startBunnyStream()
  })
  afterAll(() => service.close())

  it('makes the video and signs each request with the key of the library', async () => {
    const { endpoint } = service
    const files = new Files({ adapter: bunnyStream({ endpoint, library: 'lib', apiKey: LIBRARY_KEY }) })
    const body = randomBytes(100_000)
    const { url } = await files.upload('film', body)
    expect(url).toMatch(/^https:\/\/iframe\.mediadelivery\.net\/play\/lib\/[\da-f-]{36}$/)
    expect(same(await service.read('film'), body)).toBe(true)
    const keys = service.front.requests.filter(({ headers }) => headers.accesskey !== undefined)
    expect(keys).toHaveLength(1)
  })

  it('gives up the video with the upload, when it has the key', async () => {
    const { endpoint } = service
    const adapter = bunnyStream({ endpoint, library: 'lib', apiKey: LIBRARY_KEY })
    const control = new UploadControl()
    const before = await service.front.openSessions()
    const onProgress = () => void control.abort()
    await expect(
      new Files({ adapter }).upload('none', randomBytes(9 * 2 ** 20), { control, onProgress }),
    ).rejects.toMatchObject({ aborted: true })
    expect(await service.front.openSessions()).toBe(before)
    expect(await service.read('none')).toBeUndefined()
  })

  it('needs a key or somebody who signs', () => {
    expect(() => bunnyStream({ library: 'lib' })).toThrow('apiKey or sign')
  })
})
