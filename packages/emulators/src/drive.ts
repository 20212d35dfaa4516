/**
 * Google Drive, version 3 of its interface: https://developers.google.com/drive/api/reference/rest/v3
 * Names are not unique, as in Drive: who does not look first makes duplicates.
 */
import { createHash, randomBytes } from 'node:crypto'
import { parseQuery } from './drive-query.ts'
import { googleSessions } from './google-sessions.ts'
import { type Asked, type Emulator, json, listen, type Provider, Refused, type Reply } from './listen.ts'
import { ranged } from './ranges.ts'
import { type Tokens, tokens } from './tokens.ts'

/** The largest file: 5 TB. */
const MAX_SIZE = 5 * 1000 ** 4
/** The folder that `root` stands for. */
const ROOT = 'root-folder'
const FOLDER = 'application/vnd.google-apps.folder'

export interface DriveFile {
  readonly id: string
  name: string
  mimeType: string
  parents: string[]
  trashed: boolean
  properties: Record<string, string>
  bytes: Buffer
  revision: number
  createdTime: string
  modifiedTime: string
}

export interface DriveEmulator extends Emulator {
  readonly tokens: Tokens
  /** By id. */
  readonly files: Map<string, DriveFile>
  named(name: string): DriveFile[]
  openSessions(): number
  expireSessions(): void
}

interface Changes {
  readonly id?: string
  readonly name?: string
  readonly mimeType?: string
  readonly parents?: string[]
  readonly trashed?: boolean
  readonly modifiedTime?: string
  /** null takes one away. */
  readonly properties?: Record<string, string | null>
}

export async function startDrive(): Promise<DriveEmulator> {
  const accepted = tokens()
  const files = new Map<string, DriveFile>()
  const sessions = googleSessions<{ readonly id: string | undefined; readonly changes: Changes }>(
    ({ id, changes }, bytes) => {
      const file = id === undefined ? create(changes) : find(id)
      if (id !== undefined) change(file, changes)
      file.bytes = bytes
      file.revision++
      return json(shown(file))
    },
  )

  function find(id: string): DriveFile {
    const file = files.get(id === 'root' ? ROOT : id)
    if (!file) throw new Refused(driveError(404, 'notFound'))
    return file
  }

  function create(changes: Changes): DriveFile {
    const now = new Date().toISOString()
    const file: DriveFile = {
      id: changes.id ?? randomBytes(16).toString('base64url'),
      name: 'Untitled',
      mimeType: 'application/octet-stream',
      parents: [ROOT],
      trashed: false,
      properties: {},
      bytes: Buffer.alloc(0),
      revision: 0,
      createdTime: now,
      modifiedTime: now,
    }
    change(file, { ...changes, parents: (changes.parents ?? ['root']).map((id) => find(id).id) })
    files.set(file.id, file)
    return file
  }

  function change(file: DriveFile, { properties = {}, ...changes }: Changes): void {
    Object.assign(file, { modifiedTime: new Date().toISOString(), ...changes, id: file.id })
    for (const [name, value] of Object.entries(properties)) {
      if (value === null) delete file.properties[name]
      else file.properties[name] = value
    }
  }

  function upload(id: string | undefined, asked: Asked): Reply {
    const { method, url, headers, body } = asked
    const session = url.searchParams.get('upload_id')
    if (session !== null) return method === 'DELETE' ? sessions.cancel(session) : sessions.put(session, asked)
    authorize(asked)
    if (url.searchParams.get('uploadType') !== 'resumable') throw new Refused(driveError(400, 'invalid'))
    const announced = headers['x-upload-content-length']
    const size = announced === undefined ? undefined : Number(announced)
    if (size !== undefined && size > MAX_SIZE) throw new Refused(driveError(400, 'uploadTooLarge'))
    const changes: Changes = parse(body)
    if (id !== undefined) find(id)
    for (const parent of changes.parents ?? []) find(parent)
    const opened = sessions.open(
      { id, changes: { mimeType: String(headers['x-upload-content-type'] ?? ''), ...changes } },
      size,
    )
    const location = new URL(url.pathname, emulator.endpoint)
    location.search = String(new URLSearchParams({ uploadType: 'resumable', upload_id: opened }))
    return { headers: { location: location.href } }
  }

  function search(query: URLSearchParams): Reply {
    let test: ReturnType<typeof parseQuery>
    try {
      test = parseQuery(query.get('q') ?? 'trashed = false', ROOT)
    } catch {
      throw new Refused(driveError(400, 'invalid'))
    }
    const found = [...files.values()].filter((file) => file.id !== ROOT && test(file))
    if (query.get('orderBy') === 'modifiedTime desc')
      found.sort((a, b) => b.modifiedTime.localeCompare(a.modifiedTime))
    const from = Number(query.get('pageToken') ?? 0)
    const to = from + Math.min(Number(query.get('pageSize') ?? 100), 1000)
    return json({
      files: found.slice(from, to).map(shown),
      ...(to < found.length ? { nextPageToken: String(to) } : {}),
    })
  }

  function one(id: string, action: string | undefined, asked: Asked): Reply {
    const { method, url, headers, body } = asked
    const file = find(id)
    if (method === 'POST' && action === 'copy') {
      const { name, mimeType, parents, properties, bytes } = file
      const made = create({ name, mimeType, parents, properties, ...parse(body) })
      made.bytes = bytes
      return json(shown(made))
    }
    if (method === 'PATCH') change(file, parse(body))
    if (method === 'DELETE') {
      files.delete(file.id)
      return { status: 204 }
    }
    if (url.searchParams.get('alt') !== 'media') return json(shown(file))
    return ranged(file.bytes, headers.range, { 'content-type': file.mimeType })
  }

  function authorize({ headers }: Asked): void {
    if (!accepted.accepts(headers.authorization)) throw new Refused(driveError(401, 'authError'))
  }

  const provider: Provider = {
    callOf: ({ method, url, headers }) => {
      if (!url.pathname.startsWith('/upload/')) return 'other'
      if (!url.searchParams.has('upload_id')) return 'begin'
      if (method === 'DELETE') return 'discard'
      return headers['content-range']?.startsWith('bytes */') ? 'probe' : 'send'
    },
    answer: (asked) => {
      const [, isUpload, id, action] =
        /^(?:(\/upload)?\/drive\/v3\/files)(?:\/([^/]+)(?:\/(copy))?)?$/.exec(
          asked.url.pathname.replace('/resumable', ''),
        ) ?? []
      if (!asked.url.pathname.includes('/drive/v3/files')) throw new Refused(driveError(404, 'notFound'))
      if (isUpload !== undefined) return upload(id, asked)
      authorize(asked)
      if (id !== undefined) return one(id, action, asked)
      return asked.method === 'POST' ? json(shown(create(parse(asked.body)))) : search(asked.url.searchParams)
    },
    refusal: (status) => driveError(status, status === 429 ? 'userRateLimitExceeded' : 'backendError'),
  }
  const emulator = await listen(provider)
  files.set(ROOT, {
    id: ROOT,
    name: 'My Drive',
    mimeType: FOLDER,
    parents: [],
    trashed: false,
    properties: {},
    bytes: Buffer.alloc(0),
    revision: 0,
    createdTime: new Date().toISOString(),
    modifiedTime: new Date().toISOString(),
  })
  return Object.assign(emulator, {
    tokens: accepted,
    files,
    named: (name: string) => [...files.values()].filter((file) => file.name === name && !file.trashed),
    openSessions: () => sessions.unfinished,
    expireSessions: sessions.expire,
  })
}

function shown({ bytes, revision, ...file }: DriveFile) {
  const hash = (name: string) => createHash(name).update(bytes).digest('hex')
  const content =
    file.mimeType === FOLDER
      ? {}
      : {
          size: String(bytes.length),
          md5Checksum: hash('md5'),
          sha256Checksum: hash('sha256'),
          headRevisionId: `${file.id}-${revision}`,
        }
  return { kind: 'drive#file', ...file, ...content }
}

function parse(body: Buffer) {
  try {
    return body.length === 0 ? {} : JSON.parse(body.toString())
  } catch {
    throw new Refused(driveError(400, 'parseError'))
  }
}

/** https://developers.google.com/drive/api/guides/handle-errors */
function driveError(status: number, reason: string): Reply {
  return json({ error: { code: status, message: reason, errors: [{ reason, message: reason }] } }, status)
}
