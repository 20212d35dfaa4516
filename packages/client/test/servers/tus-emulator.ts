/**
 * A small tus 1.0 server in memory with what the tus project's Node server lacks: concatenation, checksums,
 * termination on demand, and any answer a test wants. It is proved by tus-js-client in tus-emulator.test.ts.
 */
import { createHash, randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { crc32 } from 'node:zlib'

interface Upload {
  length: number
  /** What arrived so far: the beginning of `room`. */
  bytes: Buffer
  room: Buffer
  partial: boolean
  metadata: string
}

export interface TusEmulator {
  readonly endpoint: string
  readonly uploads: Map<string, Upload>
  readonly requests: {
    readonly method: string
    readonly path: string
    readonly headers: IncomingMessage['headers']
  }[]
  /** Answers a request in the server's place. */
  intercept: (
    request: IncomingMessage,
  ) => { status: number; headers?: Record<string, string>; body?: string } | undefined
  /** Bytes after which a PATCH is cut, once. */
  cutAfter: number | undefined
  read(url: string): Uint8Array | undefined
  close(): Promise<void>
}

const EXTENSIONS = 'creation,creation-with-upload,checksum,concatenation,termination'

export async function startTusEmulator(
  options: { extensions?: string; checksums?: string } = {},
): Promise<TusEmulator> {
  const { extensions = EXTENSIONS, checksums = 'sha1,crc32' } = options
  const uploads = new Map<string, Upload>()
  const server = createServer({ keepAliveTimeout: 75_000 }, (request, response) => {
    answer(request, response).catch(() => response.destroy())
  })

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const method = String(request.headers['x-http-method-override'] ?? request.method)
    const path = request.url ?? '/'
    emulator.requests.push({ method, path, headers: request.headers })
    const instead = emulator.intercept(request)
    response.setHeader('Tus-Resumable', '1.0.0')
    if (instead) {
      request.resume()
      response.writeHead(instead.status, instead.headers).end(instead.body)
      return
    }
    if (method === 'OPTIONS') {
      response.writeHead(204, {
        'tus-version': '1.0.0',
        'tus-extension': extensions,
        'tus-checksum-algorithm': checksums,
      })
      response.end()
      return
    }
    if (method === 'POST') return create(request, response)
    const upload = uploads.get(path)
    if (!upload) {
      response.writeHead(404).end()
    } else if (method === 'HEAD') {
      response.writeHead(200, { 'upload-offset': upload.bytes.length, 'upload-length': upload.length }).end()
    } else if (method === 'DELETE') {
      uploads.delete(path)
      response.writeHead(204).end()
    } else await append(request, response, upload)
  }

  async function create(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { headers } = request
    const path = `/files/${randomUUID()}`
    const metadata = String(headers['upload-metadata'] ?? '')
    const concat = String(headers['upload-concat'] ?? '')
    if (concat.startsWith('final;')) {
      const parts = concat
        .slice(6)
        .split(' ')
        .map((url) => uploads.get(new URL(url, emulator.endpoint).pathname))
      if (parts.some((part) => part === undefined || !part.partial || part.bytes.length < part.length)) {
        response.writeHead(409).end()
        return
      }
      const bytes = Buffer.concat(parts.flatMap((part) => (part ? [part.bytes] : [])))
      uploads.set(path, { length: bytes.length, bytes, room: bytes, partial: false, metadata })
      response.writeHead(201, { location: path }).end()
      return
    }
    const length = Number(headers['upload-length'])
    if (!Number.isSafeInteger(length)) {
      response.writeHead(400).end()
      return
    }
    const room = Buffer.alloc(length)
    const upload: Upload = {
      length,
      bytes: room.subarray(0, 0),
      room,
      partial: concat === 'partial',
      metadata,
    }
    uploads.set(path, upload)
    response.setHeader('location', path)
    if (headers['content-type'] !== 'application/offset+octet-stream') {
      response.writeHead(201).end()
      return
    }
    await take(request, upload, false)
    response.writeHead(201, { 'upload-offset': upload.bytes.length }).end()
  }

  async function append(request: IncomingMessage, response: ServerResponse, upload: Upload): Promise<void> {
    const offset = Number(request.headers['upload-offset'])
    if (offset !== upload.bytes.length) {
      request.resume()
      response.writeHead(409, { 'upload-offset': upload.bytes.length }).end()
      return
    }
    const checksum = request.headers['upload-checksum']
    const before = upload.bytes
    await take(request, upload, checksum !== undefined)
    if (checksum !== undefined && !matches(String(checksum), upload.bytes.subarray(offset))) {
      upload.bytes = before
      response.writeHead(460).end()
      return
    }
    response.writeHead(204, { 'upload-offset': upload.bytes.length }).end()
  }

  /** A broken body keeps what arrived, unless a checksum covers it as a whole. */
  async function take(request: IncomingMessage, upload: Upload, whole: boolean): Promise<void> {
    const chunks: Buffer[] = []
    let size = 0
    const keep = () => {
      let end = upload.bytes.length
      for (const chunk of chunks) end += chunk.copy(upload.room, end)
      upload.bytes = upload.room.subarray(0, end)
    }
    try {
      for await (const chunk of request) {
        chunks.push(chunk)
        size += chunk.length
        if (emulator.cutAfter === undefined || size < emulator.cutAfter) continue
        emulator.cutAfter = undefined
        request.socket.destroy()
        break
      }
    } catch (error) {
      if (!whole) keep()
      throw error
    }
    if (!whole || request.complete) keep()
    if (!request.complete) throw new Error('cut')
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const emulator: TusEmulator = {
    endpoint: `http://127.0.0.1:${port}/files/`,
    uploads,
    requests: [],
    intercept: () => undefined,
    cutAfter: undefined,
    read: (url) => uploads.get(new URL(url).pathname)?.bytes,
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return emulator
}

function matches(header: string, bytes: Uint8Array): boolean {
  const [algorithm, value] = header.split(' ')
  if (algorithm === 'sha1') return createHash('sha1').update(bytes).digest('base64') === value
  const crc = Buffer.alloc(4)
  crc.writeUInt32BE(crc32(bytes))
  return algorithm === 'crc32' && crc.toString('base64') === value
}
