/** Vercel's own client uploads in parts to the emulator, which refuses what the client has errors for. */
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { bytesOf, hasVendor, vendor } from './vendor.ts'
import { startVercelBlob, type VercelBlobEmulator } from './vercel-blob.ts'

const MIB = 1024 * 1024

interface Part {
  readonly etag: string
  readonly partNumber: number
}
interface Blob {
  readonly url: string
  readonly etag: string
  readonly pathname: string
}
interface Sdk {
  put(pathname: string, body: Buffer, options: object): Promise<Blob>
  head(name: string, options: object): Promise<{ size: number; contentType: string }>
  copy(from: string, to: string, options: object): Promise<Blob>
  del(name: string, options: object): Promise<void>
  list(options: object): Promise<{ blobs: Blob[]; folders?: string[]; hasMore: boolean; cursor?: string }>
  createMultipartUpload(pathname: string, options: object): Promise<{ key: string; uploadId: string }>
  uploadPart(pathname: string, body: Buffer, options: object): Promise<Part>
  completeMultipartUpload(pathname: string, parts: Part[], options: object): Promise<Blob>
}
interface ClientSdk extends Sdk {
  generateClientTokenFromReadWriteToken(options: object): Promise<string>
}

describe.runIf(hasVendor('@vercel/blob'))('the emulator of Vercel Blob', () => {
  let server: VercelBlobEmulator
  let sdk: Sdk
  let client: ClientSdk
  const body = bytesOf(9 * MIB + 1000)
  const access = 'public'
  let own: { access: string; token: string }

  beforeAll(async () => {
    server = await startVercelBlob()
    vi.stubEnv('VERCEL_BLOB_API_URL', server.endpoint)
    vi.stubEnv('VERCEL_BLOB_RETRIES', '1')
    sdk = vendor('@vercel/blob')
    client = vendor('@vercel/blob/client')
    own = { access, token: server.token() }
  })
  afterAll(async () => {
    vi.unstubAllEnvs()
    await server.close()
  })

  it("takes parts of the vendor's client side by side, also when one is refused at first, and gives them back", async () => {
    server.inject = (call, index) => (call === 'send' && index === 1 ? { status: 503 } : undefined)
    const blob = await sdk.put('a/ü b.bin', body, { ...own, multipart: true, contentType: 'text/x' })
    server.inject = () => undefined
    expect(blob).toMatchObject({ pathname: 'a/ü b.bin' })
    expect(server.openSessions()).toBe(0)
    const { body: read } = { body: Buffer.from(await (await fetch(blob.url)).arrayBuffer()) }
    expect(read.equals(body)).toBe(true)
    expect(await sdk.head(blob.url, own)).toMatchObject({ size: body.length, contentType: 'text/x' })
    expect(await sdk.head('a/ü b.bin', own)).toMatchObject({ size: body.length })
  })

  it("does for the vendor's client what else the adapter asks for", async () => {
    await sdk.put('b/1', Buffer.from('one'), own)
    await sdk.copy('b/1', 'b/2', own)
    expect(server.blobs.get('b/2')?.bytes.toString()).toBe('one')
    const page = await sdk.list({ ...own, prefix: 'b/', limit: 1 })
    expect([page.blobs.map(({ pathname }) => pathname), page.hasMore]).toEqual([['b/1'], true])
    const folded = await sdk.list({ ...own, mode: 'folded' })
    expect(folded.folders).toEqual(['a/', 'b/'])
    await sdk.del('b/2', own)
    await expect(sdk.head('b/2', own)).rejects.toThrow('does not exist')
  })

  it("takes client tokens that the vendor's client signs, each for its pathname and its time", async () => {
    const rules = { pathname: 'mine', token: own.token }
    const token = await client.generateClientTokenFromReadWriteToken(rules)
    await client.put('mine', body, { access, token, multipart: true })
    expect(server.blobs.get('mine')?.bytes.equals(body)).toBe(true)
    await expect(client.put('other', Buffer.from('x'), { access, token })).rejects.toThrow(
      'Pathname mismatch',
    )
    await expect(sdk.list({ token })).rejects.toThrow('client token')
    const late = await client.generateClientTokenFromReadWriteToken({ ...rules, validUntil: Date.now() - 1 })
    await expect(client.put('mine', Buffer.from('x'), { access, token: late })).rejects.toThrow('expired')
    expect(server.clientToken({ pathname: 'mine', validUntil: 5 })).toBe(
      await client.generateClientTokenFromReadWriteToken({ ...rules, validUntil: 5 }),
    )
  })

  it('refuses what Vercel Blob refuses', async () => {
    await sdk.put('there', Buffer.from('x'), own)
    await expect(sdk.put('there', Buffer.from('x'), own)).rejects.toThrow('already exists')
    await expect(sdk.put('there', Buffer.from('x'), { ...own, ifMatch: '"no"' })).rejects.toThrow(
      'ETag mismatch',
    )
    await expect(sdk.createMultipartUpload('there', own)).rejects.toThrow('already exists')
    const { key, uploadId } = await sdk.createMultipartUpload('new', own)
    const part = (partNumber: number, bytes: Buffer) =>
      sdk.uploadPart('new', bytes, { ...own, key, uploadId, partNumber })
    const complete = (parts: Part[]) => sdk.completeMultipartUpload('new', parts, { ...own, key, uploadId })
    const parts = [await part(1, body.subarray(0, MIB)), await part(2, body.subarray(0, 5))]
    await expect(complete(parts)).rejects.toThrow('same size')
    await expect(complete([{ partNumber: 1, etag: 'x' }])).rejects.toThrow('invalid part')
    await expect(part(10_001, body.subarray(0, 5))).rejects.toThrow('part number')
    server.expireSessions()
    await expect(part(1, body.subarray(0, 5))).rejects.toThrow('does not exist')
    server.expireToken()
    await expect(sdk.head('there', own)).rejects.toThrow('Access denied')
  })
})
