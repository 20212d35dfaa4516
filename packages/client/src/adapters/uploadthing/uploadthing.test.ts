import { createHash, createHmac } from 'node:crypto'
import { startUploadThing, type UploadThingEmulator } from '@pawl/emulators/uploadthing'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { randomBytes, same } from '../../../test/bodies.ts'
import { operations } from '../../../test/operations.ts'
import { type EmulatedWorld, providerFaults } from '../../../test/provider-faults.ts'
import { scenarios } from '../../../test/scenarios.ts'
import { UploadControl } from '../../control.ts'
import { Files } from '../../files.ts'
import type { UploadThingFile, UploadThingOptions } from './options.ts'
import { uploadThing } from './uploadthing.ts'

const places = ({ endpoint }: UploadThingEmulator) => ({
  endpoint,
  ingest: `${endpoint}/ingest`,
  files: `${endpoint}/a/app`,
})

/** In pieces, so that there is more than one request to break. */
async function emulated(): Promise<EmulatedWorld> {
  const chunkSize = 256 * 1024
  const emulator = await startUploadThing({ pieces: true })
  return {
    emulator,
    adapter: () => uploadThing({ ...places(emulator), chunkSize, token: () => emulator.token() }),
    read: async (key) => emulator.read(key),
    openSessions: async () => emulator.openSessions(),
    keepsAborted: true,
    expireCredential: () => emulator.tokens.expire(),
    expireSessions: emulator.expireSessions,
    partSize: chunkSize,
    close: emulator.close,
  }
}

scenarios('uploadthing', emulated)
providerFaults('uploadthing', emulated)
operations('uploadthing', emulated)

describe('uploadthing', () => {
  let server: UploadThingEmulator
  const body = randomBytes(2 * 2 ** 20)
  beforeAll(async () => {
    server = await startUploadThing()
  })
  afterEach(() => {
    server.inject = () => undefined
  })
  afterAll(() => server.close())
  const filesOf = (more: Partial<UploadThingOptions> = { token: server.token() }) =>
    new Files({
      adapter: uploadThing({ ...places(server), ...more }),
      retries: { max: 3, backoff: () => 1 },
    })
  const puts = (from: number) =>
    server.requests
      .slice(from)
      .flatMap(({ method, headers, size }) => (method === 'PUT' ? [{ range: headers.range, size }] : []))

  it('sends all that is missing in one request, and after a break only that', async () => {
    const from = server.requests.length
    let sends = 0
    server.inject = (call) => (call === 'send' && sends++ === 0 ? 'partial write' : undefined)
    const { digest, url } = await filesOf().upload('whole', body, { multipart: { partSize: 100_000 } })
    expect(digest).toEqual({ algorithm: 'md5', value: createHash('md5').update(body).digest('base64') })
    expect(same(new Uint8Array(await (await fetch(url ?? '')).arrayBuffer()), body)).toBe(true)
    const [first, second, ...more] = puts(from)
    expect([first?.range, more]).toEqual(['bytes=0-', []])
    const start = Number(/^bytes=(\d+)-$/.exec(second?.range ?? '')?.[1])
    expect(start).toBeGreaterThan(2 ** 20 - 1000)
    expect(second?.size).toBeLessThan(body.length - start + 1000)
  })

  it('goes on in the next process where the last one was cut', async () => {
    const control = new UploadControl()
    server.inject = (call) => (call === 'send' ? 'partial write' : undefined)
    const options = { control, retries: 0 }
    await expect(filesOf().upload('next', body, options)).rejects.toMatchObject({ code: 'Provider' })
    server.inject = () => undefined
    const from = server.requests.length
    await filesOf().upload('next', body, { control: UploadControl.from(JSON.stringify(control)) })
    expect(same(server.read('next'), body)).toBe(true)
    expect(puts(from)).toHaveLength(1)
    expect(puts(from)[0]?.size).toBeLessThan(body.length / 2 + 1000)
  })

  it('asks again for what the file became when only that answer was lost', async () => {
    const from = server.requests.length
    let sends = 0
    server.inject = (call) => (call === 'send' && sends++ === 0 ? 'lost answer' : undefined)
    const { digest } = await filesOf().upload('lost', body)
    expect(digest?.algorithm).toBe('md5')
    expect(puts(from).map(({ range }) => range)).toEqual(['bytes=0-', `bytes=${body.length}-`])
    expect(puts(from)[1]?.size).toBeLessThan(1000)
  })

  it('replaces nothing: a key that is taken is refused before a byte is sent', async () => {
    const files = filesOf()
    await files.upload('taken', 'one')
    const from = server.requests.length
    await expect(files.upload('taken', 'two')).rejects.toMatchObject({ code: 'Conflict' })
    expect(puts(from)).toEqual([])
    await files.delete('taken')
    // As it was reported of UploadThing: the ids of deleted files stay taken for a while.
    await expect(files.upload('taken', 'three')).rejects.toThrow('maybe by a file that was deleted')
    expect(server.read('taken')).toBeUndefined()
  })

  it('uploads to URLs that a backend signs, which is asked again when one was refused', async () => {
    const asked: UploadThingFile[] = []
    const presign = async (file: UploadThingFile) => {
      asked.push(file)
      const { apiKey } = JSON.parse(Buffer.from(server.token(), 'base64').toString())
      const url = new URL(`${server.endpoint}/ingest/${file.fileKey ?? 'frEbQjJKhu6Gabc'}`)
      url.searchParams.set('expires', String(Date.now() + 60_000))
      url.searchParams.set('x-ut-identifier', 'app')
      url.searchParams.set('x-ut-file-name', encodeURIComponent(file.name))
      url.searchParams.set('x-ut-file-size', String(file.size))
      url.searchParams.set('x-ut-custom-id', encodeURIComponent(file.customId))
      const signature = createHmac('sha256', apiKey).update(url.href).digest('hex')
      url.searchParams.set('signature', `hmac-sha256=${signature}`)
      return url.href
    }
    const files = filesOf({ presign })
    let sends = 0
    server.inject = (call) => {
      if (call !== 'send' || sends++ > 0) return undefined
      server.tokens.expire()
      return 'partial write'
    }
    const { url } = await files.upload('ü/presigned', body)
    const file = { name: 'presigned', customId: 'ü/presigned', size: body.length }
    const type = 'application/octet-stream'
    expect(asked).toEqual([
      { ...file, type, fileKey: undefined },
      { ...file, type, fileKey: 'frEbQjJKhu6Gabc' },
    ])
    expect(url).toContain('frEbQjJKhu6Gabc')
    expect(same(server.read('ü/presigned'), body)).toBe(true)
    expect(files.capabilities).toMatchObject({ head: false, list: false, delete: false, resumable: true })
    const control = new UploadControl()
    server.inject = (call) => (call === 'send' ? 'partial write' : undefined)
    const options = { control, retries: 0 }
    const swapped = async (given: UploadThingFile) =>
      presign({ ...given, fileKey: given.fileKey === undefined ? 'frEbQjJKhu6Gone' : 'frEbQjJKhu6Gtwo' })
    await filesOf({ presign: swapped })
      .upload('swapped', body, options)
      .catch(() => {})
    await expect(
      filesOf({ presign: swapped }).upload('swapped', body, {
        control: UploadControl.from(JSON.stringify(control)),
      }),
    ).rejects.toMatchObject({ code: 'SessionGone' })
  })

  it('lists page by page, and only files with a custom id', async () => {
    const other = await startUploadThing()
    const files = new Files({ adapter: uploadThing({ ...places(other), token: other.token() }) })
    for (let i = 0; i < 501; i++) await files.upload(`n/${String(i).padStart(3, '0')}`, 'x')
    expect((await files.list({ prefix: 'n/' })).items).toHaveLength(501)
    expect(other.requests.filter(({ url }) => url.pathname === '/v6/listFiles')).toHaveLength(2)
    await other.close()
  })

  it.each(['', 'a\u0000b', 'x'.repeat(129)])('refuses the key %j', async (key) => {
    await expect(filesOf().upload(key, 'x')).rejects.toMatchObject({ code: 'InvalidKey' })
  })

  it('needs a token that is one, or somebody who signs', async () => {
    expect(() => uploadThing({})).toThrow('a token or presign')
    for (const token of ['sk_live_1', '', Buffer.from('{}').toString('base64')])
      await expect(filesOf({ token }).upload('x', 'x')).rejects.toThrow('as its dashboard shows it')
  })
})
