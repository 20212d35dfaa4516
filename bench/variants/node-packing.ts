/**
 * The least that a server on node:http does with small bodies that are to survive a power cut: those that come while
 * a sync is under way are appended to one file together, with one sync for all. Nothing else is here: where the bytes
 * are is known to this process only.
 */
import { randomUUID } from 'node:crypto'
import { open } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { tuneHeap } from '../../packages/server/src/heap.ts'

interface Upload {
  readonly length: number
  offset: number
  start: number
}

interface Waiting {
  readonly bytes: Uint8Array
  readonly resolve: (start: number) => void
}

const { values } = parseArgs({ options: { data: { type: 'string', default: '' } } })
tuneHeap()
const file = await open(join(values.data, 'pack'), 'w+')
const uploads = new Map<string, Upload>()
let waiting: Waiting[] = []
let end = 0
let running = false

const server = createServer(async (request, response) => {
  if (request.method === 'POST') {
    const id = randomUUID()
    const upload = { length: Number(request.headers['upload-length']), offset: 0, start: 0 }
    uploads.set(id, upload)
    if (request.headers['content-length'] !== '0') await take(request, upload)
    return answer(response, 201, upload, { Location: `/files/${id}` })
  }
  const upload = uploads.get(request.url?.slice('/files/'.length) ?? '')
  if (upload === undefined) return void response.writeHead(404).end()
  if (request.method === 'GET') {
    const { buffer } = await file.read(Buffer.alloc(upload.length), 0, upload.length, upload.start)
    return void response.writeHead(200).end(buffer)
  }
  if (request.method === 'PATCH') await take(request, upload)
  answer(response, request.method === 'PATCH' ? 204 : 200, upload)
})

function answer(response: ServerResponse, status: number, { offset, length }: Upload, more = {}): void {
  response.writeHead(status, { 'Upload-Offset': offset, 'Upload-Length': length, ...more }).end()
}

/** Resolves when the body is on the disk. */
async function take(request: IncomingMessage, upload: Upload): Promise<void> {
  const chunks: Uint8Array[] = []
  for await (const chunk of request) chunks.push(chunk)
  const bytes = Buffer.concat(chunks)
  upload.start = await new Promise<number>((resolve) => {
    waiting.push({ bytes, resolve })
    if (!running) void write()
  })
  upload.offset = bytes.byteLength
}

async function write(): Promise<void> {
  running = true
  while (waiting.length > 0) {
    const group = waiting
    waiting = []
    const start = end
    const { bytesWritten } = await file.writev(
      group.map(({ bytes }) => bytes),
      start,
    )
    end += bytesWritten
    await file.datasync()
    let at = start
    for (const { bytes, resolve } of group) {
      resolve(at)
      at += bytes.byteLength
    }
  }
  running = false
}

server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo
  console.log(JSON.stringify({ msg: 'listening', url: `http://127.0.0.1:${port}` }))
})
process.on('SIGTERM', () => process.exit(0))
