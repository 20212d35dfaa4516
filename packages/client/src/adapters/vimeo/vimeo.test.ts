import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { randomBytes, same } from '../../../test/bodies.ts'
import { operations } from '../../../test/operations.ts'
import { type EmulatedWorld, providerFaults } from '../../../test/provider-faults.ts'
import { scenarios } from '../../../test/scenarios.ts'
import { type StreamService, startVimeo } from '../../../test/servers/streams.ts'
import { Files } from '../../files.ts'
import { vimeo } from './vimeo.ts'

async function fronted(): Promise<EmulatedWorld> {
  const { front, endpoint, tokens, read, close } = await startVimeo()
  const adapter = () => vimeo({ endpoint, token: () => tokens.current })
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

scenarios('vimeo', fronted)
providerFaults('vimeo', fronted)
operations('vimeo', fronted)

describe('vimeo', () => {
  let service: StreamService
  beforeAll(async () => {
    service = await startVimeo()
  })
  afterAll(() => service.close())

  it('makes no other request of tus than HEAD and PATCH, and resolves to the video', async () => {
    const { endpoint, tokens } = service
    const files = new Files({ adapter: vimeo({ endpoint, token: tokens.current }) })
    const { url } = await files.upload('film', randomBytes(1000))
    expect(url).toMatch(/^https:\/\/vimeo\.com\/\d+$/)
    expect(service.front.requests.map(({ method }) => method)).toEqual(['POST', 'HEAD', 'PATCH'])
  })

  it('uploads to a link that a backend asked for', async () => {
    const { endpoint, tokens } = service
    const body = randomBytes(100_000)
    const uploadLink = async ({ name, size }: { name: string; size: number }) => {
      const response = await fetch(`${endpoint}/me/videos`, {
        method: 'POST',
        headers: {
          accept: 'application/vnd.vimeo.*+json;version=3.4',
          authorization: `Bearer ${tokens.current}`,
        },
        body: JSON.stringify({ name, upload: { approach: 'tus', size } }),
      })
      const { uri, upload } = (await response.json()) as { uri: string; upload: { upload_link: string } }
      return { uri, uploadLink: upload.upload_link }
    }
    await new Files({ adapter: vimeo({ endpoint, uploadLink }) }).upload('given', body)
    expect(same(await service.read('given'), body)).toBe(true)
  })

  it('sends no body to a link that is not at Vimeo', async () => {
    const uploadLink = async () => ({ uri: '/videos/1', uploadLink: 'https://vimeo.com.example/1' })
    const files = new Files({ adapter: vimeo({ endpoint: service.endpoint, uploadLink }) })
    await expect(files.upload('led', 'x')).rejects.toMatchObject({ code: 'Conflict' })
  })
})
