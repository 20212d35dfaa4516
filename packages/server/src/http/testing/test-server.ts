/** A real server in this process for tests: real sockets on loopback, a data folder of its own. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readConfig } from '../../config.ts'
import { createServer, type PawlServer, type ServerParts } from '../../server.ts'
import { type Reply, send } from './client.ts'

export interface TestServerOptions {
  /** More settings, such as `['--max-size', '1mb']`. */
  readonly args?: readonly string[]
  /** Off: callers need tokens. */
  readonly dev?: boolean
  readonly parts?: ServerParts
  /** Contents of pawl.config.ts. */
  readonly file?: Readonly<Record<string, unknown>>
  /** Kept by the caller; otherwise a temporary one that `close` removes. */
  readonly dataDir?: string
}

export interface TestServer {
  /** Without a slash at the end. */
  readonly url: string
  readonly port: number
  readonly dataDir: string
  readonly server: PawlServer
  close(): Promise<void>
}

export async function startTestServer(options: TestServerOptions = {}): Promise<TestServer> {
  const dataDir = options.dataDir ?? (await mkdtemp(join(tmpdir(), 'pawl-http-')))
  const argv = [
    '--port',
    '0',
    '--data',
    dataDir,
    '--log',
    'silent',
    '--reserve',
    '1mb',
    ...(options.args ?? []),
  ]
  if (options.dev !== false) argv.push('--dev')
  const warn = (message: string): void => {
    throw new Error(message)
  }
  const server = await createServer(
    readConfig({ argv, env: {}, file: options.file ?? {}, warn }),
    options.parts,
  )
  const url = await server.listen()
  return {
    url,
    port: Number(new URL(url).port),
    dataDir,
    server,
    async close() {
      await server.close()
      if (options.dataDir === undefined) await rm(dataDir, { recursive: true, force: true })
    },
  }
}

export const TUS = { 'Tus-Resumable': '1.0.0' }
export const CHUNK = { ...TUS, 'Content-Type': 'application/offset+octet-stream' }

/** Creates an upload and returns its URL. */
export async function createUpload(
  server: TestServer,
  length: number | undefined,
  headers: Readonly<Record<string, string>> = {},
): Promise<string> {
  const size = length === undefined ? { 'Upload-Defer-Length': '1' } : { 'Upload-Length': String(length) }
  const reply = await send(`${server.url}/files/`, 'POST', { ...TUS, ...size, ...headers })
  if (reply.status !== 201) throw new Error(`creation was answered ${reply.status}: ${reply.text}`)
  return new URL(reply.headers.location ?? '', server.url).href
}

/** Creates an upload that is complete, and returns its URL. */
export async function createObject(
  server: TestServer,
  bytes: Uint8Array | string,
  metadata: Readonly<Record<string, string>> = {},
  headers: Readonly<Record<string, string>> = {},
): Promise<string> {
  const body = Buffer.from(bytes)
  const reply = await send(
    `${server.url}/files/`,
    'POST',
    {
      ...(body.length === 0 ? TUS : CHUNK),
      'Upload-Length': String(body.length),
      'Upload-Metadata': metadataHeader(metadata),
      ...headers,
    },
    body.length === 0 ? undefined : body,
  )
  if (reply.status !== 201) throw new Error(`creation was answered ${reply.status}: ${reply.text}`)
  return new URL(reply.headers.location ?? '', server.url).href
}

export function metadataHeader(metadata: Readonly<Record<string, string>>): string {
  return Object.entries(metadata)
    .map(([key, value]) => `${key} ${Buffer.from(value).toString('base64')}`)
    .join(',')
}

export function patch(
  url: string,
  offset: number | string,
  body: Uint8Array | string,
  headers: Readonly<Record<string, string>> = {},
): Promise<Reply> {
  return send(url, 'PATCH', { ...CHUNK, 'Upload-Offset': String(offset), ...headers }, body)
}

export function head(url: string, headers: Readonly<Record<string, string>> = TUS): Promise<Reply> {
  return send(url, 'HEAD', headers)
}

/** The offset that a HEAD shows. */
export async function offsetOf(url: string): Promise<number> {
  const reply = await head(url)
  if (reply.status !== 200) throw new Error(`HEAD was answered ${reply.status}`)
  return Number(reply.headers['upload-offset'])
}
