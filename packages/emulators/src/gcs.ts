/**
 * Google Cloud Storage, the JSON API with resumable uploads and V4 signed URLs.
 * https://cloud.google.com/storage/docs/json_api/v1
 */
import { createHash } from 'node:crypto'
import { listObjects, makeObject, type ObjectFacts, type Objects } from './gcs-objects.ts'
import { type GoogleCredentials, googleCredentials } from './google-credentials.ts'
import { googleSessions } from './google-sessions.ts'
import { crc32c } from './growing.ts'
import { type Asked, type Emulator, json, listen, type Provider, Refused, type Reply } from './listen.ts'
import { ranged } from './ranges.ts'

/** The largest object: 5 TiB. */
const MAX_SIZE = 5 * 1024 ** 4

export interface GcsEmulator extends Emulator {
  readonly credentials: GoogleCredentials
  /** By name; there is one bucket, whatever it is called. */
  readonly objects: Objects
  openSessions(): number
  expireSessions(): void
}

interface Subject {
  readonly bucket: string
  readonly name: string
  readonly facts: ObjectFacts
  readonly query: URLSearchParams
}

export async function startGcs(): Promise<GcsEmulator> {
  const objects: Objects = new Map()
  const credentials = googleCredentials()
  const sessions = googleSessions<Subject>(({ bucket, name, facts, query }, bytes, headers) => {
    checkHashes(headers['x-goog-hash'], bytes)
    return json(put(bucket, name, bytes, facts, query))
  })

  function put(bucket: string, name: string, bytes: Buffer, facts: ObjectFacts, query: URLSearchParams) {
    checkGeneration(name, query)
    const object = makeObject(bucket, name, bytes, facts)
    objects.set(name, object)
    return object.resource
  }

  function checkGeneration(name: string, query: URLSearchParams): void {
    const wanted = query.get('ifGenerationMatch')
    if (wanted === null) return
    if ((objects.get(name)?.resource.generation ?? '0') !== wanted)
      throw new Refused(googleError(412, 'conditionNotMet'))
  }

  function find(name: string) {
    const object = objects.get(name)
    if (!object) throw new Refused(googleError(404, 'notFound'))
    return object
  }

  function upload(bucket: string, asked: Asked): Reply {
    const { method, url, headers, body } = asked
    const id = url.searchParams.get('upload_id')
    if (id !== null) {
      if (method === 'PUT') return sessions.put(id, asked)
      if (method === 'DELETE') return sessions.cancel(id)
    }
    if (!credentials.authorized(asked)) throw new Refused(googleError(401, 'authError'))
    const resource = body.length === 0 ? {} : JSON.parse(body.toString())
    const name = url.searchParams.get('name') ?? resource.name
    if (method !== 'POST' || url.searchParams.get('uploadType') !== 'resumable' || !isName(name))
      throw new Refused(googleError(400, 'invalid'))
    const announced = headers['x-upload-content-length']
    const size = announced === undefined ? undefined : Number(announced)
    if (size !== undefined && size > MAX_SIZE) throw new Refused(googleError(400, 'uploadTooLarge'))
    checkGeneration(name, url.searchParams)
    const { cacheControl, metadata, contentType = headers['x-upload-content-type'] } = resource
    const opened = sessions.open(
      { bucket, name, facts: { cacheControl, metadata, contentType }, query: url.searchParams },
      size,
    )
    const location = new URL(`/upload/storage/v1/b/${bucket}/o`, emulator.endpoint)
    location.search = String(new URLSearchParams({ uploadType: 'resumable', name, upload_id: opened }))
    return { headers: { location: location.href, 'x-guploader-uploadid': opened } }
  }

  function api(bucket: string, rest: string, asked: Asked): Reply {
    if (!credentials.authorized(asked)) throw new Refused(googleError(401, 'authError'))
    const { method, url, headers } = asked
    if (rest === '') {
      const { items, prefixes, nextPageToken } = listObjects(objects, url.searchParams)
      return json({ kind: 'storage#objects', items: items.map((it) => it.resource), prefixes, nextPageToken })
    }
    const [, from = '', to] = /^([^/]+)(?:\/rewriteTo\/b\/[^/]+\/o\/([^/]+))?$/.exec(rest) ?? []
    const name = decodeURIComponent(from)
    if (to !== undefined && method === 'POST') {
      const { bytes, resource } = find(name)
      const made = put(bucket, decodeURIComponent(to), bytes, resource, url.searchParams)
      return json({ kind: 'storage#rewriteResponse', done: true, resource: made })
    }
    const { bytes, resource } = find(name)
    if (method === 'DELETE') {
      objects.delete(name)
      return { status: 204 }
    }
    if (url.searchParams.get('alt') !== 'media') return json(resource)
    return ranged(bytes, headers.range, {
      'content-type': resource.contentType,
      'x-goog-generation': resource.generation,
      'x-goog-hash': `crc32c=${String(resource.crc32c)},md5=${String(resource.md5Hash)}`,
    })
  }

  /** What a signed URL allows. */
  function xml(asked: Asked): Reply {
    const { method, url, headers, body } = asked
    if (!credentials.signed(asked, new URL(emulator.endpoint).hostname))
      throw new Refused({ status: 403, body: '<Error><Code>SignatureDoesNotMatch</Code></Error>' })
    const [, bucket = '', path = ''] = /^\/([^/]+)\/(.+)$/.exec(url.pathname) ?? []
    const name = decodeURIComponent(path)
    if (method === 'PUT') {
      const contentType = headers['content-type'] ?? 'application/octet-stream'
      put(bucket, name, body, { contentType }, new URLSearchParams())
      return {}
    }
    const { bytes, resource } = find(name)
    return ranged(bytes, headers.range, { 'content-type': resource.contentType })
  }

  const provider: Provider = {
    callOf: ({ method, url, headers }) => {
      if (!url.pathname.startsWith('/upload/')) return 'other'
      if (!url.searchParams.has('upload_id')) return 'begin'
      if (method === 'DELETE') return 'discard'
      return /\*\//.test(headers['content-range']?.replace(/-\*/, '') ?? '') ? 'probe' : 'send'
    },
    answer: (asked) => {
      const { pathname } = asked.url
      const [, isUpload, bucket, rest = ''] =
        /^(\/upload)?\/storage\/v1\/b\/([^/]+)\/o\/?(.*)$/.exec(pathname) ?? []
      if (bucket === undefined) return xml(asked)
      return isUpload === undefined ? api(bucket, rest, asked) : upload(bucket, asked)
    },
    refusal: (status) => googleError(status, status === 429 ? 'rateLimitExceeded' : 'backendError'),
  }
  const emulator = await listen(provider)
  return Object.assign(emulator, {
    credentials,
    objects,
    openSessions: () => sessions.unfinished,
    expireSessions: sessions.expire,
  })
}

/** https://cloud.google.com/storage/docs/json_api/v1/status-codes */
function googleError(status: number, reason: string, message = reason): Reply {
  return json({ error: { code: status, message, errors: [{ reason, message }] } }, status)
}

function checkHashes(header: string | string[] | undefined, bytes: Buffer): void {
  for (const hash of String(header ?? '').split(',')) {
    const [, name, value] = /^\s*(crc32c|md5)=(.+)$/.exec(hash) ?? []
    if (name === undefined) continue
    const ours = name === 'crc32c' ? crc32c(bytes) : createHash('md5').update(bytes).digest('base64')
    if (ours === value) continue
    const message = `Provided ${name.toUpperCase()} "${value}" doesn't match calculated ${name.toUpperCase()} "${ours}".`
    throw new Refused(googleError(400, 'invalid', message))
  }
}

/** https://cloud.google.com/storage/docs/objects#naming */
function isName(name: unknown): name is string {
  return (
    typeof name === 'string' &&
    name !== '.' &&
    name !== '..' &&
    !/[\r\n]/.test(name) &&
    Buffer.byteLength(name) > 0 &&
    Buffer.byteLength(name) <= 1024
  )
}
