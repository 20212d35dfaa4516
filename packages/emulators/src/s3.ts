/**
 * As much of S3 as a store of objects needs, in memory: for speed, and for faults that no real server has on
 * demand. It is driven by the vendor's SDK only. Signatures are not checked: Ceph and Swift do.
 */
import { randomUUID } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { type Asked, type Call, type Emulator, listen, Refused, type Reply } from './listen.ts'

interface StoredObject {
  readonly bytes: Buffer
  readonly etag: string
  readonly modifiedAt: Date
}

interface Session {
  readonly key: string
  readonly begunAt: Date
  readonly parts: Map<number, { readonly bytes: Buffer; readonly etag: string }>
}

export interface S3 extends Emulator {
  /** By key, without the bucket. */
  readonly objects: Map<string, StoredObject>
  /** Multipart uploads under way, by name. */
  readonly sessions: Map<string, Session>
  /** Entries a page of a listing. */
  page: number
  /** Bytes that every part but the last must have. */
  leastPart: number
  /** As Ceph: a multipart upload is completed only by all parts that were ever sent, not by some of them. */
  wantsEveryPart: boolean
  /** What new objects and multipart uploads are dated. */
  now: () => Date
}

const LEAST_PART = 5 * 2 ** 20

export async function startS3(): Promise<S3> {
  const objects: S3['objects'] = new Map()
  const sessions: S3['sessions'] = new Map()

  function answer(asked: Asked): Reply {
    if (!asked.whole) throw refused(400, 'IncompleteBody')
    const { method, url } = asked
    const key = decodeURIComponent(url.pathname.split('/').slice(2).join('/'))
    const query = url.searchParams
    const session = query.get('uploadId')
    if (session !== null) return inSession(asked, key, session)
    if (method === 'POST' && query.has('uploads')) {
      const id = randomUUID()
      sessions.set(id, { key, begunAt: s3.now(), parts: new Map() })
      return xml(`<InitiateMultipartUploadResult><UploadId>${id}</UploadId></InitiateMultipartUploadResult>`)
    }
    if (key === '') return ofBucket(method, query)
    if (method === 'PUT') return putObject(asked, key)
    if (method === 'DELETE') {
      objects.delete(key)
      return { status: 204 }
    }
    return getObject(asked, key)
  }

  function putObject({ headers, body }: Asked, key: string): Reply {
    if (headers['if-none-match'] === '*' && objects.has(key)) throw refused(412, 'PreconditionFailed')
    const source = sourceOf(headers)
    const bytes = source === undefined ? body : found(source).bytes
    const checksum = source === undefined ? verified(headers, body) : {}
    objects.set(key, { bytes, etag: etagOf(bytes), modifiedAt: s3.now() })
    if (source !== undefined) return xml(`<CopyObjectResult><ETag>${etagOf(bytes)}</ETag></CopyObjectResult>`)
    return { headers: { etag: etagOf(bytes), ...checksum } }
  }

  function getObject({ method, headers }: Asked, key: string): Reply {
    const { bytes, etag } = found(key)
    const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? '') ?? []
    if (from === undefined || to === undefined) {
      return { headers: { etag, 'content-length': String(bytes.length) }, body: bytes }
    }
    if (Number(from) >= bytes.length) throw refused(416, 'InvalidRange')
    const range = bytes.subarray(Number(from), Number(to) + 1)
    const head = { etag, 'content-length': String(range.length) }
    return { status: 206, headers: head, body: method === 'HEAD' ? '' : range }
  }

  function inSession({ method, url, headers, body }: Asked, key: string, id: string): Reply {
    const session = sessions.get(id)
    if (session === undefined || session.key !== key) throw refused(404, 'NoSuchUpload')
    if (method === 'DELETE') {
      sessions.delete(id)
      return { status: 204 }
    }
    if (method === 'POST') return complete(session, id, headers, body.toString())
    if (method === 'GET') return listParts(session, url.searchParams)
    const source = sourceOf(headers)
    const bytes = source === undefined ? body : rangeOf(found(source).bytes, headers)
    const checksum = source === undefined ? verified(headers, body) : {}
    session.parts.set(Number(url.searchParams.get('partNumber')), { bytes, etag: etagOf(bytes) })
    if (source !== undefined) return xml(`<CopyPartResult><ETag>${etagOf(bytes)}</ETag></CopyPartResult>`)
    return { headers: { etag: etagOf(bytes), ...checksum } }
  }

  function listParts({ parts }: Session, query: URLSearchParams): Reply {
    const after = Number(query.get('part-number-marker') ?? 0)
    const some = [...parts].filter(([number]) => number > after).sort(([a], [b]) => a - b)
    const page = some.slice(0, s3.page)
    const items = page.map(
      ([number, { bytes, etag }]) =>
        `<Part><PartNumber>${number}</PartNumber><ETag>${etag}</ETag><Size>${bytes.length}</Size></Part>`,
    )
    const more = some.length > page.length
    const next = `<NextPartNumberMarker>${page.at(-1)?.[0] ?? 0}</NextPartNumberMarker>`
    return xml(
      `<ListPartsResult><IsTruncated>${more}</IsTruncated>${next}${items.join('')}</ListPartsResult>`,
    )
  }

  function complete(session: Session, id: string, headers: Asked['headers'], list: string): Reply {
    const listed = [...list.matchAll(/<Part>(.*?)<\/Part>/gs)].map(([, part = '']) => ({
      number: Number(/<PartNumber>(\d+)</.exec(part)?.[1]),
      etag: (/<ETag>(.*?)<\/ETag>/.exec(part)?.[1] ?? '').replaceAll('&quot;', '"'),
    }))
    if (s3.wantsEveryPart && listed.length !== session.parts.size) throw refused(400, 'InvalidPart')
    const bytes = listed.map(({ number, etag }, at) => {
      if (at > 0 && number <= (listed[at - 1]?.number ?? 0)) throw refused(400, 'InvalidPartOrder')
      const part = session.parts.get(number)
      if (part === undefined || part.etag !== etag || number > 10_000) throw refused(400, 'InvalidPart')
      if (at < listed.length - 1 && part.bytes.length < s3.leastPart) throw refused(400, 'EntityTooSmall')
      return part.bytes
    })
    const whole = Buffer.concat(bytes)
    const size = headers['x-amz-mp-object-size']
    if (size !== undefined && Number(size) !== whole.length) throw refused(400, 'InvalidRequest')
    sessions.delete(id)
    objects.set(session.key, { bytes: whole, etag: `"${id}-${listed.length}"`, modifiedAt: s3.now() })
    return xml(`<CompleteMultipartUploadResult><ETag>"${id}"</ETag></CompleteMultipartUploadResult>`)
  }

  function ofBucket(method: string, query: URLSearchParams): Reply {
    if (method !== 'GET') return {}
    const prefix = query.get('prefix') ?? ''
    return query.has('uploads') ? listSessions(prefix, query) : listObjects(prefix, query)
  }

  function listObjects(prefix: string, query: URLSearchParams): Reply {
    const after = query.get('continuation-token') ?? ''
    const keys = [...objects.keys()].filter((key) => key.startsWith(prefix) && key > after).sort()
    const page = keys.slice(0, s3.page)
    const items = page.map((key) => {
      const { modifiedAt } = found(key)
      return `<Contents><Key>${key}</Key><LastModified>${modifiedAt.toISOString()}</LastModified></Contents>`
    })
    const more = keys.length > page.length
    const next = more ? `<NextContinuationToken>${page.at(-1)}</NextContinuationToken>` : ''
    return xml(
      `<ListBucketResult><IsTruncated>${more}</IsTruncated>${next}${items.join('')}</ListBucketResult>`,
    )
  }

  function listSessions(prefix: string, query: URLSearchParams): Reply {
    const place = ([id, { key }]: readonly [string, Session]): string => `${key} ${id}`
    const after = `${query.get('key-marker') ?? ''} ${query.get('upload-id-marker') ?? ''}`
    const some = [...sessions]
      .filter((entry) => entry[1].key.startsWith(prefix) && place(entry) > after)
      .sort((a, b) => (place(a) < place(b) ? -1 : 1))
    const page = some.slice(0, s3.page)
    const items = page.map(
      ([id, { key, begunAt }]) =>
        `<Upload><Key>${key}</Key><UploadId>${id}</UploadId><Initiated>${begunAt.toISOString()}</Initiated></Upload>`,
    )
    const [last] = page.slice(-1)
    const more = some.length > page.length && last !== undefined
    const next = more
      ? `<NextKeyMarker>${last[1].key}</NextKeyMarker><NextUploadIdMarker>${last[0]}</NextUploadIdMarker>`
      : ''
    return xml(
      `<ListMultipartUploadsResult><IsTruncated>${more}</IsTruncated>${next}${items.join('')}</ListMultipartUploadsResult>`,
    )
  }

  function found(key: string): StoredObject {
    const object = objects.get(key)
    if (object === undefined) throw refused(404, 'NoSuchKey')
    return object
  }

  const emulator = await listen({
    callOf,
    answer,
    refusal: (status) => refusal(status, status === 429 ? 'SlowDown' : 'InternalError'),
  })
  const s3: S3 = Object.assign(emulator, {
    objects,
    sessions,
    page: 1000,
    leastPart: LEAST_PART,
    wantsEveryPart: false,
    now: () => new Date(),
  })
  return s3
}

function callOf({ method, url }: Pick<Asked, 'method' | 'url'>): Call {
  const query = url.searchParams
  if (method === 'POST') return query.has('uploads') ? 'begin' : 'finish'
  if (method === 'DELETE') return 'discard'
  if (method === 'PUT') return 'send'
  return query.has('list-type') || query.has('uploads') || query.has('uploadId') ? 'other' : 'probe'
}

function sourceOf(headers: Asked['headers']): string | undefined {
  const source = headers['x-amz-copy-source']
  if (source === undefined) return undefined
  return decodeURIComponent(String(source)).replace(/^\//, '').split('/').slice(1).join('/')
}

/** @throws Refused when some of them are not there */
function rangeOf(bytes: Buffer, headers: Asked['headers']): Buffer {
  const range = headers['x-amz-copy-source-range']
  if (range === undefined) return bytes
  const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(String(range)) ?? []
  if (to === undefined || Number(to) >= bytes.length) throw refused(416, 'InvalidRange')
  return bytes.subarray(Number(from), Number(to) + 1)
}

/** Checks the body against the checksum that came with it; resolves to what the answer says of it. */
function verified(headers: Asked['headers'], bytes: Buffer): Record<string, string> {
  const demanded = headers['x-amz-checksum-crc32']
  if (demanded === undefined) return {}
  const sum = Buffer.alloc(4)
  sum.writeUInt32BE(crc32(bytes))
  if (demanded !== sum.toString('base64')) throw refused(400, 'BadDigest')
  return { 'x-amz-checksum-crc32': sum.toString('base64') }
}

function etagOf(bytes: Buffer): string {
  return `"${crc32(bytes).toString(16)}-${bytes.length}"`
}

function xml(body: string): Reply {
  return { headers: { 'content-type': 'application/xml' }, body: `<?xml version="1.0"?>${body}` }
}

function refusal(status: number, code: string): Reply {
  return { ...xml(`<Error><Code>${code}</Code><Message>${code}</Message></Error>`), status }
}

function refused(status: number, code: string): Refused {
  return new Refused(refusal(status, code))
}
