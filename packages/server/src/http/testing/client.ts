/** One request over node:http for tests, with everything that came back. */
import { type IncomingHttpHeaders, type OutgoingHttpHeaders, request } from 'node:http'
import { Readable } from 'node:stream'

export interface Reply {
  readonly status: number
  /** Names in lower case; repeated ones joined by ", ". */
  readonly headers: Readonly<Record<string, string>>
  readonly bytes: Buffer
  readonly text: string
  /** Interim answers that came before, in order. */
  readonly interim: readonly Interim[]
}

interface Interim {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
}

/** A body given as text or bytes declares its length; one given as a stream or list of chunks is chunked. */
export type Body = string | Uint8Array | readonly string[] | Readable

/** Sends on a connection of its own. Rejects when there is no whole answer. */
export function send(
  url: string,
  method: string,
  headers: OutgoingHttpHeaders = {},
  body?: Body,
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const req = request(url, { method, agent: false, headers: { ...declared(body), ...headers } })
    const interim: Interim[] = []
    req.on('information', ({ statusCode, headers }) =>
      interim.push({ status: statusCode, headers: joined(headers) }),
    )
    let answered = false
    req.on('response', (res) => {
      answered = true
      const chunks: Buffer[] = []
      res.on('data', (chunk: Buffer) => chunks.push(chunk))
      res.on('error', reject)
      res.on('end', () => {
        const bytes = Buffer.concat(chunks)
        const headers = joined(res.headers)
        resolve({ status: res.statusCode ?? 0, headers, bytes, text: bytes.toString(), interim })
      })
    })
    // After an answer a connection may break while the rest of the body is still being sent.
    req.on('error', (error) => {
      if (!answered) reject(error)
    })
    if (body instanceof Readable) body.pipe(req)
    else if (isChunks(body)) Readable.from(body).pipe(req)
    else req.end(body)
  })
}

function joined(headers: IncomingHttpHeaders): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [value].flat().join(', ')]))
}

function declared(body: Body | undefined): OutgoingHttpHeaders {
  if (body === undefined) return {}
  if (body instanceof Readable || isChunks(body)) return { 'Transfer-Encoding': 'chunked' }
  return { 'Content-Length': Buffer.byteLength(body) }
}

function isChunks(body: Body | undefined): body is readonly string[] {
  return Array.isArray(body)
}
