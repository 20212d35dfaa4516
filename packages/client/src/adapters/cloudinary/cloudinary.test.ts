import { createHash } from 'node:crypto'
import { type CloudinaryEmulator, startCloudinary } from '@pawl/emulators/cloudinary'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { randomBytes } from '../../../test/bodies.ts'
import { operations } from '../../../test/operations.ts'
import { type EmulatedWorld, providerFaults } from '../../../test/provider-faults.ts'
import { scenarios } from '../../../test/scenarios.ts'
import { UploadControl } from '../../control.ts'
import { Files } from '../../files.ts'
import { cloudinary } from './cloudinary.ts'
import { keyOf, publicIdOf } from './public-id.ts'

async function emulated(): Promise<EmulatedWorld> {
  const chunkSize = 256 * 1024
  const emulator = await startCloudinary({ minChunk: chunkSize })
  const { endpoint, tokens, assets, expireSessions, close } = emulator
  return {
    emulator,
    adapter: () =>
      cloudinary({ endpoint, chunkSize, cloud: 'cloud', apiKey: 'key', apiSecret: () => tokens.current }),
    read: async (key) => assets.get(`raw/${publicIdOf(key)}`)?.bytes,
    openSessions: async () => emulator.openSessions(),
    keepsAborted: true,
    expireCredential: () => tokens.expire(),
    expireSessions,
    partSize: chunkSize,
    close,
  }
}

scenarios('cloudinary', emulated)
providerFaults('cloudinary', emulated)
operations('cloudinary', emulated)

describe('cloudinary', () => {
  let server: CloudinaryEmulator
  let files: Files
  const body = randomBytes(18 * 2 ** 20)
  const signer = { cloud: 'cloud', apiKey: 'key' }
  beforeAll(async () => {
    server = await startCloudinary()
    const { endpoint, tokens } = server
    files = new Files({ adapter: cloudinary({ ...signer, endpoint, apiSecret: tokens.current }) })
  })
  afterAll(() => server.close())
  const rangesFrom = (from: number) =>
    server.requests
      .slice(from)
      .flatMap(({ headers }) => (headers['content-range'] ? [headers['content-range']] : []))

  it('goes on in the next process with chunks of the size that it began with', async () => {
    const stop = new AbortController()
    const control = new UploadControl()
    const onProgress = ({ loaded }: { loaded: number }) => loaded > 0 && stop.abort()
    const from = server.requests.length
    const done = files.upload('sized', body, { control, signal: stop.signal, onProgress })
    await expect(done).rejects.toMatchObject({ aborted: true })
    const { endpoint, tokens } = server
    const others = new Files({
      adapter: cloudinary({ ...signer, endpoint, apiSecret: tokens.current, chunkSize: 6_000_000 }),
    })
    await others.upload('sized', body, { control: UploadControl.from(JSON.stringify(control)) })
    expect(new Set(rangesFrom(from))).toEqual(
      new Set([
        'bytes 0-8388607/18874368',
        'bytes 8388608-16777215/18874368',
        'bytes 16777216-18874367/18874368',
      ]),
    )
    expect(server.assets.get('raw/sized')?.bytes.equals(body)).toBe(true)
  })

  it('uploads with the signature of a backend, which is asked for each chunk', async () => {
    const signed: object[] = []
    const sign = async (params: Readonly<Record<string, string>>) => {
      signed.push(params)
      const text = Object.entries(params)
        .map(([name, value]) => `${name}=${value}`)
        .sort()
        .join('&')
      return createHash('sha1')
        .update(text + server.tokens.current)
        .digest('hex')
    }
    const adapter = cloudinary({ ...signer, endpoint: server.endpoint, sign, type: 'video' })
    const others = new Files({ adapter })
    const { url, digest } = await others.upload('film', body)
    expect(signed).toHaveLength(3)
    expect(digest).toEqual({ algorithm: 'md5', value: createHash('md5').update(body).digest('base64') })
    expect((await fetch(url ?? '')).headers.get('content-length')).toBe(String(body.length))
    expect(others.capabilities).toMatchObject({ head: false, list: false, delete: false })
  })

  it('uploads unsigned with a preset', async () => {
    const adapter = cloudinary({ cloud: 'cloud', endpoint: server.endpoint, uploadPreset: 'open' })
    await new Files({ adapter }).upload('unsigned', 'x')
    expect(server.assets.get('raw/unsigned')?.bytes.toString()).toBe('x')
    await expect(new Files({ adapter }).upload('unsigned', 'y')).rejects.toMatchObject({ code: 'Conflict' })
    expect(() => cloudinary({ cloud: 'cloud' })).toThrow('uploadPreset')
  })

  it('makes any key a public id, and back', () => {
    for (const key of ['a?&#\\%<>+~b', 'a~3fb', 'ü/日本語.bin', 'a b'])
      expect(keyOf(publicIdOf(key))).toBe(key)
    expect(publicIdOf('100%~')).toBe('100~25~7e')
  })

  it.each(['', 'a//b', '/a', 'a/', ' a', 'a/../b', 'a\u0000b', 'x'.repeat(256)])(
    'refuses the key %j',
    async (key) => {
      await expect(files.upload(key, 'x')).rejects.toMatchObject({ code: 'InvalidKey' })
    },
  )
})
