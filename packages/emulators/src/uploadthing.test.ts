/** UploadThing's own clients upload to the emulator, and go on where they were cut; it refuses what UploadThing refuses. */
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { startUploadThing, type UploadThingEmulator } from './uploadthing.ts'
import { bytesOf, hasVendor, vendor } from './vendor.ts'

interface Uploaded {
  readonly key: string
  readonly ufsUrl: string
  readonly fileHash: string
}
interface UtApi {
  uploadFiles(
    file: File,
    options?: object,
  ): Promise<{ data: Uploaded | null; error: { code: string } | null }>
  listFiles(
    options?: object,
  ): Promise<{ hasMore: boolean; files: { key: string; customId: string | null }[] }>
  getFileUrls(keys: string, options?: object): Promise<{ data: { key: string; url: string }[] }>
  deleteFiles(keys: string, options?: object): Promise<{ success: boolean; deletedCount: number }>
  generateSignedURL(key: string, options: object): Promise<{ ufsUrl: string }>
}
interface Upload {
  pauseUpload(): void
  resumeUpload(): void
  done(): Promise<Uploaded[]>
}

const body = bytesOf(600_000)

/** As much of a browser's as the client uses; `broken` is called before it says that a request broke. */
class Xhr {
  static broken = () => {}
  status = 0
  response: unknown
  readonly upload = { addEventListener: () => {} }
  readonly #abort = new AbortController()
  readonly #headers: Record<string, string> = {}
  readonly #listeners = new Map<string, () => void>()
  #request: { method: string; url: string } = { method: '', url: '' }
  open(method: string, url: string) {
    this.#request = { method, url }
  }
  setRequestHeader(name: string, value: string) {
    this.#headers[name] = value
  }
  addEventListener(type: string, listener: () => void) {
    this.#listeners.set(type, listener)
  }
  abort() {
    this.#abort.abort()
  }
  async send(form: FormData) {
    const { method, url } = this.#request
    const { signal } = this.#abort
    try {
      const response = await fetch(url, { method, headers: this.#headers, body: form, signal })
      this.status = response.status
      this.response = await response.json()
      this.#listeners.get('load')?.()
    } catch {
      Xhr.broken()
      if (!signal.aborted) this.#listeners.get('error')?.()
    }
  }
}

describe.runIf(hasVendor('uploadthing'))('the emulator of UploadThing', () => {
  let server: UploadThingEmulator
  let api: UtApi
  let UtFile: new (parts: readonly Uint8Array<ArrayBuffer>[], name: string, options: object) => File
  let config: object
  beforeAll(async () => {
    server = await startUploadThing()
    config = {
      token: server.token(),
      apiUrl: server.endpoint,
      ingestUrl: `${server.endpoint}/ingest`,
      // The client takes what sounds local for plain HTTP.
      ufsHost: server.endpoint.replace('http://127.0.0.1', 'localhost'),
      ufsAppIdLocation: 'path',
      isDev: false,
      logLevel: 'None',
    }
    const { UTApi, UTFile } = vendor('uploadthing/server')
    api = new UTApi(config)
    UtFile = UTFile
    vi.stubGlobal('XMLHttpRequest', Xhr)
  })
  afterAll(async () => {
    vi.unstubAllGlobals()
    await server.close()
  })
  const file = (name: string, customId?: string) => new UtFile([body], name, { customId })

  it("takes a file of the vendor's client, lists it, finds it, gives it back and deletes it", async () => {
    const { data } = await api.uploadFiles(file('ü &+?.bin', 'folder/ü 1'))
    expect(server.read('folder/ü 1')?.equals(body)).toBe(true)
    const key = data?.key ?? ''
    expect(await api.listFiles({ limit: 1 })).toMatchObject({ files: [{ key, customId: 'folder/ü 1' }] })
    const { data: found } = await api.getFileUrls('folder/ü 1', { keyType: 'customId' })
    expect(found).toEqual([{ key, url: data?.ufsUrl }])
    const { ufsUrl } = await api.generateSignedURL(key, { expiresIn: 60 })
    const part = await fetch(ufsUrl, { headers: { range: 'bytes=5-9' } })
    expect(Buffer.from(await part.arrayBuffer()).equals(body.subarray(5, 10))).toBe(true)
    expect(await api.deleteFiles('folder/ü 1', { keyType: 'customId' })).toMatchObject({ deletedCount: 1 })
    expect(await api.getFileUrls('folder/ü 1', { keyType: 'customId' })).toEqual({ data: [] })
    expect((await fetch(ufsUrl)).status).toBe(404)
  })

  it("goes on with an upload of the vendor's client where it was cut", async () => {
    const { createRouteHandler, createUploadthing } = vendor('uploadthing/server')
    const route = createUploadthing()({ blob: { maxFileSize: '1MB' } }).onUploadComplete(() => {})
    const backend: (request: Request) => Promise<Response> = createRouteHandler({
      router: { any: route },
      config,
    })
    const page = 'http://127.0.0.1/api/uploadthing'
    const { createUpload } = vendor('uploadthing/client').genUploader({
      url: page,
      fetch: (url: string | URL, init: RequestInit) =>
        String(url).startsWith(page) ? backend(new Request(url, init)) : fetch(url, init),
    })
    const from = server.requests.length
    const upload: Upload = await createUpload('any', { files: [file('cut.bin')] })
    server.inject = (call) => (call === 'send' ? 'partial write' : undefined)
    await new Promise<void>((resolve) => {
      Xhr.broken = () => {
        upload.pauseUpload()
        resolve()
      }
    })
    server.inject = () => undefined
    upload.resumeUpload()
    const [done] = await upload.done()
    expect(server.read(done?.key ?? '')?.equals(body)).toBe(true)
    const [, again] = server.requests.slice(from).filter(({ call }) => call === 'send')
    const start = Number(/^bytes=(\d+)-$/.exec(String(again?.headers.range))?.[1])
    expect(start).toBeGreaterThan(body.length / 3)
    expect(again?.size).toBeLessThan(body.length - start + 1000)
    expect(server.openSessions()).toBe(0)
  })

  it('refuses what UploadThing refuses', async () => {
    const refused = { data: null, error: { code: 'UPLOAD_FAILED' } }
    expect(await api.uploadFiles(file('long', 'x'.repeat(129)))).toMatchObject(refused)
    await api.uploadFiles(file('one', 'taken'))
    await api.deleteFiles('taken', { keyType: 'customId' })
    expect(await api.uploadFiles(file('two', 'taken'))).toMatchObject(refused)
    expect(await api.uploadFiles(new UtFile([], 'empty', {}))).toMatchObject(refused)
    const { data: secret } = await api.uploadFiles(file('secret'), { acl: 'private' })
    const secretUrl = secret?.ufsUrl ?? ''
    expect((await fetch(secretUrl)).status).toBe(403)
    const { ufsUrl } = await api.generateSignedURL(secret?.key ?? '', { expiresIn: 60 })
    expect((await fetch(ufsUrl)).status).toBe(200)
    expect((await fetch(ufsUrl.replace(/expires=\d/, 'expires=9'))).status).toBe(403)

    const signed = new URL(server.requests.findLast(({ method }) => method === 'PUT')?.url ?? '')
    const put = async (range: string, bytes: Uint8Array<ArrayBuffer>, url = signed) => {
      const form = new FormData()
      form.set('file', new Blob([bytes]), 'file')
      return (await fetch(url, { method: 'PUT', headers: { range }, body: form })).status
    }
    expect(await put('bytes=0-', body)).toBe(416)
    expect(await put(`bytes=${body.length}-`, body)).toBe(400)
    expect(await put(`bytes=${body.length}-`, new Uint8Array())).toBe(200)
    expect(await put('bytes=0-', body, new URL(signed.href.replace('secret', 'public')))).toBe(403)
    server.tokens.expire()
    await expect(api.listFiles()).rejects.toThrow()
    expect(await api.uploadFiles(file('late'))).toMatchObject(refused)
    expect((await fetch(ufsUrl)).status).toBe(403)
  })

  it('refuses forms with fewer bytes than are missing, unless it is told to take pieces', async () => {
    for (const pieces of [false, true]) {
      const other = await startUploadThing({ pieces })
      const { UTApi } = vendor('uploadthing/server')
      const there = new UTApi({ ...config, token: other.token(), ingestUrl: `${other.endpoint}/ingest` })
      other.inject = (call) => (call === 'send' ? { status: 503 } : undefined)
      await there.uploadFiles(file('pieces'))
      other.inject = () => undefined
      const form = new FormData()
      form.set('file', new Blob([body.subarray(0, 1000)]), 'file')
      const [{ url } = { url: '' }] = other.requests
      expect((await fetch(url, { method: 'PUT', body: form })).status).toBe(pieces ? 200 : 400)
      const { headers } = await fetch(url, { method: 'HEAD' })
      expect(headers.get('x-ut-range-start')).toBe(pieces ? '1000' : '0')
      await other.close()
    }
  })
})
