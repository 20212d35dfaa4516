/**
 * Cloudinary's upload interface with uploads in chunks, and the part of its admin interface that finds files:
 * https://cloudinary.com/documentation/image_upload_api_reference
 * Guessed towards caution: chunks come in order, one that is there may come again as it was; after the last one the
 * upload's id is forgotten.
 */
import { createHash, randomBytes } from 'node:crypto'
import { formParts } from './form.ts'
import { type Asked, type Emulator, json, listen, type Provider, Refused, type Reply } from './listen.ts'
import { ranged } from './ranges.ts'
import { type Tokens, tokens } from './tokens.ts'

const MIN_CHUNK = 5_000_000
const MAX_SIZE = 2 ** 31
/** Seconds that a signature is good for. */
const FRESH = 3600

interface Asset {
  readonly publicId: string
  readonly type: string
  readonly bytes: Buffer
  readonly version: number
}

export interface CloudinaryEmulator extends Emulator {
  /** The secret that signatures are made with. */
  readonly tokens: Tokens
  /** By type and public id, as in `raw/a.bin`. */
  readonly assets: Map<string, Asset>
  openSessions(): number
  expireSessions(): void
}

/** @param minChunk Cloudinary's own is 5 MB. The cloud is `cloud`, the key `key`, an unsigned preset `open`. */
export async function startCloudinary({
  minChunk = MIN_CHUNK,
}: {
  readonly minChunk?: number
} = {}): Promise<CloudinaryEmulator> {
  const secret = tokens()
  const assets = new Map<string, Asset>()
  /** Chunks by where they begin, by the upload's id. */
  const sessions = new Map<string, Map<number, Buffer>>()
  let clock = Math.floor(Date.now() / 1000)

  /** Whether it is signed; else it may be unsigned. */
  function checkSigned(fields: Readonly<Record<string, string>>): boolean {
    const { signature, api_key, file: _, ...signed } = fields
    if (signature === undefined && fields.upload_preset === 'open') {
      if (fields.overwrite !== undefined)
        throw refused(400, 'Overwrite parameter is not allowed when using unsigned upload')
      return false
    }
    if (api_key !== 'key') throw refused(401, `Unknown API key ${api_key ?? ''}`)
    if (!(Number(fields.timestamp) > Date.now() / 1000 - FRESH))
      throw refused(400, 'Stale request - reported time is more than 1 hour ago')
    const text = Object.keys(signed)
      .sort()
      .map((name) => `${name}=${String(signed[name]).replaceAll('&', '%26')}`)
      .join('&')
    const right = createHash('sha1')
      .update(text + secret.current)
      .digest('hex')
    if (signature !== right) throw refused(401, `Invalid Signature ${signature}. String to sign - '${text}'.`)
    return true
  }

  function upload(type: string, { headers, body, whole }: Asked): Reply {
    const { fields, file } = formOf(headers, body, whole)
    const overwrites = checkSigned(fields) && fields.overwrite !== 'false'
    if (file === undefined) throw refused(400, 'Missing required parameter - file')
    const publicId = fields.public_id ?? randomBytes(10).toString('hex')
    if (/[?&#\\%<>+]|^[\s/]|[\s/]$/.test(publicId)) throw refused(400, `public_id (${publicId}) is invalid`)
    const all = assembled(headers['x-unique-upload-id'], headers['content-range'], file)
    if (all === undefined) return json({ asset_id: '', public_id: publicId, done: false })
    if (all.length === 0) throw refused(400, 'Empty file')
    if (all.length > MAX_SIZE) throw refused(400, `File size too large. Got ${all.length}.`)
    const existing = assets.get(`${type}/${publicId}`)
    if (existing && !overwrites) return json({ ...shown(existing), existing: true })
    return json({ ...shown(store(type, publicId, all)), done: true })
  }

  /** The whole file once its last chunk is there. */
  function assembled(
    id: string | string[] | undefined,
    range: string | undefined,
    chunk: Buffer,
  ): Buffer | undefined {
    if (range === undefined) return chunk
    const [, from, to, of] = /^bytes (\d+)-(\d+)\/(\d+|-1)$/.exec(range) ?? []
    const [start, end] = [Number(from), Number(to) + 1]
    if (id === undefined || end - start !== chunk.length) throw refused(400, 'Invalid Content-Range')
    const isLast = end === Number(of)
    if (!isLast && chunk.length < minChunk)
      throw refused(400, 'All parts except EOF-chunk must be larger than 5mb')
    const chunks = sessions.get(String(id)) ?? new Map<number, Buffer>()
    const reached = [...chunks].reduce((most, [at, { length }]) => Math.max(most, at + length), 0)
    const known = chunks.get(start)
    if (start > reached || (start < reached && known?.length !== chunk.length))
      throw refused(400, 'Invalid Content-Range: chunks are missing')
    chunks.set(start, Buffer.from(chunk))
    sessions.set(String(id), chunks)
    if (!isLast) return undefined
    sessions.delete(String(id))
    return Buffer.concat([...chunks].sort(([a], [b]) => a - b).map(([, bytes]) => bytes))
  }

  function store(type: string, publicId: string, bytes: Buffer): Asset {
    clock = Math.max(clock + 1, Math.floor(Date.now() / 1000))
    const asset = { publicId, type, bytes, version: clock }
    assets.set(`${type}/${publicId}`, asset)
    return asset
  }

  function change(type: string, action: string, { headers, body, whole }: Asked): Reply {
    const { fields } = formOf(headers, body, whole)
    checkSigned(fields)
    if (action === 'destroy') {
      const there = assets.delete(`${type}/${fields.public_id}`)
      return json({ result: there ? 'ok' : 'not found' })
    }
    const from = assets.get(`${type}/${fields.from_public_id}`)
    if (from === undefined) throw refused(404, `Resource not found - ${fields.from_public_id}`)
    if (assets.has(`${type}/${fields.to_public_id}`) && fields.overwrite !== 'true')
      throw refused(400, `to_public_id(${fields.to_public_id}) already exists`)
    assets.delete(`${type}/${from.publicId}`)
    return json(shown(store(type, fields.to_public_id ?? '', from.bytes)))
  }

  function admin(type: string, publicId: string | undefined, { url, headers }: Asked): Reply {
    const basic = Buffer.from(`key:${secret.current}`).toString('base64')
    if (headers.authorization !== `Basic ${basic}`) throw refused(401, 'Invalid credentials')
    if (publicId !== undefined) {
      const asset = assets.get(`${type}/${publicId}`)
      if (asset) return json(shown(asset))
      throw refused(404, `Resource not found - ${publicId}`)
    }
    const prefix = url.searchParams.get('prefix') ?? ''
    const limit = Math.min(Number(url.searchParams.get('max_results') ?? 10), 500)
    const from = Number(url.searchParams.get('next_cursor') ?? 0)
    const found = [...assets.values()].filter((one) => one.type === type && one.publicId.startsWith(prefix))
    const more = from + limit < found.length ? { next_cursor: String(from + limit) } : {}
    return json({ resources: found.slice(from, from + limit).map(shown), ...more })
  }

  function answer(asked: Asked): Reply {
    const { method, url, headers } = asked
    const path = url.pathname.split('/').slice(1).map(decodeURIComponent)
    if (path[0] === 'res') {
      const asset = assets.get(`${path[2]}/${path.slice(5).join('/')}`)
      if (asset === undefined) throw new Refused({ status: 404 })
      return ranged(asset.bytes, headers.range, { 'content-type': 'application/octet-stream' })
    }
    const [version, cloud, first = '', second = '', third, publicId] = path
    if (!/^v1(?:_1)?$/.test(version ?? '') || cloud !== 'cloud') throw refused(401, `cloud_name mismatch`)
    if (first === 'resources' && third === 'upload' && method === 'GET') return admin(second, publicId, asked)
    if (method === 'POST' && second === 'upload') return upload(first, asked)
    if (method === 'POST' && /^(?:destroy|rename)$/.test(second)) return change(first, second, asked)
    throw refused(404, 'no such function')
  }

  function shown({ publicId, type, bytes, version }: Asset) {
    const place = publicId.split('/').map(encodeURIComponent).join('/')
    return {
      asset_id: createHash('md5').update(`${type}/${publicId}`).digest('hex'),
      public_id: publicId,
      version,
      resource_type: type,
      type: 'upload',
      created_at: new Date(version * 1000).toISOString(),
      bytes: bytes.length,
      etag: createHash('md5').update(bytes).digest('hex'),
      secure_url: `${emulator.endpoint}/res/cloud/${type}/upload/v${version}/${place}`,
    }
  }

  const provider: Provider = {
    callOf: ({ method, url, headers }) => {
      if (/^\/v1_1\/cloud\/[^/]+\/upload$/.test(url.pathname))
        return /^bytes 0-|^$/.test(String(headers['content-range'] ?? '')) ? 'begin' : 'send'
      return method === 'GET' && /\/upload\/[^/]+$/.test(url.pathname) ? 'probe' : 'other'
    },
    answer,
    refusal: (status) => json({ error: { message: 'not now' } }, status),
  }
  const emulator = await listen(provider)
  return Object.assign(emulator, {
    tokens: secret,
    assets,
    openSessions: () => sessions.size,
    expireSessions: () => sessions.clear(),
  })
}

/** Fields and the file, of a form or of what a query string says. */
function formOf(headers: Asked['headers'], body: Buffer, whole: boolean) {
  if (!whole) throw refused(400, 'the body broke off')
  const parts = formParts(headers, body, whole)
  const pairs =
    parts === undefined
      ? [...new URLSearchParams(body.toString())]
      : parts
          .filter(({ filename }) => filename === undefined)
          .map(({ name, bytes }) => [name, bytes.toString()])
  const fields: Record<string, string> = Object.fromEntries(pairs)
  return {
    fields,
    file: parts?.find(({ name, filename }) => name === 'file' && filename !== undefined)?.bytes,
  }
}

function refused(status: number, message: string): Refused {
  return new Refused(json({ error: { message } }, status, { 'x-cld-error': encodeURIComponent(message) }))
}
