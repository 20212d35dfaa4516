/**
 * A drive of Microsoft Graph with upload sessions: https://learn.microsoft.com/graph/api/driveitem-createuploadsession
 *
 * Fragments come in order, are multiples of 320 KiB but the last and smaller than 60 MiB; of a broken one nothing is
 * kept. The session's URL needs no credentials and takes none.
 */
import { randomUUID } from 'node:crypto'
import { Growing } from './growing.ts'
import { type Asked, type Emulator, json, listen, type Provider, Refused, type Reply } from './listen.ts'
import { ranged } from './ranges.ts'
import { type Tokens, tokens } from './tokens.ts'

const STEP = 320 * 1024
const MAX_FRAGMENT = 60 * 1024 * 1024
const DAY = 86_400_000

interface DriveItem {
  readonly id: string
  readonly path: string
  readonly bytes: Buffer
  readonly version: number
  readonly modified: string
}

interface Session {
  readonly path: string
  readonly conflict: string
  readonly held: Growing
  total: number | undefined
}

export interface OneDriveEmulator extends Emulator {
  readonly tokens: Tokens
  /** By path, with a slash at the beginning. */
  readonly items: ReadonlyMap<string, DriveItem>
  openSessions(): number
  expireSessions(): void
}

export interface OneDriveSettings {
  /** Where the drive is. Default: `me/drive`. */
  readonly drive?: string
  /** The host that the URLs of sessions name: the vendor's client knows https only. Default: the emulator's own. */
  readonly uploads?: string
}

export async function startOneDrive({
  drive = 'me/drive',
  uploads,
}: OneDriveSettings = {}): Promise<OneDriveEmulator> {
  const accepted = tokens()
  const items = new Map<string, DriveItem>()
  const sessions = new Map<string, Session>()
  const folders = new Set(['/'])
  /** By id: the path of the copy, and how often its monitor was asked. */
  const copies = new Map<string, { readonly path: string; readonly bytes: Buffer; asked: number }>()
  let versions = 0

  function look(path: string): DriveItem {
    const item = items.get(path)
    if (item) return item
    throw failure(404, 'itemNotFound')
  }

  function store(path: string, bytes: Buffer, conflict: string): Reply {
    const there = items.get(path)
    if (folders.has(path) || (there && conflict === 'fail')) throw failure(409, 'nameAlreadyExists')
    const id = there?.id ?? randomUUID()
    const item = { id, path, bytes, version: ++versions, modified: new Date().toISOString() }
    items.set(path, item)
    makeFolders(path)
    return json(shown(item), there ? 200 : 201)
  }

  function begin(path: string, { headers, body }: Asked): Reply {
    const { item = {} } = parse(body) as { item?: Record<string, unknown> }
    const match = headers['if-match']
    if (match !== undefined && match !== etagOf(look(path))) throw failure(412, 'preconditionFailed')
    const id = randomUUID()
    const conflict = String(item['@microsoft.graph.conflictBehavior'] ?? 'fail')
    if (conflict === 'fail' && items.has(path)) throw failure(409, 'nameAlreadyExists')
    sessions.set(id, { path, conflict, held: new Growing(), total: undefined })
    return json({ uploadUrl: `${uploads ?? emulator.endpoint}/upload/${id}`, ...status(0) })
  }

  function fragment(id: string, session: Session, { headers, body, whole }: Asked): Reply {
    const [, from, to, all] = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(headers['content-range'] ?? '') ?? []
    const [start, end, total] = [Number(from), Number(to) + 1, Number(all)]
    session.total ??= total
    if (from === undefined || end > total || session.total !== total) throw failure(400, 'invalidRequest')
    if (!whole) return {}
    if (end - start !== body.length || body.length >= MAX_FRAGMENT) throw failure(400, 'invalidRequest')
    if (end < total && body.length % STEP !== 0) throw failure(400, 'invalidRequest')
    if (start !== session.held.size) throw failure(416, 'invalidRange')
    session.held.add(body)
    if (end < total) return json(status(end), 202)
    sessions.delete(id)
    return store(session.path, session.held.bytes(), session.conflict)
  }

  function upload(id: string, asked: Asked): Reply {
    if (asked.headers.authorization !== undefined) throw failure(401, 'unauthenticated')
    const session = sessions.get(id)
    if (!session) throw failure(404, 'itemNotFound')
    if (asked.method === 'GET') return json(status(session.held.size))
    if (asked.method === 'PUT') return fragment(id, session, asked)
    sessions.delete(id)
    return { status: 204 }
  }

  /** The folders of a path are there from then on. */
  function makeFolders(path: string): void {
    for (let at = path.lastIndexOf('/'); at > 0; at = path.lastIndexOf('/', at - 1))
      folders.add(path.slice(0, at))
  }

  function shownFolder(path: string) {
    const name = path.slice(path.lastIndexOf('/') + 1)
    return { id: `folder:${path}`, name, folder: { childCount: 0 }, parentReference: { driveId: 'drive' } }
  }

  /** Where an item goes that is copied or moved, as the request says. */
  function goal(body: Buffer): string {
    const { name, parentReference } = parse(body)
    const { id } = (parentReference ?? {}) as { id?: unknown }
    const folder = String(id).replace(/^folder:/, '')
    if (typeof name !== 'string' || !folders.has(folder)) throw failure(404, 'itemNotFound')
    return `${folder === '/' ? '' : folder}/${name}`
  }

  /** It is made when its monitor is asked for the second time. */
  function copy(path: string, body: Buffer): Reply {
    const id = randomUUID()
    copies.set(id, { path: goal(body), bytes: look(path).bytes, asked: 0 })
    return { status: 202, headers: { location: `${emulator.endpoint}/monitor/${id}` } }
  }

  function monitor(id: string, { headers }: Asked): Reply {
    const job = copies.get(id)
    if (!job || headers.authorization !== undefined) throw failure(job ? 401 : 404, 'itemNotFound')
    if (++job.asked < 2) return json({ status: 'inProgress', percentageComplete: 50 }, 202)
    if (job.asked === 2 && (items.has(job.path) || folders.has(job.path)))
      return json({ status: 'failed', error: { code: 'nameAlreadyExists', message: 'the name is taken' } })
    if (job.asked === 2) store(job.path, job.bytes, 'fail')
    return json({ status: 'completed', percentageComplete: 100 })
  }

  function move(path: string, body: Buffer): Reply {
    const item = look(path)
    const to = goal(body)
    if (to !== path && (items.has(to) || folders.has(to))) throw failure(409, 'nameAlreadyExists')
    items.delete(path)
    items.set(to, { ...item, path: to })
    return json(shown({ ...item, path: to }))
  }

  function makeFolder(path: string, body: Buffer): Reply {
    const { name } = parse(body)
    const made = `${path === '/' ? '' : path}/${String(name)}`
    if (!folders.has(path)) throw failure(404, 'itemNotFound')
    if (folders.has(made) || items.has(made)) throw failure(409, 'nameAlreadyExists')
    folders.add(made)
    return json(shownFolder(made), 201)
  }

  function children(path: string, url: URL): Reply {
    const below = `${path === '/' ? '' : path}/`
    const names = [...items.keys()]
      .filter((key) => key.startsWith(below))
      .map((key) => key.slice(below.length))
    if (names.length === 0 && path !== '/') throw failure(404, 'itemNotFound')
    const entries = [...new Set(names.map((name) => name.split('/')[0] ?? ''))].sort().map((name) => {
      const item = items.get(below + name)
      return item ? shown(item) : { id: name, name, folder: { childCount: 1 } }
    })
    const [skip, top] = [
      Number(url.searchParams.get('$skiptoken') ?? 0),
      Number(url.searchParams.get('$top') ?? 200),
    ]
    const next = new URL(url)
    next.searchParams.set('$skiptoken', String(skip + top))
    const more = skip + top < entries.length ? { '@odata.nextLink': next.href } : {}
    return json({ value: entries.slice(skip, skip + top), ...more })
  }

  function answer(asked: Asked): Reply {
    const { method, url, headers, body, whole } = asked
    const [, session] = /^\/upload\/(.+)$/.exec(url.pathname) ?? []
    if (session !== undefined) return upload(session, asked)
    const [, copying] = /^\/monitor\/(.+)$/.exec(url.pathname) ?? []
    if (copying !== undefined) return monitor(copying, asked)
    const [, content] = /^\/content\/(.+)$/.exec(url.pathname) ?? []
    const given = [...items.values()].find(({ id }) => id === content)
    if (given) return ranged(given.bytes, headers.range, { 'content-type': 'application/octet-stream' })
    if (!accepted.accepts(headers.authorization)) throw failure(401, 'InvalidAuthenticationToken')
    const { at, action = '' } = addressOf(url.pathname)
    const path = decodeURIComponent(at ?? '/')
    switch (`${method} ${action}`) {
      case 'POST createUploadSession':
        return begin(path, asked)
      case 'PUT content':
        return whole
          ? store(path, body, url.searchParams.get('@microsoft.graph.conflictBehavior') ?? 'replace')
          : {}
      case 'GET children':
        return children(path, url)
      case 'POST children':
        return makeFolder(path, body)
      case 'POST copy':
        return copy(path, body)
    }
    if (action !== '') throw failure(400, 'invalidRequest')
    if (method === 'GET') return json(folders.has(path) ? shownFolder(path) : shown(look(path)))
    if (at === undefined) throw failure(400, 'invalidRequest')
    if (method === 'PATCH') return move(path, body)
    if (method !== 'DELETE') throw failure(405, 'invalidRequest')
    if (!folders.has(path)) look(path)
    for (const name of items.keys()) if (`${name}/`.startsWith(`${path}/`)) items.delete(name)
    folders.delete(path)
    return { status: 204 }
  }

  /** `root`, `root/action`, `root:/path`, `root:/path:` or `root:/path:/action`. */
  function addressOf(pathname: string): { at?: string | undefined; action?: string | undefined } {
    const root = `/v1.0/${drive}/root`
    if (!pathname.startsWith(root)) throw failure(400, 'invalidRequest')
    const rest = pathname.slice(root.length)
    if (rest === '') return {}
    const [, action] = /^\/(\w+)$/.exec(rest) ?? []
    if (action !== undefined) return { action }
    const [, at, behind] = /^:(\/[^:]+)(?::(?:\/(\w+))?)?$/.exec(rest) ?? []
    if (at === undefined || at.includes('//')) throw failure(400, 'invalidRequest')
    return { at, action: behind }
  }

  function shown(item: DriveItem) {
    return {
      id: item.id,
      name: item.path.slice(item.path.lastIndexOf('/') + 1),
      size: item.bytes.length,
      eTag: etagOf(item),
      lastModifiedDateTime: item.modified,
      file: { mimeType: 'application/octet-stream', hashes: { quickXorHash: quickXorHash(item.bytes) } },
      '@microsoft.graph.downloadUrl': `${emulator.endpoint}/content/${item.id}`,
    }
  }

  const provider: Provider = {
    callOf: ({ method, url }) => {
      if (url.pathname.endsWith('/createUploadSession')) return 'begin'
      if (!url.pathname.startsWith('/upload/')) return 'other'
      return method === 'PUT' ? 'send' : method === 'DELETE' ? 'discard' : 'probe'
    },
    answer,
    refusal: (status) => failure(status, 'serviceNotAvailable').reply,
  }
  const emulator = await listen(provider)
  return Object.assign(emulator, {
    tokens: accepted,
    items,
    openSessions: () => sessions.size,
    expireSessions: () => sessions.clear(),
  })
}

/** Bit by bit, as its definition goes: the client's has to come to the same by another way. */
export function quickXorHash(bytes: Buffer): string {
  let hash = 0n
  const mask = (1n << 160n) - 1n
  const turned = (value: bigint, bits: bigint) => ((value << bits) | (value >> (160n - bits))) & mask
  const places = Array.from({ length: 160 }, () => 0)
  for (let i = 0; i < bytes.length; i++) places[i % 160] = (places[i % 160] ?? 0) ^ (bytes[i] ?? 0)
  for (const [index, byte] of places.entries()) hash ^= turned(BigInt(byte), BigInt((index * 11) % 160))
  hash ^= BigInt(bytes.length) << 96n
  const out = Buffer.alloc(20)
  for (let i = 0; i < 20; i++) out[i] = Number((hash >> BigInt(i * 8)) & 255n)
  return out.toString('base64')
}

function status(held: number) {
  return {
    expirationDateTime: new Date(Date.now() + DAY).toISOString(),
    nextExpectedRanges: [`${held}-`],
  }
}

function etagOf({ id, version }: DriveItem): string {
  return `"{${id}},${version}"`
}

function failure(status: number, code: string): Refused {
  return new Refused(json({ error: { code, message: code } }, status))
}

function parse(body: Buffer): Record<string, unknown> {
  try {
    return body.length === 0 ? {} : JSON.parse(body.toString())
  } catch {
    throw failure(400, 'invalidRequest')
  }
}
