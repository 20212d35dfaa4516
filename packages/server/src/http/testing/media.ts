/** The media face for tests: a server with keys, the vendor's own modules, and uploads as strangers make them. */
import * as filesModule from '@wix/auto_sdk_media_files'
import * as foldersModule from '@wix/auto_sdk_media_folders'
import { expect } from 'vitest'
import { type Reply, send } from './client.ts'
import {
  CHUNK,
  metadataHeader,
  patch,
  startTestServer,
  type TestServer,
  type TestServerOptions,
} from './test-server.ts'

/** As on the wire: the fields that tests look at. */
export interface WireFile {
  readonly id: string
  readonly displayName: string
  readonly url: string
  readonly parentFolderId: string
  readonly hash: string
  readonly sha256: string
  readonly sizeInBytes: string
  readonly private: boolean
  readonly mediaType: string
  readonly media?: Readonly<Record<string, unknown>>
  readonly operationStatus: string
  readonly sourceUrl?: string
  readonly thumbnailUrl?: string
  readonly labels: readonly string[]
  readonly createdDate: string
  readonly updatedDate: string
  readonly state: string
  readonly error?: { readonly code: string; readonly description: string }
  readonly importProgress?: { readonly receivedBytes: number; readonly totalBytes?: number }
}

export interface MediaServer extends TestServer {
  /** Where the media face is. */
  readonly base: string
  readonly service: string
  /** The vendor's modules, at this server. */
  readonly files: Modules<typeof filesModule>
  readonly folders: Modules<typeof foldersModule>
  /** A JSON request with the service key; fails unless it is answered 200. */
  ask<T>(method: string, path: string, body?: object): Promise<T>
  /** The same, whatever the answer. */
  call(
    method: string,
    path: string,
    body?: unknown,
    headers?: Readonly<Record<string, string>>,
  ): Promise<Reply>
  /** A token for a resumable upload. */
  token(wish: object): Promise<string>
  /** Uploads with a token and finalizes. */
  upload(name: string, type: string, bytes: Buffer, wish?: object): Promise<WireFile>
  /** The file once it is READY or FAILED. */
  settled(id: string): Promise<WireFile>
}

/** Each function bound to a client, as the vendor's own `createClient` does it. */
type Modules<M> = { readonly [N in keyof M]: M[N] extends (...args: never[]) => unknown ? M[N] : never }

export async function startMediaServer(options: TestServerOptions = {}): Promise<MediaServer> {
  const server = await startTestServer({ dev: false, ...options })
  const base = `${server.url}/site-media/v1`
  const service = await server.server.tokens.apiKey('service_role')
  const call: MediaServer['call'] = (method, path, body, headers = { Authorization: `Bearer ${service}` }) =>
    send(
      `${base}${path}`,
      method,
      body === undefined ? headers : { 'Content-Type': 'application/json', ...headers },
      body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body),
    )
  const ask = async <T>(method: string, path: string, body?: object): Promise<T> => {
    const reply = await call(method, path, body)
    expect(reply.status, reply.text).toBe(200)
    return JSON.parse(reply.text) as T
  }
  const token = async (wish: object): Promise<string> => {
    const path = '/files/generate-resumable-upload-url'
    return (await ask<{ uploadToken: string }>('POST', path, { uploadProtocol: 'TUS', ...wish })).uploadToken
  }
  return {
    ...server,
    base,
    service,
    files: bound(filesModule, server.url, service),
    folders: bound(foldersModule, server.url, service),
    ask,
    call,
    token,
    async upload(name, type, bytes, wish = {}) {
      const uploadToken = await token({ mimeType: type, fileName: name, ...wish })
      const url = await createMedia(
        base,
        { filename: name, contentType: type, token: uploadToken },
        bytes.length,
      )
      expect((await patch(url, 0, bytes)).status).toBe(204)
      const reply = await send(`${base}/uploads/${uploadToken}`, 'PUT')
      expect(reply.status, reply.text).toBe(200)
      return (JSON.parse(reply.text) as { file: WireFile }).file
    },
    async settled(id) {
      const look = async (): Promise<WireFile> =>
        (await ask<{ file: WireFile }>('GET', `/files/get-file-by-id?fileId=${id}`)).file
      await expect.poll(async () => (await look()).operationStatus, { timeout: 20_000 }).not.toBe('PENDING')
      return look()
    },
  }
}

/** Creates an upload with what a stranger has; resolves to its URL. */
export async function createMedia(
  base: string,
  metadata: Readonly<Record<string, string>>,
  length: number | undefined,
): Promise<string> {
  const reply = await createMediaReply(base, metadata, length)
  if (reply.status !== 201) throw new Error(`creation was answered ${reply.status}: ${reply.text}`)
  return new URL(reply.headers.location ?? '', base).href
}

export function createMediaReply(
  base: string,
  metadata: Readonly<Record<string, string>>,
  length: number | undefined,
): Promise<Reply> {
  const size = length === undefined ? { 'Upload-Defer-Length': '1' } : { 'Upload-Length': String(length) }
  return send(`${base}/uploads`, 'POST', { ...CHUNK, ...size, 'Upload-Metadata': metadataHeader(metadata) })
}

interface VendorRequest {
  readonly method: string
  readonly url: string
  readonly params?: URLSearchParams
  readonly data?: unknown
  readonly transformResponse?: (data: unknown) => unknown
}

/** What the vendor's modules ask of their HTTP client, on the wire; only the host is another. */
function bound<M extends object>(module: M, url: string, key: string): Modules<M> {
  const client = {
    async request(factory: (context: { host: string }) => VendorRequest) {
      const { method, url: path, params, data, transformResponse } = factory({ host: 'www.wixapis.com' })
      const query = params === undefined ? '' : `?${params}`
      const response = await fetch(`${url}${path}${query}`, {
        method,
        headers: { Authorization: key, 'Content-Type': 'application/json' },
        ...(data === undefined ? {} : { body: JSON.stringify(data) }),
      })
      const answer: unknown = await response.json()
      if (!response.ok) {
        const { status, statusText } = response
        throw Object.assign(new Error(`status ${status}`), { response: { status, statusText, data: answer } })
      }
      return { data: transformResponse === undefined ? answer : transformResponse(answer) }
    },
  }
  const entries = Object.entries(module).map(([name, value]) => [
    name,
    (...args: unknown[]) => (value as (http: unknown) => (...given: unknown[]) => unknown)(client)(...args),
  ])
  return Object.fromEntries(entries) as Modules<M>
}
