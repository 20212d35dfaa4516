/** Renders an object: ranges, validators, conditional requests, and headers that keep stored content harmless. */

import { randomBytes } from 'node:crypto'
import type { OutgoingHttpHeaders } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import {
  type ByteRange,
  evaluatePreconditions,
  formatContentRange,
  formatHttpDate,
  formatUnsatisfiedRange,
  parseRange,
  rangeApplies,
} from '@pawl/protocol'
import { create as contentDisposition } from 'content-disposition'
import { parse as parseMediaType } from 'content-type'
import type { RedirectHeaders } from '../blobs/blob-store.ts'
import type { ObjectRecord } from '../objects/object.ts'
import type { Exchange } from './exchange.ts'
import { reprDigest } from './repr-digest.ts'

export interface ObjectSource {
  readonly object: ObjectRecord
  /** Bytes `start` to `end`, exclusive. */
  read(start: number, end: number): Readable
  /** Where else its bytes can be fetched. */
  readonly redirect?: (headers: RedirectHeaders) => Promise<string | undefined>
  /** Offered for saving, under this name, whatever it is. */
  readonly saveAs?: string | undefined
  /** How this face says no. */
  readonly refuse?: (status: number, message: string, headers: OutgoingHttpHeaders) => void
}

/** On every answer that carries stored content, whatever the face: what a browser may not do with it. */
const HARMLESS: OutgoingHttpHeaders = {
  'X-Content-Type-Options': 'nosniff',
  'Content-Security-Policy': 'sandbox',
  'Cross-Origin-Resource-Policy': 'cross-origin',
}

export async function sendObject(exchange: Exchange, source: ObjectSource): Promise<void> {
  const { req } = exchange
  const { object, read, saveAs } = source
  const refuse = source.refuse ?? exchange.refuse.bind(exchange)
  const current = { etag: `"${object.version}"`, lastModified: new Date(object.createdAt) }
  const headers: OutgoingHttpHeaders = {
    ...HARMLESS,
    ETag: current.etag,
    'Last-Modified': formatHttpDate(current.lastModified),
    'Accept-Ranges': 'bytes',
    // The version may be replaced at any time; the validator makes asking again cheap.
    'Cache-Control': object.headers.cacheControl ?? 'no-cache',
    'Content-Encoding': object.headers.contentEncoding,
    'Content-Type': object.headers.contentType,
    'Content-Disposition': contentDisposition(saveAs ?? object.headers.fileName, {
      type: saveAs === undefined ? dispositionType(object) : 'attachment',
    }),
    ...reprDigest(object.digests),
  }
  const conditions = {
    'if-match': exchange.header('if-match'),
    'if-none-match': exchange.header('if-none-match'),
    'if-modified-since': exchange.header('if-modified-since'),
    'if-unmodified-since': exchange.header('if-unmodified-since'),
    'if-range': exchange.header('if-range'),
  }
  switch (evaluatePreconditions(conditions, current, exchange.method)) {
    case 'not-modified':
      return exchange.answer(304, headers)
    case 'failed':
      return refuse(412, 'the object is not the one that the request asks for', {
        ...HARMLESS,
        ETag: current.etag,
      })
    case 'proceed':
  }
  // Clients take their conditions along, and there the object has another ETag and time: what held here would fail.
  const heldHere =
    conditions['if-match'] !== undefined ||
    conditions['if-unmodified-since'] !== undefined ||
    (conditions['if-range'] !== undefined && rangeApplies(conditions, current))
  const elsewhere = exchange.method === 'GET' && !heldHere ? await redirect(source, headers) : undefined
  if (elsewhere !== undefined) return exchange.answer(307, elsewhere)
  const wanted =
    exchange.method === 'GET' && rangeApplies(conditions, current)
      ? parseRange(req.headers.range, object.size)
      : ({ kind: 'whole' } as const)
  switch (wanted.kind) {
    case 'unsatisfiable':
      return refuse(416, `the object has ${object.size} bytes`, {
        ...HARMLESS,
        'Content-Range': formatUnsatisfiedRange(object.size),
      })
    case 'whole':
      return send(exchange, 200, { ...headers, 'Content-Length': object.size }, () => read(0, object.size))
    case 'ranges': {
      const [first, ...more] = wanted.ranges
      if (first === undefined) return exchange.answer(200, headers)
      if (more.length === 0) {
        const partial = {
          ...headers,
          'Content-Range': formatContentRange(first, object.size),
          'Content-Length': first.end - first.start + 1,
        }
        return send(exchange, 206, partial, () => read(first.start, first.end + 1))
      }
      const parts = multipart(wanted.ranges, object, read)
      const several = { ...headers, 'Content-Type': parts.contentType, 'Content-Length': parts.length }
      return send(exchange, 206, several, parts.open)
    }
  }
}

/** Where to go for the bytes: whoever goes there is told of them what would be told here. */
async function redirect(
  { object, redirect }: ObjectSource,
  headers: OutgoingHttpHeaders,
): Promise<OutgoingHttpHeaders | undefined> {
  const { cacheControl, contentEncoding, contentType } = object.headers
  const location = await redirect?.({
    contentType,
    contentEncoding,
    contentDisposition: String(headers['Content-Disposition']),
    cacheControl: cacheControl ?? 'no-cache',
  })
  // The place is good for a while and for whoever may read the object: nobody shall keep it.
  return location === undefined ? undefined : { ...HARMLESS, Location: location, 'Cache-Control': 'no-store' }
}

async function send(
  { method, res }: Exchange,
  status: number,
  headers: OutgoingHttpHeaders,
  open: () => Readable,
): Promise<void> {
  // A header without a value would be sent as one.
  for (const [name, value] of Object.entries(headers)) if (value !== undefined) res.setHeader(name, value)
  res.writeHead(status)
  if (method === 'HEAD') {
    res.end()
    return
  }
  // A failure after the head can only be told by breaking the connection: the length then does not fit.
  await pipeline(open(), res).catch(() => res.destroy())
}

/** RFC 9110 section 14.6: several ranges as one body of type multipart/byteranges. */
function multipart(
  ranges: readonly ByteRange[],
  object: ObjectRecord,
  read: (start: number, end: number) => Readable,
): { contentType: string; length: number; open: () => Readable } {
  const boundary = randomBytes(16).toString('hex')
  const heads = ranges.map(
    (range) =>
      `\r\n--${boundary}\r\nContent-Type: ${object.headers.contentType}\r\n` +
      `Content-Range: ${formatContentRange(range, object.size)}\r\n\r\n`,
  )
  const tail = `\r\n--${boundary}--\r\n`
  const payload = ranges.reduce((sum, { start, end }) => sum + end - start + 1, 0)
  const framing = heads.reduce((sum, head) => sum + Buffer.byteLength(head), Buffer.byteLength(tail))
  async function* body(): AsyncGenerator<Uint8Array | string> {
    for (const [i, { start, end }] of ranges.entries()) {
      yield heads[i] ?? ''
      yield* read(start, end + 1) as AsyncIterable<Uint8Array>
    }
    yield tail
  }
  return {
    contentType: `multipart/byteranges; boundary=${boundary}`,
    length: payload + framing,
    open: () => Readable.from(body(), { objectMode: false }),
  }
}

/** HTML, SVG, XML and its style sheets, scripts, and containers of several types. */
const RUNNABLE =
  /html|svg|[/+]xml|[/+]xsl|javascript|ecmascript|jscript|livescript|vbscript|^multipart\/|^message\//i

/** What a browser could run is only ever offered for saving. */
function dispositionType({ headers }: ObjectRecord): 'inline' | 'attachment' {
  const { type } = parseMediaType(headers.contentType)
  return RUNNABLE.test(type) ? 'attachment' : 'inline'
}
