/** The tus requests that the workloads are made of. Anything but the expected answer is an error. */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { get } from 'node:http'
import { basename, join } from 'node:path'
import type { Readable } from 'node:stream'
import type { Answer, Connection } from './connection.ts'

const COMMON = 'Host: 127.0.0.1\r\nTus-Resumable: 1.0.0\r\n'
const CHUNK = 'Content-Type: application/offset+octet-stream\r\n'

/** Creates an upload, with all its bytes if `body` is given, and resolves to its path. */
export async function create(connection: Connection, length: number, body?: Uint8Array): Promise<string> {
  const head =
    `POST /files/ HTTP/1.1\r\n${COMMON}Upload-Length: ${length}\r\n` +
    (body === undefined ? 'Content-Length: 0\r\n' : `${CHUNK}Content-Length: ${body.byteLength}\r\n`)
  const answer = await connection.request(head, body)
  expectStatus('POST', answer, 201)
  // Servers differ in whether they name the scheme and the host.
  const path = answer.header('location')?.replace(/^[a-z]+:\/\/[^/]+/, '')
  if (path === undefined) throw new Error('POST was answered without a Location')
  return path
}

export function patchHead(path: string, offset: number, length: number): string {
  return `PATCH ${path} HTTP/1.1\r\n${COMMON}${CHUNK}Upload-Offset: ${offset}\r\nContent-Length: ${length}\r\n`
}

export async function patch(
  connection: Connection,
  path: string,
  offset: number,
  body: Uint8Array,
): Promise<void> {
  const answer = await connection.request(patchHead(path, offset, body.byteLength), body)
  expectOffset('PATCH', answer, 204, offset + body.byteLength)
}

/** A PATCH whose body is too large for one view. */
export async function patchPieces(
  connection: Connection,
  path: string,
  offset: number,
  length: number,
  body: Iterable<Uint8Array>,
): Promise<void> {
  const answer = await connection.stream(patchHead(path, offset, length), body)
  expectOffset('PATCH', answer, 204, offset + length)
}

export function head(connection: Connection, path: string): Promise<Answer> {
  return connection.request(`HEAD ${path} HTTP/1.1\r\n${COMMON}`)
}

export async function expectAt(connection: Connection, path: string, offset: number): Promise<void> {
  expectOffset('HEAD', await head(connection, path), 200, offset)
}

export function expectOffset(what: string, answer: Answer, status: number, offset: number): void {
  expectStatus(what, answer, status)
  const found = Number(answer.header('upload-offset'))
  if (found !== offset) throw new Error(`${what} was answered with offset ${found} instead of ${offset}`)
}

function expectStatus(what: string, answer: Answer, status: number): void {
  if (answer.status !== status) throw new Error(`${what} was answered with ${answer.status}, not ${status}`)
}

/** Compares what the server has with what was sent. @throws Error when a byte is missing, too many or another */
export async function expectDigest(
  { port, filesIn }: { readonly port: number; readonly filesIn?: string },
  path: string,
  sha256: string,
): Promise<void> {
  const stored =
    filesIn === undefined ? await download(port, path) : createReadStream(join(filesIn, basename(path)))
  const hash = createHash('sha256')
  for await (const chunk of stored) hash.update(chunk)
  const found = hash.digest('hex')
  if (found !== sha256) throw new Error(`the bytes that came back have sha-256 ${found}, not ${sha256}`)
}

function download(port: number, path: string): Promise<Readable> {
  return new Promise((resolve, reject) => {
    get({ host: '127.0.0.1', port, path, agent: false }, (res) => {
      if (res.statusCode === 200) resolve(res)
      else reject(new Error(`GET was answered with ${res.statusCode}`))
    }).once('error', reject)
  })
}
