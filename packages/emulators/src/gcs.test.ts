/** Google's own client uploads in chunks to the emulator, which refuses what Cloud Storage refuses. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type GcsEmulator, startGcs } from './gcs.ts'
import { bytesOf, hasVendor, vendor } from './vendor.ts'

const STEP = 256 * 1024

interface Sdk {
  Storage: new (
    options: object,
  ) => {
    bucket(name: string): { file(name: string): File }
  }
}
interface Auth {
  OAuth2Client: new () => { setCredentials(credentials: object): void }
}
interface File {
  save(data: Buffer, options: object): Promise<void>
  download(): Promise<[Buffer]>
  getMetadata(): Promise<[{ size: string; crc32c: string; metadata?: object }]>
  getSignedUrl(options: object): Promise<[string]>
  createResumableUpload(options: object): Promise<[string]>
  delete(): Promise<unknown>
}

describe.runIf(hasVendor('@google-cloud/storage'))('the emulator of Cloud Storage', () => {
  let gcs: GcsEmulator
  let file: (name: string) => File
  let signed: (name: string) => File
  beforeAll(async () => {
    gcs = await startGcs()
    const sdk: Sdk = vendor('@google-cloud/storage')
    const auth: Auth = vendor('google-auth-library')
    const authClient = new auth.OAuth2Client()
    authClient.setCredentials({ access_token: gcs.credentials.tokens.current })
    const options = { apiEndpoint: gcs.endpoint, projectId: 'pawl', useAuthWithCustomEndpoint: true }
    // 0: every request may be tried again.
    const retryOptions = { idempotencyStrategy: 0, maxRetryDelay: 1 }
    const storage = new sdk.Storage({ ...options, retryOptions, authClient })
    file = (name) => storage.bucket('b').file(name)
    const signer = new sdk.Storage({ ...options, credentials: gcs.credentials.serviceAccount() })
    signed = (name) => signer.bucket('b').file(name)
  })
  afterAll(() => gcs.close())

  it("takes an upload in chunks from the vendor's client, also when a chunk is cut, and gives it back", async () => {
    const body = bytesOf(5 * STEP + 1000)
    gcs.inject = (call, index) => (call === 'send' && index === 2 ? 'partial write' : undefined)
    // Without a session of its own the client would send no credentials to another endpoint than Google's.
    const [uri] = await file('a/ü.bin').createResumableUpload({ metadata: { metadata: { who: 'me' } } })
    await file('a/ü.bin').save(body, { resumable: true, chunkSize: STEP, uri })
    gcs.inject = () => undefined
    expect(gcs.requests.filter(({ call }) => call === 'send').length).toBeGreaterThan(5)
    expect(gcs.objects.get('a/ü.bin')?.bytes.equals(body)).toBe(true)
    expect((await file('a/ü.bin').download())[0].equals(body)).toBe(true)
    expect((await file('a/ü.bin').getMetadata())[0]).toMatchObject({ metadata: { who: 'me' } })
    expect(gcs.openSessions()).toBe(0)
  })

  it('honours the URLs that the vendor signs, and no others', async () => {
    const [url] = await signed('a/ü.bin').getSignedUrl({
      version: 'v4',
      action: 'read',
      expires: Date.now() + 60_000,
      host: gcs.endpoint,
    })
    expect((await fetch(url)).status).toBe(200)
    expect((await fetch(url.replace('Expires=60', 'Expires=600'))).status).toBe(403)
  })

  it('refuses what Cloud Storage refuses', async () => {
    const [uri] = await file('refused').createResumableUpload({})
    const put = async (range: string, body: Buffer, headers: object = {}) =>
      fetch(uri, {
        method: 'PUT',
        headers: { 'content-range': range, ...headers },
        body: new Uint8Array(body),
      })
    const status = async (...args: Parameters<typeof put>) => (await put(...args)).status
    // Too little, beyond the offset, not as long as it says, no range at all.
    expect(await status('bytes 0-99/1000', bytesOf(100))).toBe(400)
    expect(await status(`bytes ${STEP}-${2 * STEP - 1}/*`, bytesOf(STEP))).toBe(503)
    expect(await status(`bytes 0-${STEP}/*`, bytesOf(STEP))).toBe(400)
    expect(await status('bytes x', bytesOf(STEP))).toBe(400)
    // What is no multiple is kept up to the last step.
    const kept = await put(`bytes 0-${STEP + 9}/*`, bytesOf(STEP + 10))
    expect([kept.status, kept.headers.get('range')]).toEqual([308, `bytes=0-${STEP - 1}`])
    // A hash that does not match ends it.
    const tail = bytesOf(10)
    const wrong = { 'x-goog-hash': 'crc32c=AAAAAA==' }
    expect(await status(`bytes ${STEP}-${STEP + 9}/${STEP + 10}`, tail, wrong)).toBe(400)
    expect(await status('bytes */*', Buffer.alloc(0))).toBe(404)

    const [later] = await file('expired').createResumableUpload({})
    gcs.expireSessions()
    expect((await fetch(later, { method: 'PUT', headers: { 'content-range': 'bytes */*' } })).status).toBe(
      410,
    )

    const start = (query: string, headers: Record<string, string>) =>
      fetch(`${gcs.endpoint}/upload/storage/v1/b/b/o?uploadType=resumable&${query}`, {
        method: 'POST',
        headers,
      })
    const authorization = `Bearer ${gcs.credentials.tokens.current}`
    expect((await start('name=k', {})).status).toBe(401)
    expect((await start('name=k', { authorization: 'Bearer other' })).status).toBe(401)
    expect((await start(`name=${'k'.repeat(1025)}`, { authorization })).status).toBe(400)
    expect((await start('name=a%2F%C3%BC.bin&ifGenerationMatch=0', { authorization })).status).toBe(412)
    const tooLong = { authorization, 'x-upload-content-length': String(5 * 1024 ** 4 + 1) }
    expect((await start('name=k', tooLong)).status).toBe(400)
  })
})
