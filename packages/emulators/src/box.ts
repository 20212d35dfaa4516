/**
 * Box, version 2.0 of its interface: folders, files and upload sessions.
 * https://developer.box.com/guides/uploads/chunked/
 *
 * Guessed towards caution, because no document says: which status goes with which code of a refused part; of a
 * part that broke off nothing is kept; names are compared without their case.
 *
 * Long, because folders, files and sessions share their names and answer with one another's errors.
 */
import { createHash, randomBytes } from 'node:crypto'
import { formParts } from './form.ts'
import { type Asked, type Emulator, json, listen, type Provider, Refused, type Reply } from './listen.ts'
import { ranged } from './ranges.ts'
import { type Tokens, tokens } from './tokens.ts'

const MAX_DIRECT = 50_000_000
const DAY = 86_400_000
const ROOT = '0'

interface Folder {
  readonly id: string
  readonly name: string
  readonly parent: string
}

export interface BoxFile extends Folder {
  readonly bytes: Buffer
  /** Counts its changes. */
  readonly etag: number
  readonly modified: string
}

interface Part {
  readonly part_id: string
  readonly offset: number
  readonly size: number
  readonly sha1: string
  readonly bytes: Buffer
}

interface Session {
  readonly size: number
  readonly name: string
  readonly parent: string
  /** The file that gets a new version; undefined: a new file. */
  readonly file: string | undefined
  /** By offset. */
  readonly parts: Map<number, Part>
}

export interface BoxSettings {
  /** What every part but the last has to have. Box decides; the test too. */
  readonly partSize?: number
  /** Smaller files are refused a session. */
  readonly minSession?: number
}

export interface BoxEmulator extends Emulator {
  readonly tokens: Tokens
  /** The file under a path, such as `a/b.txt`. */
  file(path: string): BoxFile | undefined
  openSessions(): number
  expireSessions(): void
  /** What the next commits are answered before one is carried out. */
  readonly unready: ('accepted' | 'parts_mismatch')[]
}

export async function startBox({
  partSize = 8 * 1024 * 1024,
  minSession = 20_000_000,
}: BoxSettings = {}): Promise<BoxEmulator> {
  const accepted = tokens()
  const folders = new Map<string, Folder>()
  const files = new Map<string, BoxFile>()
  const sessions = new Map<string, Session>()
  const unready: ('accepted' | 'parts_mismatch')[] = []
  let ids = 1000

  const within = <Item extends Folder>(items: ReadonlyMap<string, Item>, parent: string, name: string) =>
    [...items.values()].find(
      (item) => item.parent === parent && item.name.toLowerCase() === name.toLowerCase(),
    )

  /** Names are unique among files and folders together. */
  function free(parent: string, name: string, but?: string): void {
    if (parent !== ROOT && !folders.has(parent)) throw failure(404, 'invalid_parameter')
    if (!/^(?!\.{1,2}$)(?! )[^/\\\p{Cc}]{1,255}(?<! )$/u.test(name)) throw failure(400, 'item_name_invalid')
    const folder = within(folders, parent, name)
    if (folder) throw failure(409, 'item_name_in_use', { conflicts: [shownFolder(folder)] })
    const file = within(files, parent, name)
    // Of files it is one, of folders a list.
    if (file && file.id !== but) throw failure(409, 'item_name_in_use', { conflicts: shown(file) })
  }

  function look(id: string): BoxFile {
    const file = files.get(id)
    if (file) return file
    throw failure(404, 'not_found')
  }

  function keep(file: Pick<BoxFile, 'id' | 'name' | 'parent' | 'bytes'>): Reply {
    const etag = (files.get(file.id)?.etag ?? -1) + 1
    const made = { ...file, etag, modified: new Date().toISOString() }
    files.set(file.id, made)
    return json({ total_count: 1, entries: [shown(made)] }, 201)
  }

  function matching(file: BoxFile, { headers }: Asked): void {
    const match = headers['if-match']
    if (match !== undefined && match !== String(file.etag)) throw failure(412, 'precondition_failed')
  }

  /** A file in one request: its attributes first, then its content. */
  function direct(id: string | undefined, asked: Asked): Reply {
    const [attributes, content] = formParts(asked.headers, asked.body, asked.whole) ?? []
    if (!asked.whole) return {}
    if (attributes?.name !== 'attributes') throw failure(400, 'metadata_after_file_contents')
    if (content?.filename === undefined) throw failure(400, 'bad_request')
    const { name, parent } = parse(attributes.bytes)
    const { bytes } = content
    if (bytes.length > MAX_DIRECT) throw failure(413, 'file_size_limit_exceeded')
    const md5 = asked.headers['content-md5']
    if (md5 !== undefined && md5 !== sha1(bytes)) throw failure(400, 'bad_digest')
    if (id === undefined) {
      const folder = String(fields(parent).id)
      free(folder, String(name))
      return keep({ id: String(++ids), name: String(name), parent: folder, bytes: Buffer.from(bytes) })
    }
    const file = look(id)
    matching(file, asked)
    return keep({ ...file, bytes: Buffer.from(bytes) })
  }

  function begin(file: BoxFile | undefined, body: Buffer): Reply {
    const { folder_id, file_name = file?.name, file_size } = parse(body)
    const [parent, name, size] = [file?.parent ?? String(folder_id), String(file_name), Number(file_size)]
    if (!Number.isSafeInteger(size)) throw failure(400, 'invalid_file_size')
    if (size < minSession) throw failure(400, 'file_size_too_small')
    free(parent, name, file?.id)
    const id = randomBytes(16).toString('hex').toUpperCase()
    sessions.set(id, { size, name, parent, file: file?.id, parts: new Map() })
    return json(shownSession(id), 201)
  }

  function shownSession(id: string) {
    const { size, parts } = session(id)
    const url = `${emulator.endpoint}/api/2.0/files/upload_sessions/${id}`
    return {
      id,
      type: 'upload_session',
      part_size: partSize,
      total_parts: Math.ceil(size / partSize),
      num_parts_processed: parts.size,
      session_expires_at: new Date(Date.now() + 7 * DAY).toISOString(),
      session_endpoints: {
        upload_part: url,
        commit: `${url}/commit`,
        abort: url,
        list_parts: `${url}/parts`,
        status: url,
        log_event: `${url}/log`,
      },
    }
  }

  function session(id: string): Session {
    const found = sessions.get(id)
    if (found) return found
    throw failure(404, 'not_found')
  }

  function part({ size, parts }: Session, { headers, body, whole }: Asked): Reply {
    const [, from, to, all] = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(headers['content-range'] ?? '') ?? []
    const [offset, end, total] = [Number(from), Number(to) + 1, Number(all)]
    const fits = offset % partSize === 0 && end === Math.min(offset + partSize, size) && total === size
    if (from === undefined || !fits) throw failure(416, 'invalid_part_range')
    if (!whole) return {}
    if (body.length !== end - offset) throw failure(400, 'request_size_mismatch')
    if (headers.digest !== `sha=${base64(sha1(body))}`) throw failure(400, 'digest_mismatch')
    if (parts.has(offset)) throw failure(409, 'range_overlaps_existing_part')
    const part_id = randomBytes(4).toString('hex').toUpperCase()
    const made = { part_id, offset, size: body.length, sha1: sha1(body), bytes: Buffer.from(body) }
    parts.set(offset, made)
    return json({ part: shownPart(made) })
  }

  function listed({ parts }: Session, { searchParams }: URL): Reply {
    const [offset, limit] = [
      Number(searchParams.get('offset') ?? 0),
      Number(searchParams.get('limit') ?? 1000),
    ]
    if (offset > 10_000 || limit > 1000) throw failure(400, 'bad_request')
    // In the order they came in: nobody promised another.
    const entries = [...parts.values()].slice(offset, offset + limit).map(shownPart)
    return json({ entries, offset, limit, total_count: parts.size })
  }

  function commit(id: string, asked: Asked): Reply {
    const { name, parent, file, parts, size } = session(id)
    const { parts: named } = parse(asked.body)
    const held = [...parts.values()].sort((a, b) => a.offset - b.offset)
    const notYet = unready.shift()
    if (notYet === 'accepted') return { status: 202, headers: { 'retry-after': '1' } }
    const same =
      Array.isArray(named) &&
      named.length === held.length &&
      named.every((part, index) => fields(part).part_id === held[index]?.part_id)
    const bytes = Buffer.concat(held.map((part) => part.bytes))
    if (notYet || !same || bytes.length !== size) throw failure(400, 'parts_mismatch')
    if (asked.headers.digest !== `sha=${base64(sha1(bytes))}`) throw failure(400, 'digest_mismatch')
    const existing = file === undefined ? undefined : look(file)
    if (existing) matching(existing, asked)
    free(parent, name, file)
    sessions.delete(id)
    return keep({ id: file ?? String(++ids), name, parent, bytes })
  }

  function upload(path: string, asked: Asked): Reply {
    const { method, body, url } = asked
    const [, id = '', rest = ''] = /^\/files\/upload_sessions\/(\w+)(\/.+)?$/.exec(path) ?? []
    if (id !== '') {
      switch (`${method} ${rest}`) {
        case 'PUT ':
          return part(session(id), asked)
        case 'GET ':
          return json(shownSession(id))
        case 'GET /parts':
          return listed(session(id), url)
        case 'POST /commit':
          return commit(id, asked)
        case 'DELETE ':
          session(id)
          sessions.delete(id)
          return { status: 204 }
      }
      throw failure(405, 'method_not_allowed')
    }
    const [, file, what] = /^\/files(?:\/(\d+))?\/(content|upload_sessions)$/.exec(path) ?? []
    if (what === undefined || method !== 'POST') throw failure(404, 'not_found')
    if (what === 'content') return direct(file, asked)
    return begin(file === undefined ? undefined : look(file), body)
  }

  function items(id: string, { searchParams }: URL): Reply {
    if (id !== ROOT && !folders.has(id)) throw failure(404, 'not_found')
    const all = [
      ...[...folders.values()].filter(({ parent }) => parent === id).map(shownFolder),
      ...[...files.values()].filter(({ parent }) => parent === id).map(shown),
    ]
    const [from, limit] = [Number(searchParams.get('marker') ?? 0), Number(searchParams.get('limit') ?? 100)]
    if (limit > 1000) throw failure(400, 'bad_request')
    const next = from + limit < all.length ? { next_marker: String(from + limit) } : {}
    return json({ entries: all.slice(from, from + limit), limit, ...next })
  }

  function rest(path: string, asked: Asked): Reply {
    const { method, url, body } = asked
    const [, kind, id = '', action = ''] = /^\/(files|folders)(?:\/(\w+))?(?:\/(\w+))?$/.exec(path) ?? []
    switch (`${method} ${kind} ${action}`) {
      // `/files/content`: whether a file would be taken.
      case 'OPTIONS files ': {
        const { name, parent } = parse(body)
        free(String(fields(parent).id), String(name))
        return json({ upload_url: `${emulator.endpoint}/api/2.0/files/content`, upload_token: null })
      }
      case 'GET folders items':
        return items(id, url)
      case 'POST folders ': {
        const { name, parent } = parse(body)
        const folder = { id: String(++ids), name: String(name), parent: String(fields(parent).id) }
        free(folder.parent, folder.name)
        folders.set(folder.id, folder)
        return json(shownFolder(folder), 201)
      }
      case 'GET files ':
        return json(shown(look(id)))
      case 'DELETE files ':
        files.delete(look(id).id)
        return { status: 204 }
      case 'GET files content':
        return { status: 302, headers: { location: `${emulator.endpoint}/download/${look(id).id}` } }
      case 'POST files copy': {
        const { name, parent } = parse(body)
        const { bytes, name: old } = look(id)
        const copy = {
          id: String(++ids),
          name: String(name ?? old),
          parent: String(fields(parent).id),
          bytes,
        }
        free(copy.parent, copy.name)
        keep(copy)
        return json(shown(look(copy.id)), 201)
      }
      case 'PUT files ': {
        const { name, parent } = parse(body)
        const file = look(id)
        const to = { name: String(name ?? file.name), parent: String(fields(parent).id ?? file.parent) }
        free(to.parent, to.name, id)
        files.set(id, { ...file, ...to, etag: file.etag + 1 })
        return json(shown(look(id)))
      }
    }
    throw failure(405, 'method_not_allowed')
  }

  function answer(asked: Asked): Reply {
    const { url, headers } = asked
    const [, given] = /^\/download\/(\d+)$/.exec(url.pathname) ?? []
    // Its URL is the permission.
    if (given !== undefined)
      return ranged(look(given).bytes, headers.range, { 'content-type': 'application/octet-stream' })
    if (!accepted.accepts(headers.authorization)) throw failure(401, 'unauthorized')
    const [, api, path = ''] = /^(\/api)?\/2\.0(\/.+)$/.exec(url.pathname) ?? []
    return api === undefined ? rest(path, asked) : upload(path, asked)
  }

  const provider: Provider = {
    callOf: ({ method, url: { pathname } }) => {
      if (pathname.endsWith('/upload_sessions')) return 'begin'
      if (pathname.startsWith('/api/') && pathname.endsWith('/content')) return 'send'
      if (!pathname.includes('/upload_sessions/')) return 'other'
      if (pathname.endsWith('/commit')) return 'finish'
      return method === 'PUT' ? 'send' : method === 'DELETE' ? 'discard' : 'probe'
    },
    answer,
    refusal: (status) => failure(status, status === 429 ? 'rate_limit_exceeded' : 'unavailable').reply,
  }
  const emulator = await listen(provider)
  return Object.assign(emulator, {
    tokens: accepted,
    unready,
    file: (path: string) => {
      const segments = path.split('/')
      const name = segments.pop() ?? ''
      let parent: string | undefined = ROOT
      for (const segment of segments)
        parent = parent === undefined ? undefined : within(folders, parent, segment)?.id
      return parent === undefined ? undefined : within(files, parent, name)
    },
    openSessions: () => sessions.size,
    expireSessions: () => sessions.clear(),
  })
}

function shown({ id, name, parent, bytes, etag, modified }: BoxFile) {
  return {
    type: 'file',
    id,
    etag: String(etag),
    name,
    size: bytes.length,
    sha1: sha1(bytes),
    modified_at: modified,
    content_modified_at: modified,
    parent: { type: 'folder', id: parent },
  }
}

function shownFolder({ id, name }: Folder) {
  return { type: 'folder', id, etag: '0', name }
}

function shownPart({ bytes: _, ...part }: Part) {
  return part
}

function sha1(bytes: Buffer): string {
  return createHash('sha1').update(bytes).digest('hex')
}

function base64(hex: string): string {
  return Buffer.from(hex, 'hex').toString('base64')
}

function failure(status: number, code: string, context_info?: object): Refused {
  return new Refused(json({ type: 'error', status, code, message: code, context_info }, status))
}

function fields(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}

function parse(body: Buffer): Readonly<Record<string, unknown>> {
  try {
    return fields(JSON.parse(body.toString()))
  } catch {
    throw failure(400, 'bad_request')
  }
}
