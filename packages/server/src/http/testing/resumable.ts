/** Resumable Uploads for HTTP for tests: requests as a client of the newest text sends them. */
import type { OutgoingHttpHeaders } from 'node:http'
import { type Body, type Reply, send } from './client.ts'
import { RawConnection } from './raw-connection.ts'
import type { TestServer } from './test-server.ts'

export const DRAFT = { 'Upload-Draft-Interop-Version': '8' }
const PARTIAL = { 'Content-Type': 'application/partial-upload' }

/** Creates an upload at `/files/` and resolves to the answer. */
export function begin(
  server: TestServer,
  complete: '?0' | '?1',
  headers: OutgoingHttpHeaders = {},
  body?: Body,
) {
  return send(`${server.url}/files/`, 'POST', { ...DRAFT, 'Upload-Complete': complete, ...headers }, body)
}

/** Creates an upload without content; resolves to its URL. */
export async function beginEmpty(server: TestServer, headers: OutgoingHttpHeaders = {}): Promise<string> {
  const reply = await begin(server, '?0', { 'Content-Length': '0', ...headers })
  if (reply.status !== 201) throw new Error(`creating failed: ${reply.status} ${reply.text}`)
  return locationOf(server, reply)
}

export function locationOf(server: TestServer, { headers }: Pick<Reply, 'headers'>): string {
  return new URL(headers.location ?? '', server.url).href
}

export function append(
  url: string,
  offset: number,
  complete: '?0' | '?1',
  body: Body = '',
  headers: OutgoingHttpHeaders = {},
): Promise<Reply> {
  return send(
    url,
    'PATCH',
    { ...DRAFT, ...PARTIAL, 'Upload-Offset': String(offset), 'Upload-Complete': complete, ...headers },
    body,
  )
}

export function look(url: string, headers: OutgoingHttpHeaders = {}): Promise<Reply> {
  return send(url, 'HEAD', { ...DRAFT, ...headers })
}

export async function offsetAt(url: string): Promise<number> {
  const reply = await look(url)
  return Number(reply.headers['upload-offset'] ?? Number.NaN)
}

/** The problem document of an answer. */
export function problemIn({ headers, text }: Reply): Record<string, unknown> {
  if (headers['content-type'] !== 'application/problem+json') throw new Error(`no problem document: ${text}`)
  return JSON.parse(text)
}

/** Sends a request whose content stays unfinished; resolves when the connection has taken what was written. */
export async function beginSlowly(
  server: TestServer,
  method: string,
  path: string,
  headers: Readonly<Record<string, string>>,
  content: string,
): Promise<RawConnection> {
  const connection = await RawConnection.open(server.port)
  const lines = Object.entries({ Host: 'localhost', ...DRAFT, ...headers }).map(
    ([name, value]) => `${name}: ${value}\r\n`,
  )
  return connection.write(`${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n${content}`)
}

/** Long enough for a few bytes to get from a socket to the disk: whoever asked for them would end their transfer. */
export function written(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 250))
}
