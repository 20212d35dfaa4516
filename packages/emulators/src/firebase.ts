/**
 * Firebase Storage, version 0 of its interface with `X-Goog-Upload-*`, as `@firebase/storage` speaks it.
 * The same upload protocol is described for Google Photos:
 * https://developers.google.com/photos/library/guides/resumable-uploads
 *
 * What is sent again below the offset is ignored, as Google's other upload servers do: the vendor's client
 * repeats a request whose answer was lost without asking first.
 */
import { randomBytes } from 'node:crypto'
import { type GcsObject, listObjects, makeObject, type ObjectFacts, type Objects } from './gcs-objects.ts'
import { Growing } from './growing.ts'
import { type Asked, type Emulator, json, listen, type Provider, Refused, type Reply } from './listen.ts'
import { ranged } from './ranges.ts'
import { type Tokens, tokens } from './tokens.ts'

const STEP = 256 * 1024
/** The largest object of the bucket behind it: 5 TiB. */
const MAX_SIZE = 5 * 1024 ** 4

export interface FirebaseEmulator extends Emulator {
  readonly tokens: Tokens
  readonly objects: Objects
  openSessions(): number
  expireSessions(): void
}

interface Session {
  readonly name: string
  readonly size: number
  readonly facts: ObjectFacts
  readonly data: Growing
  status: 'active' | 'final' | 'cancelled'
}

export async function startFirebase(): Promise<FirebaseEmulator> {
  const accepted = tokens()
  const objects: Objects = new Map()
  const sessions = new Map<string, Session>()

  function start(bucket: string, { url, headers, body }: Asked): Reply {
    const name = url.searchParams.get('name')
    const size = Number(headers['x-goog-upload-header-content-length'])
    if (name === null || name === '' || headers['x-goog-upload-protocol'] !== 'resumable')
      throw new Refused(refusal(400, 'not a resumable upload'))
    if (!Number.isSafeInteger(size) || size > MAX_SIZE) throw new Refused(refusal(400, 'invalid length'))
    const { contentType, cacheControl, metadata } = body.length === 0 ? {} : JSON.parse(body.toString())
    const facts = {
      contentType: contentType ?? headers['x-goog-upload-header-content-type'],
      cacheControl,
      metadata,
    }
    const id = randomBytes(24).toString('base64url')
    sessions.set(id, { name, size, facts, data: new Growing(), status: 'active' })
    const at = new URL(`/v0/b/${bucket}/o`, emulator.endpoint)
    at.search = String(new URLSearchParams({ name, upload_id: id, upload_protocol: 'resumable' }))
    return {
      headers: {
        'x-goog-upload-status': 'active',
        'x-goog-upload-url': at.href,
        'x-goog-upload-control-url': at.href,
        'x-goog-upload-chunk-granularity': String(STEP),
      },
    }
  }

  function command(bucket: string, id: string, { headers, body, whole }: Asked): Reply {
    const session = sessions.get(id)
    if (!session) throw new Refused(refusal(404, 'no such upload'))
    const { data, size } = session
    const asked = String(headers['x-goog-upload-command']).split(/,\s*/)
    const status = (headers: Record<string, string> = {}): Reply => ({
      headers: { 'x-goog-upload-status': session.status, ...headers },
    })
    if (asked[0] === 'query') return status({ 'x-goog-upload-size-received': String(data.size) })
    if (session.status !== 'active') throw new Refused(refusal(400, 'the upload is over', session.status))
    if (asked[0] === 'cancel') {
      session.status = 'cancelled'
      return status()
    }
    const offset = Number(headers['x-goog-upload-offset'])
    if (!(offset >= 0 && offset <= data.size))
      throw new Refused(refusal(400, `the offset is ${data.size}`, 'active'))
    const finalize = asked.includes('finalize')
    if (whole && !finalize && body.length % STEP !== 0)
      throw new Refused(refusal(400, `chunks are multiples of ${STEP}`, 'active'))
    const fresh = body.subarray(data.size - offset)
    if (data.size + fresh.length > size) throw new Refused(refusal(400, 'more than was announced', 'active'))
    if (!whole || !finalize) {
      data.add(fresh.subarray(0, Math.floor(fresh.length / STEP) * STEP))
      return status()
    }
    data.add(fresh)
    if (data.size !== size) throw new Refused(refusal(400, 'less than was announced', 'final'))
    session.status = 'final'
    const object = makeObject(bucket, session.name, data.bytes(), session.facts)
    objects.set(session.name, object)
    return json(shown(object), 200, { 'x-goog-upload-status': 'final' })
  }

  function answer(asked: Asked): Reply {
    const { method, url, headers } = asked
    const [, bucket, path] = /^\/v0\/b\/([^/]+)\/o(?:\/([^/]+))?$/.exec(url.pathname) ?? []
    if (bucket === undefined) throw new Refused(refusal(404, 'no such place'))
    const name = path === undefined ? undefined : decodeURIComponent(path)
    const object = name === undefined ? undefined : objects.get(name)
    const open = object !== undefined && url.searchParams.get('token') === tokenOf(object)
    if (!open && !accepted.accepts(headers.authorization, 'Firebase'))
      throw new Refused(refusal(401, 'the token is not accepted'))
    if (name === undefined) {
      const id = url.searchParams.get('upload_id')
      if (method === 'POST') return id === null ? start(bucket, asked) : command(bucket, id, asked)
      const { items, prefixes, nextPageToken } = listObjects(objects, url.searchParams)
      return json({
        prefixes,
        items: items.map(({ resource }) => ({ name: resource.name, bucket })),
        nextPageToken,
      })
    }
    if (!object) throw new Refused(refusal(404, 'not found'))
    if (method === 'DELETE') {
      objects.delete(name)
      return { status: 204 }
    }
    if (url.searchParams.get('alt') !== 'media') return json(shown(object))
    return ranged(object.bytes, headers.range, {
      'content-type': object.resource.contentType,
      etag: `"${object.resource.generation}"`,
    })
  }

  const provider: Provider = {
    callOf: ({ headers, url }) => {
      const asked = String(headers['x-goog-upload-command'] ?? '')
      if (asked === 'start') return 'begin'
      if (!url.searchParams.has('upload_id')) return 'other'
      if (asked === 'query') return 'probe'
      if (asked === 'cancel') return 'discard'
      return asked === 'finalize' ? 'finish' : 'send'
    },
    answer,
    refusal: (status) => refusal(status, 'try again later'),
  }
  const emulator = await listen(provider)
  return Object.assign(emulator, {
    tokens: accepted,
    objects,
    openSessions: () => [...sessions.values()].filter(({ status }) => status === 'active').length,
    expireSessions: () => {
      for (const [id, { status }] of sessions) if (status === 'active') sessions.delete(id)
    },
  })
}

/** What the interface says of an object: the bucket's own words and a token for reading. */
function shown(object: GcsObject) {
  return { ...object.resource, downloadTokens: tokenOf(object) }
}

function tokenOf({ resource }: GcsObject): string {
  return `read-${resource.generation}`
}

function refusal(status: number, message: string, upload?: Session['status']): Reply {
  const headers: Record<string, string> = upload === undefined ? {} : { 'x-goog-upload-status': upload }
  return json({ error: { code: status, message } }, status, headers)
}
