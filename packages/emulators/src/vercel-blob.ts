/**
 * A store of Vercel Blob, version 12 of its interface, as `@vercel/blob` speaks it: https://vercel.com/docs/vercel-blob
 *
 * Multipart uploads can neither be listed nor be given up. Guessed towards caution, because no document says: parts
 * must be equal but the last and of at least 5 MiB, as at the stores behind it (a comment in the client says so); their
 * ETags are MD5, as there; an upload that was completed or expired is `not_found`.
 */
import { createHash, createHmac, randomBytes } from 'node:crypto'
import { type Asked, type Emulator, json, listen, type Provider, Refused, type Reply } from './listen.ts'
import { ranged } from './ranges.ts'

const STORE = 'emulated'
const MIN_PART = 5 * 1024 * 1024
const MAX_PATHNAME = 950

interface Blob {
  readonly pathname: string
  readonly bytes: Buffer
  readonly contentType: string
  readonly etag: string
  readonly uploadedAt: string
}

interface Upload {
  readonly pathname: string
  readonly contentType: string
  readonly options: Asked['headers']
  readonly parts: Map<number, { readonly etag: string; readonly bytes: Buffer }>
}

export interface VercelBlobEmulator extends Emulator {
  /** The read-write token that is accepted now. */
  token(): string
  /** Another token is right from now on; those signed with the old one are refused too. */
  expireToken(): void
  /** A token for one pathname, as the vendor's client signs them. */
  clientToken(payload: { readonly pathname: string; readonly validUntil: number }): string
  readonly blobs: ReadonlyMap<string, Blob>
  /** Multipart uploads that were neither completed nor have expired. */
  openSessions(): number
  expireSessions(): void
}

/** @param minPart The least that every part but the last must have. */
export async function startVercelBlob(minPart = MIN_PART): Promise<VercelBlobEmulator> {
  const blobs = new Map<string, Blob>()
  const uploads = new Map<string, Upload>()
  let count = 1
  const token = () => `vercel_blob_rw_${STORE}_secret${count}`

  const signed = (payload: string) => createHmac('sha256', token()).update(payload).digest('hex')

  /** @param own What only the store's own token may do. */
  function authorize({ headers }: Asked, pathname: string | undefined, own: boolean): void {
    const given = headers.authorization?.replace(/^Bearer /, '') ?? ''
    if (given === token()) return
    const [, secret] = new RegExp(`^vercel_blob_client_${STORE}_(.+)$`).exec(given) ?? []
    const [signature, payload = ''] = Buffer.from(secret ?? '', 'base64')
      .toString()
      .split('.')
    if (secret === undefined || signature !== signed(payload))
      throw failure(403, 'forbidden', 'Access denied')
    const rules = JSON.parse(Buffer.from(payload, 'base64').toString())
    if (own) throw failure(403, 'client_token_not_allowed', 'not with a client token')
    if (rules.validUntil < Date.now()) throw failure(403, 'forbidden', 'Token expired')
    if (rules.pathname !== pathname)
      throw failure(400, 'bad_request', '"pathname" does not match the token payload')
  }

  function checkPathname(pathname: string): void {
    if (pathname === '' || pathname.length > MAX_PATHNAME || pathname.includes('//'))
      throw failure(400, 'bad_request', 'the pathname is not allowed')
  }

  /** Whether something may be put there now. */
  function free(pathname: string, headers: Asked['headers']): void {
    const there = blobs.get(pathname)
    const match = headers['x-if-match']
    if (match !== undefined && match !== there?.etag)
      throw failure(412, 'precondition_failed', 'Precondition failed: ETag mismatch.')
    if (there && headers['x-allow-overwrite'] !== '1')
      throw failure(400, 'bad_request', 'This blob already exists, use `allowOverwrite: true`')
  }

  function store(pathname: string, bytes: Buffer, contentType: string, etag: string): Reply {
    const blob = { pathname, bytes, contentType, etag, uploadedAt: new Date().toISOString() }
    blobs.set(pathname, blob)
    return json(shown(blob))
  }

  function multipart(pathname: string, { headers, body, whole }: Asked): Reply {
    const id = String(headers['x-mpu-upload-id'])
    const action = headers['x-mpu-action']
    if (action === 'create') {
      free(pathname, headers)
      const uploadId = randomBytes(12).toString('hex')
      const contentType = typeOf(headers)
      uploads.set(uploadId, { pathname, contentType, options: headers, parts: new Map() })
      return json({ uploadId, key: pathname })
    }
    const upload = uploads.get(id)
    if (!upload || decodeURIComponent(String(headers['x-mpu-key'])) !== upload.pathname)
      throw failure(404, 'not_found', 'The upload does not exist')
    if (action === 'upload') {
      const number = Number(headers['x-mpu-part-number'])
      if (!(number >= 1 && number <= 10_000)) throw failure(400, 'bad_request', 'no such part number')
      if (!whole) return {}
      const etag = etagOf(body)
      upload.parts.set(number, { etag, bytes: Buffer.from(body) })
      return json({ etag })
    }
    if (action !== 'complete') throw failure(400, 'bad_request', 'no such action')
    const named: { partNumber: number; etag: string }[] = JSON.parse(body.toString())
    // The vendor's client names them in the order in which they were done.
    named.sort((a, b) => a.partNumber - b.partNumber)
    const parts = named.map(({ partNumber, etag }, index) => {
      const part = upload.parts.get(partNumber)
      if (partNumber !== index + 1 || part?.etag !== etag) throw failure(400, 'bad_request', 'invalid part')
      return part.bytes
    })
    const [first = Buffer.alloc(0)] = parts
    const uneven = parts.slice(0, -1).some((part) => part.length !== first.length || part.length < minPart)
    if (uneven || (parts.at(-1)?.length ?? 0) > first.length || parts.length === 0)
      throw failure(400, 'bad_request', 'parts must be of the same size')
    free(pathname, upload.options)
    uploads.delete(id)
    const bytes = Buffer.concat(parts)
    return store(pathname, bytes, upload.contentType, `"${md5(bytes)}-${parts.length}"`)
  }

  function put(pathname: string, { headers, body, whole }: Asked): Reply {
    if (!whole) return {}
    free(pathname, headers)
    return store(pathname, Buffer.from(body), typeOf(headers), etagOf(body))
  }

  function look(name: string): Blob {
    const pathname = name.startsWith(`${emulator.endpoint}/blob/`)
      ? decodeURIComponent(new URL(name).pathname.slice('/blob/'.length))
      : name
    const blob = blobs.get(pathname)
    if (blob) return blob
    throw failure(404, 'not_found', 'The requested blob does not exist')
  }

  function list({ searchParams }: URL): Reply {
    const prefix = searchParams.get('prefix') ?? ''
    const limit = Number(searchParams.get('limit') ?? 1000)
    const folded = searchParams.get('mode') === 'folded'
    const names = [...blobs.keys()].filter((name) => name.startsWith(prefix)).sort()
    const entries = [
      ...new Set(
        names.map((name) => {
          const cut = folded ? name.indexOf('/', prefix.length) : -1
          return cut < 0 ? name : name.slice(0, cut + 1)
        }),
      ),
    ]
    const from = Number(searchParams.get('cursor') ?? 0)
    const page = entries.slice(from, from + limit)
    const hasMore = from + limit < entries.length
    return json({
      blobs: page.flatMap((name) => blobs.get(name) ?? []).map(shown),
      ...(folded ? { folders: page.filter((name) => name.endsWith('/')) } : {}),
      ...(hasMore ? { cursor: String(from + limit) } : {}),
      hasMore,
    })
  }

  function shown({ pathname, bytes, contentType, etag, uploadedAt }: Blob) {
    const url = `${emulator.endpoint}/blob/${pathname.split('/').map(encodeURIComponent).join('/')}`
    const disposition = `inline; filename="${encodeURIComponent(pathname.split('/').at(-1) ?? '')}"`
    return {
      url,
      downloadUrl: `${url}?download=1`,
      pathname,
      size: bytes.length,
      contentType,
      contentDisposition: disposition,
      cacheControl: 'public, max-age=2592000',
      uploadedAt,
      etag,
    }
  }

  function answer(asked: Asked): Reply {
    const { method, url, headers, body } = asked
    if (url.pathname.startsWith('/blob/')) {
      const { bytes, contentType, etag } = look(emulator.endpoint + url.pathname)
      return ranged(bytes, headers.range, { 'content-type': contentType, etag })
    }
    const pathname = url.searchParams.get('pathname')
    const from = url.searchParams.get('fromUrl')
    const writes = pathname !== null && from === null
    authorize(asked, pathname ?? undefined, !writes)
    if (pathname !== null) checkPathname(pathname)
    if (writes && headers['x-vercel-blob-access'] === undefined)
      throw failure(400, 'bad_request', 'access is missing')
    switch (`${method} ${url.pathname}`) {
      case 'POST /mpu':
        return multipart(pathname ?? '', asked)
      case 'PUT /': {
        if (from === null) return put(pathname ?? '', asked)
        const { bytes, contentType } = look(from)
        free(pathname ?? '', headers)
        return store(pathname ?? '', bytes, String(headers['x-content-type'] ?? contentType), etagOf(bytes))
      }
      case 'POST /delete': {
        const { urls } = JSON.parse(body.toString())
        for (const name of urls) blobs.delete(name)
        return json(null)
      }
      case 'GET /': {
        const name = url.searchParams.get('url')
        return name === null ? list(url) : json(shown(look(name)))
      }
    }
    throw failure(404, 'not_found', 'no such call')
  }

  const provider: Provider = {
    callOf: ({ method, url, headers }) => {
      const action = headers['x-mpu-action']
      if (action === 'create') return 'begin'
      if (action === 'upload') return 'send'
      if (action === 'complete') return 'finish'
      return method === 'PUT' && !url.searchParams.has('fromUrl') ? 'send' : 'other'
    },
    answer,
    refusal: (status) => failure(status, status === 429 ? 'rate_limited' : 'service_unavailable', '').reply,
  }
  const emulator = await listen(provider)
  return Object.assign(emulator, {
    token,
    expireToken: () => {
      count++
    },
    clientToken: (rules: object) => {
      const payload = Buffer.from(JSON.stringify(rules)).toString('base64')
      return `vercel_blob_client_${STORE}_${Buffer.from(`${signed(payload)}.${payload}`).toString('base64')}`
    },
    blobs,
    openSessions: () => uploads.size,
    expireSessions: () => uploads.clear(),
  })
}

function typeOf(headers: Asked['headers']): string {
  return String(headers['x-content-type'] ?? 'application/octet-stream')
}

function etagOf(bytes: Buffer): string {
  return `"${md5(bytes)}"`
}

function md5(bytes: Buffer): string {
  return createHash('md5').update(bytes).digest('hex')
}

function failure(status: number, code: string, message: string): Refused {
  return new Refused(json({ error: { code, message } }, status))
}
