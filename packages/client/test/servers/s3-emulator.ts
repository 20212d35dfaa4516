/**
 * As much of S3 as multipart uploads with full-object checksums need, in memory: no server that runs here checks
 * them. It is proved by the vendor's SDK in s3-emulator.test.ts. Signatures are not checked: Ceph and Swift do.
 */
import { randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { crc32 } from 'node:zlib'
import { elements, escapeXml, text } from '../../src/adapters/s3/xml.ts'
import { crc64nvme } from '../../src/transfer/crc64nvme.ts'

/** In the order in which they are looked for in a request. */
const ALGORITHMS = ['crc32', 'crc64nvme'] as const
type Algorithm = (typeof ALGORITHMS)[number]

interface StoredObject {
  readonly bytes: Buffer
  readonly headers: Record<string, string>
  readonly etag: string
  readonly algorithm: Algorithm | undefined
  /** Of the algorithm, in base64. */
  readonly checksum: string | undefined
}

interface Multipart {
  readonly key: string
  readonly headers: Record<string, string>
  /** What it was created with in `x-amz-checksum-algorithm`, for the full object. */
  readonly algorithm: Algorithm | undefined
  readonly parts: Map<number, { readonly bytes: Buffer; readonly etag: string }>
}

export interface S3Emulator {
  readonly endpoint: string
  readonly objects: Map<string, StoredObject>
  readonly uploads: Map<string, Multipart>
  readonly requests: {
    readonly method: string
    readonly url: URL
    readonly headers: IncomingMessage['headers']
  }[]
  /** Parts a page of ListParts. */
  page: number
  /** Whole objects are taken without a look at the checksum that was demanded. */
  unwatchful: boolean
  /** Answers in the server's place. `after` answers once the request was carried out. */
  intercept: (method: string, url: URL) => { status: number; code: string; after?: boolean } | undefined
  close(): Promise<void>
}

class Refusal extends Error {
  readonly status: number
  readonly code: string
  constructor(status: number, code: string) {
    super(code)
    this.status = status
    this.code = code
  }
}

const MIN_PART = 5 * 2 ** 20

export async function startS3Emulator(): Promise<S3Emulator> {
  const objects = new Map<string, StoredObject>()
  const uploads = new Map<string, Multipart>()

  const server = createServer({ keepAliveTimeout: 75_000 }, (request, response) => {
    answer(request, response).catch(() => response.destroy())
  })

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    const body = Buffer.concat(chunks)
    const url = new URL(request.url ?? '/', emulator.endpoint)
    const method = request.method ?? 'GET'
    emulator.requests.push({ method, url, headers: request.headers })
    const instead = emulator.intercept(method, url)
    try {
      if (instead && !instead.after) throw new Refusal(instead.status, instead.code)
      const done = perform(method, url, request.headers, body)
      if (instead) throw new Refusal(instead.status, instead.code)
      response.writeHead(done.status ?? 200, done.headers).end(method === 'HEAD' ? undefined : done.body)
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      const xml = `<?xml version="1.0"?><Error><Code>${error.code}</Code><Message>${error.code}</Message></Error>`
      response
        .writeHead(error.status, { 'content-type': 'application/xml' })
        .end(method === 'HEAD' ? undefined : xml)
    }
  }

  interface Done {
    readonly status?: number
    readonly headers?: Record<string, string>
    readonly body?: Buffer | string
  }

  function perform(method: string, url: URL, headers: IncomingMessage['headers'], body: Buffer): Done {
    const key = decodeURIComponent(url.pathname.split('/').slice(2).join('/'))
    const query = url.searchParams
    const uploadId = query.get('uploadId')
    if (method === 'POST' && query.has('uploads')) {
      const id = randomUUID()
      const asked = String(headers['x-amz-checksum-algorithm']).toLowerCase()
      const algorithm = ALGORITHMS.find((name) => name === asked)
      // CRC64NVME knows no other type.
      const whole = headers['x-amz-checksum-type'] === 'FULL_OBJECT' || algorithm === 'crc64nvme'
      const parts: Multipart['parts'] = new Map()
      uploads.set(id, { key, headers: kept(headers), algorithm: whole ? algorithm : undefined, parts })
      return {
        body: `<InitiateMultipartUploadResult><UploadId>${id}</UploadId></InitiateMultipartUploadResult>`,
      }
    }
    if (uploadId !== null) {
      const upload = uploads.get(uploadId)
      if (!upload || upload.key !== key) throw new Refusal(404, 'NoSuchUpload')
      if (method === 'PUT') return putPart(upload, Number(query.get('partNumber')), headers, body)
      if (method === 'GET') return listParts(upload, Number(query.get('part-number-marker') ?? 0))
      uploads.delete(uploadId)
      if (method === 'DELETE') return { status: 204 }
      try {
        return complete(upload, headers, body.toString())
      } catch (error) {
        uploads.set(uploadId, upload)
        throw error
      }
    }
    if (method === 'PUT' && key !== '') {
      const algorithm = verify(headers, body) ?? 'crc64nvme'
      const checksum = sumOf(algorithm, body)
      const etag = store(key, { bytes: body, headers: kept(headers), algorithm, checksum }, headers)
      return { headers: { etag, [`x-amz-checksum-${algorithm}`]: checksum } }
    }
    if (method === 'PUT') return {}
    const object = objects.get(key)
    if (!object) throw new Refusal(404, 'NoSuchKey')
    return {
      headers: {
        ...object.headers,
        etag: object.etag,
        'content-length': String(object.bytes.length),
        ...(object.checksum && headers['x-amz-checksum-mode'] === 'ENABLED'
          ? { [`x-amz-checksum-${object.algorithm}`]: object.checksum }
          : {}),
      },
      body: object.bytes,
    }
  }

  function putPart(
    upload: Multipart,
    number: number,
    headers: IncomingMessage['headers'],
    bytes: Buffer,
  ): Done {
    const algorithm = verify(headers, bytes)
    if (upload.algorithm !== undefined && algorithm !== upload.algorithm)
      throw new Refusal(400, 'InvalidRequest')
    const etag = `"${sumOf('crc32', bytes)}-${bytes.length}"`
    upload.parts.set(number, { bytes, etag })
    return { headers: { etag } }
  }

  function listParts(upload: Multipart, marker: number): Done {
    const after = [...upload.parts].sort(([a], [b]) => a - b).filter(([number]) => number > marker)
    const page = after.slice(0, emulator.page)
    const items = page.map(
      ([number, { bytes, etag }]) =>
        `<Part><PartNumber>${number}</PartNumber><ETag>${escapeXml(etag)}</ETag><Size>${bytes.length}</Size></Part>`,
    )
    const more = after.length > page.length
    const next = more ? `<NextPartNumberMarker>${page.at(-1)?.[0] ?? marker}</NextPartNumberMarker>` : ''
    return {
      body: `<ListPartsResult><IsTruncated>${more}</IsTruncated>${next}${items.join('')}</ListPartsResult>`,
    }
  }

  function complete(upload: Multipart, headers: IncomingMessage['headers'], xml: string): Done {
    const asked = elements(xml, 'Part').map(
      (part) => [Number(text(part, 'PartNumber')), text(part, 'ETag')] as const,
    )
    const parts = asked.map(([number, etag], index) => {
      const part = upload.parts.get(number)
      if (!part || part.etag !== etag) throw new Refusal(400, 'InvalidPart')
      if (index < asked.length - 1 && part.bytes.length < MIN_PART) throw new Refusal(400, 'EntityTooSmall')
      return part.bytes
    })
    const bytes = Buffer.concat(parts)
    const size = headers['x-amz-mp-object-size']
    if (size !== undefined && Number(size) !== bytes.length) throw new Refusal(400, 'InvalidRequest')
    const demanded = emulator.unwatchful ? undefined : verify(headers, bytes)
    if (demanded !== undefined && headers['x-amz-checksum-type'] !== 'FULL_OBJECT')
      throw new Refusal(400, 'BadDigest')
    const { algorithm } = upload
    const checksum = algorithm && sumOf(algorithm, bytes)
    const etag = store(upload.key, { bytes, headers: upload.headers, algorithm, checksum }, headers)
    const name = `Checksum${algorithm?.toUpperCase()}`
    const crc =
      checksum === undefined ? '' : `<${name}>${checksum}</${name}><ChecksumType>FULL_OBJECT</ChecksumType>`
    return {
      body: `<CompleteMultipartUploadResult><ETag>${escapeXml(etag)}</ETag>${crc}</CompleteMultipartUploadResult>`,
    }
  }

  function store(
    key: string,
    object: Omit<StoredObject, 'etag'>,
    headers: IncomingMessage['headers'],
  ): string {
    if (headers['if-none-match'] === '*' && objects.has(key)) throw new Refusal(412, 'PreconditionFailed')
    const etag = `"${randomUUID()}"`
    objects.set(key, { ...object, etag })
    return etag
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const emulator: S3Emulator = {
    endpoint: `http://127.0.0.1:${port}`,
    objects,
    uploads,
    requests: [],
    page: 1000,
    unwatchful: false,
    intercept: () => undefined,
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return emulator
}

/** Checks the body against the checksum in the headers, and tells which it was. */
function verify(headers: IncomingMessage['headers'], bytes: Buffer): Algorithm | undefined {
  const algorithm = ALGORITHMS.find((name) => headers[`x-amz-checksum-${name}`] !== undefined)
  if (algorithm !== undefined && headers[`x-amz-checksum-${algorithm}`] !== sumOf(algorithm, bytes))
    throw new Refusal(400, 'BadDigest')
  return algorithm
}

function sumOf(algorithm: Algorithm, bytes: Buffer): string {
  const sum = Buffer.alloc(algorithm === 'crc32' ? 4 : 8)
  if (algorithm === 'crc32') sum.writeUInt32BE(crc32(bytes))
  else sum.writeBigUInt64BE(crc64nvme(bytes))
  return sum.toString('base64')
}

function kept(headers: IncomingMessage['headers']): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      name === 'content-type' || name.startsWith('x-amz-meta-') ? [[name, String(value)]] : [],
    ),
  )
}
