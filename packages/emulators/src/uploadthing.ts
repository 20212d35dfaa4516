/**
 * UploadThing: what takes uploads at signed URLs, the API, and what serves the files.
 * https://docs.uploadthing.com/uploading-files , https://docs.uploadthing.com/api-reference/openapi-spec
 * One app. Guessed towards caution: a form holds all the bytes that are missing (see `pieces`); a custom id is taken
 * from the first request on, and stays so after its file was deleted; nothing gives an unfinished upload up; after the
 * last byte the same answer can be asked for again.
 */
import { createHash, createHmac } from 'node:crypto'
import { formParts } from './form.ts'
import { Growing } from './growing.ts'
import { type Asked, type Emulator, json, listen, type Provider, Refused, type Reply } from './listen.ts'
import { ranged } from './ranges.ts'
import { type Tokens, tokens } from './tokens.ts'

const APP = 'app'
/** What the keys of the app's files begin with: its id, encoded as the vendor's client does. */
const PREFIX = 'frEbQjJKhu6G'
/** Longer custom ids were seen to be refused, and how. */
const MAX_ID = 128
const MAX_SIZE = 2 ** 34

interface Upload {
  readonly fileKey: string
  readonly name: string
  readonly customId: string | null
  readonly type: string
  readonly size: number
  readonly isPrivate: boolean
  readonly arrived: Growing
  /** Of a complete one. */
  bytes: Buffer | undefined
  uploadedAt: number
}

export interface UploadThingEmulator extends Emulator {
  readonly tokens: Tokens
  /** `UPLOADTHING_TOKEN`, as it is now. */
  token(): string
  /** The content of the complete file with a custom id, or another key. */
  read(id: string): Buffer | undefined
  openSessions(): number
  expireSessions(): void
}

/** @param pieces Forms may hold fewer bytes than are missing. */
export async function startUploadThing({ pieces = false } = {}): Promise<UploadThingEmulator> {
  const accepted = tokens()
  const uploads = new Map<string, Upload>()
  /** Custom ids, with the keys of the files that they were first used for. */
  const ids = new Map<string, string>()
  const apiKey = () => `sk_live_${accepted.current}`
  const find = (id: string) => uploads.get(id) ?? uploads.get(ids.get(id) ?? '')

  function checkSigned({ url, headers }: Asked): void {
    const signature = url.searchParams.get('signature')
    const { href } = new URL(url.pathname + url.search, `http://${headers.host}`)
    const unsigned = href.replace(/[?&]signature=[^&]*$/, '')
    const right = createHmac('sha256', apiKey()).update(unsigned).digest('hex')
    if (signature !== `hmac-sha256=${right}`) throw refused(403, 'Invalid signature')
    if (!(Number(url.searchParams.get('expires')) > Date.now())) throw refused(403, 'URL has expired')
  }

  function ingest(asked: Asked, fileKey: string): Reply {
    const { method, url, headers } = asked
    checkSigned(asked)
    if (!fileKey.startsWith(PREFIX) || url.searchParams.get('x-ut-identifier') !== APP)
      throw refused(400, 'Invalid file key')
    const upload = uploads.get(fileKey)
    if (method === 'HEAD')
      return { headers: { 'x-ut-range-start': String(upload?.bytes?.length ?? upload?.arrived.size ?? 0) } }
    if (method !== 'PUT') throw refused(405, 'Method not allowed')
    const start = Number(/^bytes=(\d+)-$/.exec(headers.range ?? 'bytes=0-')?.[1])
    if (start !== (upload?.bytes?.length ?? upload?.arrived.size ?? 0)) throw refused(416, 'Invalid range')
    return take(asked, upload ?? begin(url, fileKey), start)
  }

  function begin(url: URL, fileKey: string): Upload {
    const param = (name: string) => decodeURIComponent(url.searchParams.get(`x-ut-${name}`) ?? '')
    const customId = param('custom-id') || null
    const size = Number(param('file-size'))
    if (!(size > 0 && size <= MAX_SIZE) || param('file-name') === '') throw refused(400, 'Invalid file')
    if (customId !== null) {
      if (ids.has(customId) || customId.length > MAX_ID)
        throw refused(500, 'Failed query: insert into `file` (`access_key`, `external_id`)')
      ids.set(customId, fileKey)
    }
    const upload: Upload = {
      fileKey,
      name: param('file-name'),
      customId,
      type: param('file-type') || 'application/octet-stream',
      size,
      isPrivate: param('acl') === 'private',
      arrived: new Growing(),
      bytes: undefined,
      uploadedAt: 0,
    }
    uploads.set(fileKey, upload)
    return upload
  }

  function take({ headers, body, whole }: Asked, upload: Upload, start: number): Reply {
    const { arrived, size } = upload
    const file = formParts(headers, body, whole)?.find(({ name, filename }) => name === 'file' && filename)
    if (file === undefined) throw refused(400, 'No file provided')
    const end = start + file.bytes.length
    if (end > size) throw refused(400, 'File is larger than it was said to be')
    if (whole && end < size && !pieces) throw refused(400, 'File is smaller than it was said to be')
    arrived.add(file.bytes)
    if (whole && end === size && upload.bytes === undefined) {
      upload.bytes = arrived.bytes()
      upload.uploadedAt = Date.now()
    }
    if (upload.bytes === undefined) return json({})
    const url = urlOf(upload)
    const fileHash = createHash('md5').update(upload.bytes).digest('hex')
    return json({ url, appUrl: url, ufsUrl: url, fileHash, serverData: null })
  }

  function api({ url, headers, body, whole }: Asked): Reply {
    if (headers['x-uploadthing-api-key'] !== apiKey()) throw refused(401, 'Invalid API key')
    if (!whole) throw refused(400, 'the body broke off')
    const given = JSON.parse(body.toString())
    const wanted: string[] = given.fileKeys ?? given.customIds ?? []
    const found = wanted.map(find).filter((upload) => upload?.bytes !== undefined)
    switch (url.pathname) {
      case '/v6/getFileUrl':
        return json({ data: found.flatMap((one) => (one ? [{ key: one.fileKey, url: urlOf(one) }] : [])) })
      case '/v6/deleteFiles':
        for (const one of found) if (one) uploads.delete(one.fileKey)
        return json({ success: true, deletedCount: found.length })
      case '/v6/listFiles':
        return list(given)
    }
    throw refused(404, 'Not found')
  }

  function list({ limit = 500, offset = 0 }: { limit?: number; offset?: number }): Reply {
    const all = [...uploads.values()].sort((a, b) => b.uploadedAt - a.uploadedAt)
    const files = all
      .slice(offset, offset + limit)
      .map(({ fileKey, customId, name, size, bytes, uploadedAt }) => ({
        id: fileKey,
        key: fileKey,
        customId,
        name,
        size,
        status: bytes ? 'Uploaded' : 'Uploading',
        uploadedAt,
      }))
    return json({ hasMore: offset + limit < all.length, files })
  }

  function serve(asked: Asked, id: string): Reply {
    const upload = find(id)
    if (upload?.bytes === undefined) throw refused(404, 'File not found')
    if (upload.isPrivate || asked.url.searchParams.has('signature')) checkSigned(asked)
    const facts = {
      'content-type': upload.type,
      etag: `"${createHash('md5').update(upload.bytes).digest('hex')}"`,
      'last-modified': new Date(upload.uploadedAt).toUTCString(),
    }
    return ranged(upload.bytes, asked.headers.range, facts)
  }

  function urlOf({ fileKey }: Upload): string {
    return `${emulator.endpoint}/a/${APP}/${fileKey}`
  }

  const provider: Provider = {
    callOf: ({ method, url, headers }) => {
      if (url.pathname === '/v6/getFileUrl') return 'begin'
      if (url.pathname === '/v6/deleteFiles') return 'discard'
      if (!/^\/ingest\/[^/]+$/.test(url.pathname) || method === 'POST') return 'other'
      if (method === 'HEAD') return 'probe'
      return headers.range === `bytes=${url.searchParams.get('x-ut-file-size')}-` ? 'finish' : 'send'
    },
    answer: (asked) => {
      const [, place, first = '', second = ''] = asked.url.pathname.split('/').map(decodeURIComponent)
      if (place === 'ingest' && first === 'route-metadata') return json({ ok: true })
      if (place === 'ingest') return ingest(asked, first)
      if (place === 'a' && first === APP) return serve(asked, second)
      return api(asked)
    },
    refusal: (status) => json({ error: 'not now' }, status),
  }
  const emulator = await listen(provider)
  const open = () => [...uploads.values()].filter(({ bytes }) => bytes === undefined)
  return Object.assign(emulator, {
    tokens: accepted,
    token: () =>
      Buffer.from(JSON.stringify({ apiKey: apiKey(), appId: APP, regions: ['dev1'] })).toString('base64'),
    read: (id: string) => find(id)?.bytes,
    openSessions: () => open().length,
    expireSessions: () => {
      for (const { fileKey } of open()) uploads.delete(fileKey)
    },
  })
}

function refused(status: number, error: string): Refused {
  return new Refused(json({ error }, status))
}
