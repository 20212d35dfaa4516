/**
 * Dropbox, version 2 of its interface, with sequential and concurrent upload sessions:
 * https://github.com/dropbox/dropbox-api-spec/blob/main/files.stone
 * Paths are one person's whole Dropbox; folders are whatever stands before a slash.
 */
import { createHash, randomBytes } from 'node:crypto'
import { type Asked, type Emulator, json, listen, type Provider, Refused, type Reply } from './listen.ts'
import { ranged } from './ranges.ts'
import { type Tokens, tokens } from './tokens.ts'

const BLOCK = 4 * 1024 * 1024
const MAX_REQUEST = 150 * 1024 * 1024
const MAX_SIZE = 2 ** 41 - 2 ** 22

export interface DropboxFile {
  readonly id: string
  /** As it was written; the map's key is in lower case. */
  readonly path: string
  readonly bytes: Buffer
  readonly rev: string
  readonly modified: string
}

export interface DropboxEmulator extends Emulator {
  readonly tokens: Tokens
  /** By path in lower case. */
  readonly files: Map<string, DropboxFile>
  /** Sessions that still take bytes. There is no way to give one up but to close it. */
  openSessions(): number
  expireSessions(): void
}

interface Session {
  readonly concurrent: boolean
  /** By offset. */
  readonly pieces: Map<number, Buffer>
  /** Bytes of a sequential session, or of all pieces of a concurrent one. */
  size: number
  closed: boolean
  finished: boolean
}

interface Args {
  readonly [name: string]: unknown
}

export async function startDropbox(): Promise<DropboxEmulator> {
  const accepted = tokens()
  const files = new Map<string, DropboxFile>()
  const sessions = new Map<string, Session>()

  function find(id: unknown, wrap: (error: object) => object): Session {
    const session = sessions.get(String(id))
    if (session && !session.finished) return session
    throw apiError(wrap({ '.tag': session ? 'closed' : 'not_found' }))
  }

  function start(args: Args, body: Buffer): Reply {
    const concurrent = tagOf(args.session_type) === 'concurrent'
    checkContent(args, body)
    if (concurrent && body.length > 0) throw apiError({ '.tag': 'concurrent_session_data_not_allowed' })
    if (concurrent && args.close === true) throw apiError({ '.tag': 'concurrent_session_close_not_allowed' })
    const id = `pid_upload_session:${randomBytes(16).toString('base64url')}`
    const pieces = new Map(body.length > 0 ? [[0, Buffer.from(body)]] : [])
    const closed = args.close === true
    sessions.set(id, { concurrent, pieces, size: body.length, closed, finished: false })
    return json({ session_id: id })
  }

  function add(
    session: Session,
    offset: number,
    body: Buffer,
    close: boolean,
    wrap: (error: object) => object,
  ): void {
    if (session.concurrent) {
      if (session.closed && !session.pieces.has(offset)) throw apiError(wrap({ '.tag': 'closed' }))
      if (offset % BLOCK !== 0) throw apiError(wrap({ '.tag': 'concurrent_session_invalid_offset' }))
      if (body.length % BLOCK !== 0 && !close)
        throw apiError(wrap({ '.tag': 'concurrent_session_invalid_data_size' }))
      session.size += body.length - (session.pieces.get(offset)?.length ?? 0)
      session.pieces.set(offset, Buffer.from(body))
    } else {
      if (session.closed && body.length > 0) throw apiError(wrap({ '.tag': 'closed' }))
      if (offset !== session.size)
        throw apiError(wrap({ '.tag': 'incorrect_offset', correct_offset: session.size }))
      if (session.size + body.length > MAX_SIZE) throw apiError(wrap({ '.tag': 'too_large' }))
      if (body.length > 0) session.pieces.set(offset, Buffer.from(body))
      session.size += body.length
    }
    if (close) session.closed = true
  }

  function append(args: Args, body: Buffer): Reply {
    const { session_id, offset } = fields(args.cursor)
    const plain = (error: object) => error
    const session = find(session_id, plain)
    checkContent(args, body)
    add(session, Number(offset), body, args.close === true, plain)
    return json(null)
  }

  function finish(args: Args, body: Buffer): Reply {
    const { session_id, offset } = fields(args.cursor)
    const lookup = (error: object) => ({ '.tag': 'lookup_failed', lookup_failed: error })
    const session = find(session_id, lookup)
    checkContent(args, body)
    if (session.concurrent) {
      if (body.length > 0) throw apiError({ '.tag': 'concurrent_session_data_not_allowed' })
      if (!session.closed) throw apiError({ '.tag': 'concurrent_session_not_closed' })
      if (Number(offset) !== session.size) throw apiError({ '.tag': 'concurrent_session_missing_data' })
    } else add(session, Number(offset), body, false, lookup)
    const bytes = Buffer.concat([...session.pieces].sort(([a], [b]) => a - b).map(([, piece]) => piece))
    const made = put(fields(args.commit), bytes)
    session.finished = true
    session.pieces.clear()
    return json(made)
  }

  function put(commit: Args, bytes: Buffer) {
    const path = checkPath(commit.path, (reason) => ({ '.tag': 'path', reason }))
    const existing = files.get(path.toLowerCase())
    const mode = tagOf(commit.mode)
    const fits = mode === 'overwrite' || (mode === 'update' && existing?.rev === fields(commit.mode).update)
    const conflict = isFolder(path) ? 'folder' : existing && !fits ? 'file' : undefined
    if (conflict)
      throw apiError({ '.tag': 'path', reason: { '.tag': 'conflict', conflict: { '.tag': conflict } } })
    return shown(store(path, bytes))
  }

  function store(path: string, bytes: Buffer): DropboxFile {
    const file: DropboxFile = {
      id: `id:${randomBytes(12).toString('base64url')}`,
      path,
      bytes,
      rev: randomBytes(8).toString('hex'),
      modified: `${new Date().toISOString().slice(0, 19)}Z`,
    }
    files.set(path.toLowerCase(), file)
    return file
  }

  function look(path: unknown, tag: string): DropboxFile {
    const file = files.get(checkPath(path, (reason) => ({ '.tag': tag, [tag]: reason })).toLowerCase())
    if (file) return file
    throw apiError({ '.tag': tag, [tag]: { '.tag': 'not_found' } })
  }

  const below = (path: unknown) => `${String(path).toLowerCase()}/`
  const isFolder = (path: unknown) => [...files.keys()].some((name) => name.startsWith(below(path)))

  function relocate(args: Args, keep: boolean): Reply {
    const from = look(args.from_path, 'from_lookup')
    const to = checkPath(args.to_path, (to) => ({ '.tag': 'to', to }))
    const conflict = isFolder(to) ? 'folder' : files.has(to.toLowerCase()) ? 'file' : undefined
    if (conflict) throw apiError({ '.tag': 'to', to: { '.tag': 'conflict', conflict: { '.tag': conflict } } })
    if (!keep) files.delete(from.path.toLowerCase())
    return json({ metadata: shown(store(to, from.bytes)) })
  }

  /** A page is as long as asked; the cursor says where it ended. */
  function list(path: string, from: number, limit: number): Reply {
    const below = `${path.toLowerCase()}/`
    const found = [...files.values()].filter((file) => file.path.toLowerCase().startsWith(below))
    if (found.length === 0 && path !== '') throw apiError({ '.tag': 'path', path: { '.tag': 'not_found' } })
    const page = found.slice(from, from + limit)
    const cursor = JSON.stringify([path, from + limit, limit])
    return json({ entries: page.map(shown), cursor, has_more: from + limit < found.length })
  }

  function rpc(name: string, args: Args): Reply {
    switch (name) {
      case 'get_metadata':
        return json(isFolder(args.path) ? { '.tag': 'folder' } : shown(look(args.path, 'path')))
      case 'delete_v2': {
        if (isFolder(args.path)) {
          for (const path of files.keys()) if (path.startsWith(below(args.path))) files.delete(path)
          return json({ metadata: { '.tag': 'folder' } })
        }
        const file = look(args.path, 'path_lookup')
        files.delete(file.path.toLowerCase())
        return json({ metadata: shown(file) })
      }
      case 'copy_v2':
        return relocate(args, true)
      case 'move_v2':
        return relocate(args, false)
      case 'list_folder':
        return list(String(args.path), 0, Number(args.limit ?? 2000))
      case 'list_folder/continue': {
        const [path, from, limit] = JSON.parse(String(args.cursor))
        return list(path, from, limit)
      }
      case 'get_temporary_link': {
        const file = look(args.path, 'path')
        return json({ metadata: shown(file), link: `${emulator.endpoint}/link/${file.rev}` })
      }
    }
    throw new Refused({ status: 404, body: `no such function: ${name}` })
  }

  function answer({ url, headers, body, whole }: Asked): Reply {
    const [, rev] = /^\/link\/(.+)$/.exec(url.pathname) ?? []
    const linked = [...files.values()].find((file) => file.rev === rev)
    if (linked) return ranged(linked.bytes, headers.range, {})
    if (!accepted.accepts(headers.authorization))
      throw new Refused(
        json({ error_summary: 'expired_access_token/', error: { '.tag': 'expired_access_token' } }, 401),
      )
    const name = url.pathname.replace('/2/files/', '')
    const header = headers['dropbox-api-arg']
    if (header === undefined) return rpc(name, parse(body.toString()))
    const args = parse(String(header))
    // A request that broke off leaves nothing.
    if (!whole) return {}
    switch (name) {
      case 'upload_session/start':
        return start(args, body)
      case 'upload_session/append_v2':
        return append(args, body)
      case 'upload_session/finish':
        return finish(args, body)
      case 'upload':
        checkContent(args, body)
        return json(put(args, body))
      case 'download': {
        const file = look(args.path, 'path')
        return ranged(file.bytes, headers.range, {
          'content-type': 'application/octet-stream',
          'dropbox-api-result': asciiJson(shown(file)),
        })
      }
    }
    throw new Refused({ status: 404, body: `no such function: ${name}` })
  }

  const provider: Provider = {
    callOf: ({ url, headers }) => {
      const [, name] = /^\/2\/files\/upload_session\/(.+)$/.exec(url.pathname) ?? []
      const empty = headers['content-length'] === '0'
      if (name === 'start') return 'begin'
      if (name === 'finish') return empty ? 'finish' : 'send'
      if (name !== 'append_v2') return 'other'
      if (!empty) return 'send'
      return String(headers['dropbox-api-arg']).includes('"close":true') ? 'discard' : 'probe'
    },
    answer,
    refusal: (status) =>
      json({ error_summary: 'refused/', error: { reason: { '.tag': 'too_many_requests' } } }, status),
  }
  const emulator = await listen(provider)
  return Object.assign(emulator, {
    tokens: accepted,
    files,
    openSessions: () => [...sessions.values()].filter(({ closed, finished }) => !closed && !finished).length,
    expireSessions: () => {
      for (const [id, { finished }] of sessions) if (!finished) sessions.delete(id)
    },
  })
}

function shown({ id, path, bytes, rev, modified }: DropboxFile) {
  return {
    '.tag': 'file',
    id,
    name: path.slice(path.lastIndexOf('/') + 1),
    path_lower: path.toLowerCase(),
    path_display: path,
    client_modified: modified,
    server_modified: modified,
    rev,
    size: bytes.length,
    is_downloadable: true,
    content_hash: contentHash(bytes),
  }
}

/** https://www.dropbox.com/developers/reference/content-hash */
export function contentHash(bytes: Buffer): string {
  const whole = createHash('sha256')
  for (let at = 0; at < bytes.length; at += BLOCK)
    whole.update(
      createHash('sha256')
        .update(bytes.subarray(at, at + BLOCK))
        .digest(),
    )
  return whole.digest('hex')
}

function checkContent(args: Args, body: Buffer): void {
  if (body.length > MAX_REQUEST) throw apiError({ '.tag': 'payload_too_large' })
  if (args.content_hash !== undefined && args.content_hash !== contentHash(body))
    throw apiError({ '.tag': 'content_hash_mismatch' })
}

function checkPath(path: unknown, wrap: (error: object) => object): string {
  if (typeof path === 'string' && /^(?:\/[^/]{1,255})+$/.test(path)) return path
  throw apiError(wrap({ '.tag': 'malformed_path' }))
}

/** Errors of a function are answered with 409; the summary is the tags from the outside in. */
function apiError(error: object): Refused {
  const tags: string[] = []
  for (let at: unknown = error; at !== undefined; ) {
    const tag = tagOf(at)
    if (tag === undefined) break
    tags.push(tag)
    at = fields(at)[tag] ?? fields(at).reason
  }
  return new Refused(json({ error_summary: `${tags.join('/')}/..`, error }, 409))
}

function tagOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value
  const tag = fields(value)['.tag']
  return typeof tag === 'string' ? tag : undefined
}

function fields(value: unknown): Args {
  return typeof value === 'object' && value !== null ? (value as Args) : {}
}

function parse(text: string): Args {
  try {
    return fields(JSON.parse(text))
  } catch {
    throw new Refused({ status: 400, body: 'could not decode the arguments' })
  }
}

function asciiJson(value: object): string {
  return JSON.stringify(value).replace(
    /[\u007f-\uffff]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
