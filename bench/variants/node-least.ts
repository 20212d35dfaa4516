/**
 * The least that a server on node:http does with bytes: chunks that come while a write is under way are gathered,
 * and written together. Beside the server in C it shows what Node itself costs on this machine. Nothing else is
 * here: no records, no checks, nothing is synced.
 */
import { randomUUID } from 'node:crypto'
import { open } from 'node:fs/promises'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Garbage } from '../../packages/server/src/garbage.ts'
import { tuneHeap } from '../../packages/server/src/heap.ts'

/** Bytes that are gathered before the socket has to wait. */
const MOST_GATHERED = 1024 * 1024

const { values } = parseArgs({ options: { data: { type: 'string', default: '' } } })
const uploads = new Map<string, { length: number; offset: number }>()
const garbage = new Garbage(tuneHeap())

const server = createServer(async (request, response) => {
  if (request.method === 'POST') {
    const id = randomUUID()
    uploads.set(id, { length: Number(request.headers['upload-length']), offset: 0 })
    response.writeHead(201, { Location: `/files/${id}` }).end()
    return
  }
  const id = request.url?.slice('/files/'.length) ?? ''
  const upload = uploads.get(id)
  if (upload === undefined) return void response.writeHead(404).end()
  if (request.method === 'PATCH') upload.offset = await append(request, id, upload.offset)
  const status = request.method === 'PATCH' ? 204 : 200
  response.writeHead(status, { 'Upload-Offset': upload.offset, 'Upload-Length': upload.length }).end()
})

/** @returns the new offset */
async function append(request: IncomingMessage, id: string, from: number): Promise<number> {
  const file = await open(join(values.data, id), from === 0 ? 'w' : 'r+')
  let gathered: Uint8Array[] = []
  let bytes = 0
  let offset = from
  let ended = false
  let wake = (): void => {}
  request.on('data', (chunk: Uint8Array) => {
    gathered.push(chunk)
    bytes += chunk.byteLength
    if (bytes >= MOST_GATHERED) request.pause()
    wake()
  })
  request.on('end', () => {
    ended = true
    wake()
  })
  while (!ended || bytes > 0) {
    if (bytes === 0) {
      await new Promise<void>((resolve) => {
        wake = resolve
      })
      continue
    }
    const batch = gathered
    gathered = []
    bytes = 0
    request.resume()
    const { bytesWritten } = await file.writev(batch, offset)
    offset += bytesWritten
    garbage.spent(batch)
  }
  await file.close()
  return offset
}

server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo
  console.log(JSON.stringify({ msg: 'listening', url: `http://127.0.0.1:${port}` }))
})
process.on('SIGTERM', () => process.exit(0))
