import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { randomBytes, same } from '../../../test/bodies.ts'
import { operations } from '../../../test/operations.ts'
import { type EmulatedWorld, providerFaults } from '../../../test/provider-faults.ts'
import { scenarios } from '../../../test/scenarios.ts'
import { type StreamService, startCloudflareStream } from '../../../test/servers/streams.ts'
import { UploadControl } from '../../control.ts'
import { Files } from '../../files.ts'
import { cloudflareStream } from './cloudflare-stream.ts'

const MIB = 2 ** 20

async function fronted(): Promise<EmulatedWorld> {
  const chunk = { min: MIB / 4, multiple: MIB / 4 }
  const { front, tokens, read, close, ...service } = await startCloudflareStream({
    minChunk: chunk.min,
    multiple: chunk.multiple,
  })
  const endpoint = `${service.endpoint}/client/v4`
  const adapter = () => cloudflareStream({ endpoint, chunk, account: 'account', token: () => tokens.current })
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

scenarios('cloudflare-stream', fronted)
providerFaults('cloudflare-stream', fronted)
operations('cloudflare-stream', fronted)

describe('cloudflare-stream', () => {
  let service: StreamService
  let files: Files
  const body = randomBytes(12 * MIB)
  beforeAll(async () => {
    service = await startCloudflareStream()
    const endpoint = `${service.endpoint}/client/v4`
    const adapter = cloudflareStream({ endpoint, account: 'account', token: service.tokens.current })
    files = new Files({ adapter })
  })
  afterAll(() => service.close())
  const chunks = () =>
    service.front.requests.flatMap(({ method, size }) => (method === 'PATCH' ? [size] : []))

  it('keeps to the rules for chunks, whatever is asked for, and resolves to where the video is', async () => {
    const { url } = await files.upload('ruled', body, { multipart: { partSize: 1000 } })
    expect(chunks()).toEqual([5 * MIB, 5 * MIB, 2 * MIB])
    expect(url).toMatch(/^https:\/\/watch\.cloudflarestream\.com\/[\da-f]{32}$/)
    expect(same(await service.read('ruled'), body)).toBe(true)
  })

  it('uploads to a URL that a backend asked for, without credentials', async () => {
    const backend = async ({ name, size }: { name: string; size: number }) => {
      const response = await fetch(`${service.endpoint}/client/v4/accounts/account/stream?direct_user=true`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${service.tokens.current}`,
          'tus-resumable': '1.0.0',
          'upload-length': String(size),
          'upload-metadata': `name ${Buffer.from(name).toString('base64')}`,
        },
      })
      return new URL(response.headers.get('location') ?? '', service.endpoint).href
    }
    const endpoint = `${service.endpoint}/client/v4`
    const given = new Files({ adapter: cloudflareStream({ endpoint, uploadUrl: backend }) })
    const { url } = await given.upload('given', body)
    expect(url).toMatch(/[\da-f]{32}$/)
    expect(same(await service.read('given'), body)).toBe(true)
  })

  it('believes no session token that leads elsewhere', async () => {
    const control = new UploadControl()
    const stop = new AbortController()
    const onProgress = ({ loaded }: { loaded: number }) => loaded > 0 && stop.abort()
    const done = files.upload('led', body, {
      control,
      signal: stop.signal,
      multipart: { partSize: 5 * MIB },
      onProgress,
    })
    await expect(done).rejects.toMatchObject({ aborted: true })
    const token = JSON.stringify(control)
    for (const at of [
      'http://127.0.0.1:9/',
      'https://cloudflare.com.example/',
      'https://notcloudflare.com/',
    ]) {
      const doctored = token.replace(/"at":"[^"]*"/, `"at":${JSON.stringify(at)}`)
      expect(doctored).not.toBe(token)
      const again = files.upload('led', body, { control: UploadControl.from(doctored) })
      await expect(again).rejects.toMatchObject({ code: 'Conflict' })
    }
    const elsewhere = token.replace(/"urls":\["[^"]*"/, '"urls":["https://example.com/files/1"')
    const again = files.upload('led', body, { control: UploadControl.from(elsewhere) })
    await expect(again).rejects.toMatchObject({ code: 'Conflict' })
  })
})
