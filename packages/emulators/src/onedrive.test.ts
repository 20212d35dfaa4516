/** Microsoft's own client uploads large files to the emulator, which refuses what Graph refuses. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type OneDriveEmulator, quickXorHash, startOneDrive } from './onedrive.ts'
import { bytesOf, hasVendor, vendor } from './vendor.ts'

const STEP = 320 * 1024
const UPLOADS = 'https://uploads.test'

interface Request {
  responseType(type: unknown): Request
  get(): Promise<unknown>
  post(body: object): Promise<unknown>
  patch(body: object): Promise<unknown>
}
interface Client {
  api(path: string): Request
}
interface Sdk {
  Client: { initWithMiddleware(options: object): Client }
  ResponseType: { RAW: unknown }
  AuthenticationHandler: new (provider: object) => Middleware
  FileUpload: new (content: Uint8Array, name: string, size: number) => object
  OneDriveLargeFileUploadTask: {
    createTaskWithFileObject(
      client: object,
      file: object,
      options: object,
    ): Promise<{ upload(): Promise<{ responseBody: { id: string; size: number } }> }>
  }
}
interface Middleware {
  setNext(next: object): void
}

describe.runIf(hasVendor('@microsoft/microsoft-graph-client'))('the emulator of OneDrive', () => {
  let drive: OneDriveEmulator
  let sdk: Sdk
  let client: Client
  beforeAll(async () => {
    drive = await startOneDrive({ uploads: UPLOADS })
    sdk = vendor('@microsoft/microsoft-graph-client')
    const authentication = new sdk.AuthenticationHandler({ getAccessToken: async () => drive.tokens.current })
    // The client gives credentials to Graph's own host only: its requests are led here behind that.
    authentication.setNext({
      execute: async (context: { request: string; options: RequestInit; response?: Response }) => {
        const url = context.request.replace(
          /^https:\/\/(?:graph\.microsoft\.com|uploads\.test)/,
          drive.endpoint,
        )
        context.response = await fetch(url, context.options)
      },
    })
    client = sdk.Client.initWithMiddleware({ middleware: authentication })
  })
  afterAll(() => drive.close())

  it("takes the fragments of the vendor's client, and gives them back", async () => {
    const body = bytesOf(3 * STEP + 1000)
    const file = new sdk.FileUpload(body, 'ü.bin', body.length)
    const options = { path: '/folder', fileName: 'ü.bin', rangeSize: STEP, conflictBehavior: 'replace' }
    const task = await sdk.OneDriveLargeFileUploadTask.createTaskWithFileObject(client, file, options)
    const { responseBody } = await task.upload()
    expect(responseBody).toMatchObject({ name: 'ü.bin', size: body.length })
    expect(drive.items.get('/folder/ü.bin')?.bytes.equals(body)).toBe(true)
    expect(drive.requests.filter(({ call }) => call === 'send')).toHaveLength(4)
    expect(drive.openSessions()).toBe(0)
  })

  it("copies and moves at the word of the vendor's client, which can ask how far a copy is", async () => {
    const root = (await client.api('/me/drive/root').get()) as {
      id: string
      parentReference: { driveId: string }
    }
    const parentReference = { id: root.id, driveId: root.parentReference.driveId }
    const copy = client.api('/me/drive/root:/folder/ü.bin:/copy').responseType(sdk.ResponseType.RAW)
    const answer = (await copy.post({ parentReference, name: 'copy.bin' })) as Response
    const asked = async () =>
      ((await (await fetch(answer.headers.get('location') ?? '')).json()) as { status: string }).status
    expect([answer.status, await asked(), await asked(), await asked()]).toEqual([
      202,
      'inProgress',
      'completed',
      'completed',
    ])
    const made = { name: 'there', folder: {} }
    const folder = (await client.api('/me/drive/root/children').post(made)) as { id: string }
    await client
      .api('/me/drive/root:/copy.bin')
      .patch({ parentReference: { id: folder.id }, name: 'moved.bin' })
    expect([...drive.items.keys()]).toEqual(['/folder/ü.bin', '/there/moved.bin'])
  })

  it('hashes as Microsoft does', () => {
    expect(quickXorHash(Buffer.alloc(0))).toBe('AAAAAAAAAAAAAAAAAAAAAAAAAAA=')
    // One byte stays where it is, and its length stands 96 bits further on.
    expect(Buffer.from(quickXorHash(Buffer.from('h')), 'base64').toString('hex')).toBe(
      '680000000000000000000000010000000000000000'.slice(0, 40),
    )
  })

  it('refuses what Graph refuses', async () => {
    const authorization = `Bearer ${drive.tokens.current}`
    const root = `${drive.endpoint}/v1.0/me/drive/root`
    const create = (name: string, headers: Record<string, string> = { authorization }) =>
      fetch(`${root}:/${name}:/createUploadSession`, { method: 'POST', headers, body: '{}' })
    expect((await create('x', {})).status).toBe(401)
    expect((await create('folder/%C3%BC.bin')).status).toBe(409)
    expect((await create('x', { authorization, 'if-match': '"no"' })).status).toBe(404)
    const answer = (await (await create('y')).json()) as { uploadUrl: string }
    const uploadUrl = answer.uploadUrl.replace(UPLOADS, drive.endpoint)
    const put = async (range: string, size: number, headers: Record<string, string> = {}) => {
      const all = { 'content-range': `bytes ${range}`, ...headers }
      return (await fetch(uploadUrl, { method: 'PUT', headers: all, body: bytesOf(size) })).status
    }
    expect(await put(`0-${STEP - 1}/${4 * STEP}`, STEP, { authorization })).toBe(401)
    expect(await put(`0-99/${4 * STEP}`, 100)).toBe(400)
    expect(await put(`${STEP}-${2 * STEP - 1}/${4 * STEP}`, STEP)).toBe(416)
    expect(await put(`0-${STEP - 1}/${4 * STEP}`, STEP)).toBe(202)
    expect(await put(`0-${STEP - 1}/${4 * STEP}`, STEP)).toBe(416)
    expect(await put(`${STEP}-${2 * STEP - 1}/${5 * STEP}`, STEP)).toBe(400)
    drive.expireSessions()
    expect(await put(`${STEP}-${2 * STEP - 1}/${4 * STEP}`, STEP)).toBe(404)
    expect((await fetch(uploadUrl)).status).toBe(404)
  })
})
