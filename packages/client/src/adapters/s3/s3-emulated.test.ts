import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { randomBytes, same } from '../../../test/bodies.ts'
import { wireOf } from '../../../test/faults.ts'
import { scenarios } from '../../../test/scenarios.ts'
import { type S3Emulator, startS3Emulator } from '../../../test/servers/s3-emulator.ts'
import { UploadControl } from '../../control.ts'
import { Files } from '../../files.ts'
import { fromPath } from '../../node.ts'
import type { S3Options, UnsignedRequest } from './options.ts'
import { s3 } from './s3.ts'
import { signer } from './sigv4.ts'

const MIB = 2 ** 20
const credentials = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'secret' }

scenarios('s3 with full-object checksums and short pages', async () => {
  const server = await startS3Emulator()
  server.page = 2
  return {
    adapter: () => s3({ bucket: 'bucket', endpoint: server.endpoint, credentials }),
    read: async (key) => server.objects.get(key)?.bytes,
    openSessions: async () => server.uploads.size,
    partSize: 5 * MIB,
    close: () => server.close(),
  }
})

describe('s3', () => {
  let server: S3Emulator
  const body = randomBytes(12 * MIB)
  beforeEach(async () => {
    server = await startS3Emulator()
  })
  afterEach(() => server.close())
  const files = (options: Partial<S3Options> = {}) =>
    new Files({
      adapter: s3({ bucket: 'bucket', endpoint: server.endpoint, credentials, ...options }),
      retries: { max: 3, backoff: () => 1 },
    })
  const parts = { multipart: { partSize: 5 * MIB } }
  const isComplete = (method: string, url: URL) => method === 'POST' && url.searchParams.has('uploadId')

  describe.each(['crc32', 'crc64nvme'] as const)('with %s', (checksum) => {
    /** The store loses its memory of one byte, after it acknowledged the part. */
    const forgetful = (method: string, url: URL) => {
      const [upload] = server.uploads.values()
      const part = upload?.parts.get(1)
      if (isComplete(method, url) && part) part.bytes[7] = (part.bytes[7] ?? 0) ^ 1
      return undefined
    }

    // In parts that are held, in parts that are streamed, in one request, and nothing at all.
    it.each([
      [12 * MIB, 5 * MIB],
      [39 * MIB, 17 * MIB],
      [MIB, 5 * MIB],
      [0, 5 * MIB],
    ])('proves the whole object and returns its digest (%d bytes in parts of %d)', async (size, partSize) => {
      const bytes = randomBytes(size)
      const { digest } = await files({ checksum }).upload('a', bytes, { multipart: { partSize } })
      const stored = server.objects.get('a')
      expect(digest).toEqual({ algorithm: checksum, value: stored?.checksum })
      expect([stored?.algorithm, same(stored?.bytes, bytes)]).toEqual([checksum, true])
    })

    it('refuses an object whose parts do not add up to the body, in the store', async () => {
      server.intercept = forgetful
      await expect(files({ checksum }).upload('a', body, parts)).rejects.toMatchObject({ code: 'Corrupted' })
      expect(server.objects.has('a')).toBe(false)
    })

    it('compares what the store reports with what was read, when the store did not', async () => {
      server.unwatchful = true
      server.intercept = forgetful
      await expect(files({ checksum }).upload('a', body, parts)).rejects.toMatchObject({ code: 'Corrupted' })
    })

    it('knows the digest of an upload that another process began', async () => {
      const control = new UploadControl()
      const stop = new AbortController()
      const onProgress = ({ loaded }: { loaded: number }) => loaded > 0 && stop.abort()
      const begun = { multipart: { partSize: 5 * MIB, concurrency: 1 }, control, signal: stop.signal }
      await files({ checksum })
        .upload('a', body, { ...begun, onProgress })
        .catch(() => {})
      const token = JSON.stringify(control)
      const { digest } = await files({ checksum }).upload('a', body, { control: UploadControl.from(token) })
      expect(digest).toEqual({ algorithm: checksum, value: server.objects.get('a')?.checksum })
    })
  })

  it('mixes no parts of a file up although they take turns in the same memory', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'pawl-s3-file-'))
    const path = join(folder, 'body')
    const bytes = randomBytes(43 * MIB, 11)
    await writeFile(path, bytes)
    const wire = wireOf(s3({ bucket: 'bucket', endpoint: server.endpoint, credentials }))
    wire.fault = (name, index) =>
      name === 'send' && index % 3 === 1 ? (index % 2 ? 'answer lost' : 'cut in the middle') : undefined
    const lossy = new Files({ adapter: wire.adapter, retries: { max: 9, backoff: () => 1 } })
    await lossy.upload('a', fromPath(path), { multipart: { partSize: 5 * MIB, concurrency: 3 } })
    expect(same(server.objects.get('a')?.bytes, bytes)).toBe(true)
    await rm(folder, { recursive: true })
  })

  it('sees an error inside a 200', async () => {
    let left = 2
    server.intercept = (method, url) =>
      isComplete(method, url) && left-- > 0 ? { status: 200, code: 'InternalError' } : undefined
    await files().upload('a', body, parts)
    expect(left).toBeLessThan(0)
    expect(same(server.objects.get('a')?.bytes, body)).toBe(true)
    server.intercept = (method, url) =>
      isComplete(method, url) ? { status: 200, code: 'AccessDenied' } : undefined
    await expect(files().upload('b', body, parts)).rejects.toMatchObject({ code: 'Unauthorized' })
  })

  it('recognises its own object after the answer to Complete was lost, and no other', async () => {
    let lost = true
    server.intercept = (method, url) => {
      if (!isComplete(method, url) || !lost) return undefined
      lost = false
      return { status: 500, code: 'InternalError', after: true }
    }
    await files().upload('a', body, parts)
    expect(same(server.objects.get('a')?.bytes, body)).toBe(true)

    // Somebody else's object of the same size, and our upload aborted behind our back.
    server.intercept = (method, url) => {
      if (!isComplete(method, url)) return undefined
      server.uploads.clear()
      return { status: 404, code: 'NoSuchUpload' }
    }
    await expect(files().upload('a', randomBytes(12 * MIB, 9), parts)).rejects.toMatchObject({
      code: 'SessionGone',
    })
    expect(same(server.objects.get('a')?.bytes, body)).toBe(true)
  })

  it('sends a part again that was damaged on its way', async () => {
    let left = 1
    server.intercept = (_method, url) =>
      url.searchParams.has('partNumber') && left-- > 0 ? { status: 400, code: 'BadDigest' } : undefined
    await files().upload('a', body, parts)
    expect(same(server.objects.get('a')?.bytes, body)).toBe(true)
  })

  it('refuses a token that leads to another bucket, key or endpoint', async () => {
    const control = new UploadControl()
    const stop = new AbortController()
    await files()
      .upload('a', body, {
        ...parts,
        control,
        signal: stop.signal,
        onProgress: ({ loaded }) => loaded > 0 && stop.abort(),
      })
      .catch(() => {})
    const token = JSON.parse(JSON.stringify(control))
    const resumed = (token: object, options: Partial<S3Options> = {}) =>
      files(options).upload('a', body, { control: UploadControl.from(JSON.stringify(token)) })
    for (const [field, value] of Object.entries({ bucket: 'other', key: 'other' })) {
      const doctored = { ...token, session: { ...token.session, [field]: value } }
      await expect(resumed(doctored)).rejects.toMatchObject({ code: 'Conflict' })
    }
    await expect(resumed(token, { endpoint: 'http://127.0.0.1:1' })).rejects.toMatchObject({
      code: 'Conflict',
    })
    await expect(resumed(token)).resolves.toMatchObject({ size: body.length })
  })

  it('uploads without credentials through a backend that presigns each request', async () => {
    const seen: string[] = []
    const backend = signer(async () => credentials, 'us-east-1')
    const sign = (request: UnsignedRequest) => {
      seen.push(`${request.method} ${new URL(request.url).search.replace(/=[^&]*/g, '')}`)
      return backend.presign(request, 60)
    }
    const adapter = s3({ bucket: 'bucket', endpoint: server.endpoint, sign })
    expect(adapter.signedUploadUrl).toBeUndefined()
    await new Files({ adapter }).upload('a', body, { multipart: { partSize: 5 * MIB, concurrency: 1 } })
    expect(same(server.objects.get('a')?.bytes, body)).toBe(true)
    expect(seen).toEqual(['POST ?uploads', ...Array(3).fill('PUT ?partNumber&uploadId'), 'POST ?uploadId'])
    expect(
      server.requests.every(
        ({ url, headers }) => url.searchParams.has('X-Amz-Signature') && !headers.authorization,
      ),
    ).toBe(true)
  })

  it('asks for credentials again when they expired', async () => {
    let asked = 0
    const fresh = async () => ({ ...credentials, sessionToken: String(++asked) })
    server.intercept = (_method, url) =>
      url.searchParams.get('partNumber') === '2' && asked === 1
        ? { status: 400, code: 'ExpiredToken' }
        : undefined
    await files({ credentials: fresh }).upload('a', body, { ...parts, retries: 0 })
    expect(asked).toBe(2)
  })

  it('asks again for credentials that could not be had for the moment', async () => {
    let asked = 0
    const flaky = async () => {
      if (++asked < 3) throw new Error('the metadata service did not answer')
      return credentials
    }
    await files({ credentials: flaky }).upload('a', body, parts)
    expect(asked).toBe(3)
  })

  it('waits for a store that asks to slow down, and sends nothing twice', async () => {
    let left = 4
    const acknowledged: string[] = []
    server.intercept = (method, url) => {
      if (method !== 'PUT') return undefined
      if (left-- > 0) return { status: 503, code: 'SlowDown' }
      acknowledged.push(url.searchParams.get('partNumber') ?? '')
      return undefined
    }
    await files().upload('a', body, parts)
    expect(acknowledged.sort()).toEqual(['1', '2', '3'])
    // Nothing was taken, so nothing had to be asked for.
    expect(server.requests.filter(({ method }) => method === 'GET')).toEqual([])
  })

  it.each([
    ['in one request', MIB],
    ['in parts', 12 * MIB],
  ])('knows its own object when the answer to a conditional upload %s was lost', async (_how, size) => {
    const create = { ...parts, condition: { type: 'create' } } as const
    let lost = 1
    server.intercept = (method, url) =>
      (size === MIB ? method === 'PUT' : isComplete(method, url)) && lost-- > 0
        ? { status: 500, code: 'InternalError', after: true }
        : undefined
    await expect(files().upload('a', randomBytes(size), create)).resolves.toMatchObject({ size })
    expect(lost).toBeLessThan(1)
    await expect(files().upload('a', randomBytes(size, 3), create)).rejects.toMatchObject({
      code: 'Conflict',
    })
    expect(same(server.objects.get('a')?.bytes, randomBytes(size))).toBe(true)
  })

  it('gives up on a list of parts that does not go on', async () => {
    const control = new UploadControl()
    const stop = new AbortController()
    const onProgress = ({ loaded }: { loaded: number }) => loaded > 0 && stop.abort()
    await files()
      .upload('a', body, { ...parts, control, signal: stop.signal, onProgress })
      .catch(() => {})
    server.page = 0
    const resumed = { control: UploadControl.from(JSON.stringify(control)), retries: 0 }
    await expect(files().upload('a', body, resumed)).rejects.toMatchObject({ message: /does not go on/ })
  })

  it('takes up no session whose parts were checked otherwise', async () => {
    const control = new UploadControl()
    const stop = new AbortController()
    const onProgress = ({ loaded }: { loaded: number }) => loaded > 0 && stop.abort()
    await files()
      .upload('a', body, { ...parts, control, signal: stop.signal, onProgress })
      .catch(() => {})
    const resumed = { control: UploadControl.from(JSON.stringify(control)) }
    await expect(files({ checksum: 'off' }).upload('a', body, resumed)).rejects.toMatchObject({
      code: 'Conflict',
    })
  })

  it('says what is missing when there are no credentials', async () => {
    const bare = new Files({ adapter: s3({ bucket: 'bucket', endpoint: server.endpoint }) })
    await expect(bare.upload('a', 'x')).rejects.toMatchObject({
      code: 'Unauthorized',
      message: /AWS_ACCESS_KEY_ID/,
    })
  })
})
