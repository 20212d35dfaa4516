/** Cloudinary's own client uploads in chunks to the emulator, which refuses what Cloudinary refuses. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type CloudinaryEmulator, startCloudinary } from './cloudinary.ts'
import { bytesOf, hasVendor, vendor } from './vendor.ts'

type Answer = Record<string, unknown>
interface Sdk {
  config(options: object): void
  readonly uploader: {
    upload_large(path: string, options: object, callback: (error: unknown, result: Answer) => void): void
    upload(path: string, options: object): Promise<Answer>
    rename(from: string, to: string, options: object): Promise<Answer>
    destroy(id: string, options: object): Promise<Answer>
  }
  readonly api: {
    resource(id: string, options: object): Promise<Answer>
    resources(options: object): Promise<Answer>
  }
}

const RAW = { resource_type: 'raw' }

describe.runIf(hasVendor('cloudinary'))('the emulator of Cloudinary', () => {
  let server: CloudinaryEmulator
  let sdk: Sdk
  let folder = ''
  const body = bytesOf(5_001_000)
  beforeAll(async () => {
    server = await startCloudinary()
    folder = await mkdtemp(join(tmpdir(), 'pawl-cloudinary-'))
    await writeFile(join(folder, 'large.bin'), body)
    await writeFile(join(folder, 'small.bin'), 'small')
    // The client reads where it goes to when it is loaded.
    process.env.CLOUDINARY_URL = `cloudinary://key:${server.tokens.current}@cloud?upload_prefix=${server.endpoint}`
    sdk = vendor('cloudinary').v2
  })
  afterAll(async () => {
    delete process.env.CLOUDINARY_URL
    await server.close()
    await rm(folder, { recursive: true })
  })

  const large = (options: object) =>
    new Promise<Answer>((resolve, reject) =>
      sdk.uploader.upload_large(join(folder, 'large.bin'), { ...RAW, ...options }, (error, result) =>
        error ? reject(error) : resolve(result),
      ),
    )

  it("takes chunks of the vendor's client, and gives the file back", async () => {
    const made = await large({ public_id: 'ü/large.bin', chunk_size: 5_000_000 })
    expect(made).toMatchObject({ public_id: 'ü/large.bin', bytes: body.length })
    expect(server.requests.filter(({ call }) => call === 'begin' || call === 'send')).toHaveLength(2)
    expect(server.assets.get('raw/ü/large.bin')?.bytes.equals(body)).toBe(true)
    const found = await sdk.api.resource('ü/large.bin', RAW)
    expect(found).toMatchObject({ etag: made.etag, bytes: body.length })
    const back = await fetch(String(made.secure_url), { headers: { range: 'bytes=5-9' } })
    expect(Buffer.from(await back.arrayBuffer()).equals(body.subarray(5, 10))).toBe(true)
    expect(server.openSessions()).toBe(0)
  })

  it("renames, lists and deletes for the vendor's client", async () => {
    await sdk.uploader.upload(join(folder, 'small.bin'), { ...RAW, public_id: 'a/small' })
    await sdk.uploader.rename('a/small', 'b/small', RAW)
    await expect(sdk.uploader.rename('a/small', 'b/small', RAW)).rejects.toMatchObject({ http_code: 404 })
    const { resources } = await sdk.api.resources({ ...RAW, type: 'upload', prefix: 'b/' })
    expect(resources).toMatchObject([{ public_id: 'b/small' }])
    expect(await sdk.uploader.destroy('b/small', RAW)).toEqual({ result: 'ok' })
    expect(await sdk.uploader.destroy('b/small', RAW)).toEqual({ result: 'not found' })
  })

  it('refuses what Cloudinary refuses', async () => {
    await expect(large({ public_id: 'x', chunk_size: 4_000_000 })).rejects.toMatchObject({
      message: expect.stringContaining('larger than 5mb'),
    })
    const send = async (range: string, bytes: Buffer, fields: Record<string, string> = {}) => {
      const form = new FormData()
      const all = { upload_preset: 'open', ...fields }
      for (const [name, value] of Object.entries(all)) form.set(name, value)
      form.set('file', new Blob([new Uint8Array(bytes)]), 'file')
      const headers = { 'x-unique-upload-id': 'one', 'content-range': range }
      const url = `${server.endpoint}/v1_1/cloud/raw/upload`
      const response = await fetch(url, { method: 'POST', headers, body: form })
      const { error } = (await response.json()) as { error?: { message: string } }
      return `${response.status} ${error?.message ?? ''}`
    }
    expect(await send('bytes 5-9/10', bytesOf(5))).toContain('400 Invalid Content-Range')
    expect(await send('bytes 0-8/9', bytesOf(5))).toContain('400 Invalid Content-Range')
    expect(await send('bytes 0-4/5', bytesOf(5), { public_id: 'a?' })).toContain('is invalid')
    const first = bytesOf(5_000_000)
    expect(await send('bytes 0-4999999/5000005', first)).toBe('200 ')
    expect(await send('bytes 0-4999999/5000005', first)).toBe('200 ')
    expect(await send('bytes 5000000-5000004/5000005', bytesOf(5))).toBe('200 ')
    expect(await send('bytes 5000000-5000004/5000005', bytesOf(5))).toContain('chunks are missing')
    const signed = { upload_preset: '', api_key: 'key', signature: '0' }
    const now = String(Math.floor(Date.now() / 1000))
    expect(await send('bytes 0-4/5', bytesOf(5), { ...signed, timestamp: '5' })).toContain(
      '400 Stale request',
    )
    expect(await send('bytes 0-4/5', bytesOf(5), { ...signed, timestamp: now })).toContain(
      '401 Invalid Signature',
    )
    server.tokens.expire()
    await expect(sdk.api.resources({ ...RAW, type: 'upload' })).rejects.toMatchObject({
      error: { http_code: 401 },
    })
  })
})
