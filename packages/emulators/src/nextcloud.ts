/**
 * Nextcloud's files over WebDAV, and its chunked uploads, version 2, as with an object storage behind them.
 * https://docs.nextcloud.com/server/latest/developer_manual/client_apis/WebDAV/chunking.html
 *
 * Stricter than Nextcloud: a request of an upload without `Destination` is refused, where Nextcloud falls back to
 * version 1. Guessed, because no document says: 500 for a chunk that the storage finds too small at the end; of a
 * chunk that broke off nothing is kept.
 */
import { createHash } from 'node:crypto'
import { type Asked, type Call, type Emulator, listen, type Provider, Refused, type Reply } from './listen.ts'
import { ranged } from './ranges.ts'
import { type Tokens, tokens } from './tokens.ts'

const HASHES = ['md5', 'sha1', 'sha256']

export interface NextcloudFile {
  readonly bytes: Buffer
  readonly etag: string
  readonly modified: Date
  /** What the client said it is: Nextcloud keeps that unchecked. */
  readonly checksum: string | undefined
}

export interface NextcloudSettings {
  /** What every chunk but the last has to have. */
  readonly minChunk?: number
  /** Bytes that fit. */
  readonly quota?: number
}

export interface NextcloudEmulator extends Emulator {
  readonly tokens: Tokens
  /** The folder of the only user's files. */
  readonly files: string
  /** The file under a path, such as `a/b.txt`. */
  file(path: string): NextcloudFile | undefined
  openSessions(): number
  expireSessions(): void
  /** Forgets one chunk of every upload, as a storage that lost it. */
  dropChunk(number: number): void
  /** False: it computes no checksums when it is asked to, as older releases. */
  checksums: boolean
}

const USER = 'me'
const DAV = '/remote.php/dav'
const [FILES, UPLOADS] = [`${DAV}/files/${USER}`, `${DAV}/uploads/${USER}`]

export async function startNextcloud({
  minChunk = 5 * 1024 * 1024,
  quota = Number.POSITIVE_INFINITY,
}: NextcloudSettings = {}): Promise<NextcloudEmulator> {
  const accepted = tokens()
  const folders = new Set([''])
  const files = new Map<string, NextcloudFile>()
  const uploads = new Map<string, Map<number, Buffer>>()
  let changes = 0

  /** A token, or as an app's password with the user's name. */
  function allowed(header: string | undefined): boolean {
    const login = Buffer.from(`${USER}:${accepted.current}`).toString('base64')
    return accepted.accepts(header) || header === `Basic ${login}`
  }

  /** Whether there is something, a file or a folder. */
  const taken = (path: string) => files.has(path) || folders.has(path)

  function keep(path: string, bytes: Buffer, checksum: string | undefined): NextcloudFile {
    const file = { bytes, checksum, etag: `"${++changes}"`, modified: new Date() }
    files.set(path, file)
    return file
  }

  /** With everything below it. */
  function clear(path: string): void {
    for (const kept of [files, folders])
      for (const name of kept.keys()) if (`${name}/`.startsWith(`${path}/`)) kept.delete(name)
  }

  function look(path: string): NextcloudFile {
    const file = files.get(path)
    if (file) return file
    throw failure(404, `File with name ${path} could not be located`)
  }

  function parented(path: string): void {
    if (!folders.has(parentOf(path))) throw failure(409, 'The destination node is not found')
  }

  function put(path: string, { headers, body, whole }: Asked): Reply {
    parented(path)
    if (folders.has(path)) throw failure(409, 'It is a folder')
    const there = files.has(path)
    if (there && headers['if-none-match'] === '*') throw failure(412, 'An If-None-Match header was specified')
    if (!whole) return {}
    if (body.length > quota) throw failure(507, 'Insufficient space')
    const checksum = headers['oc-checksum']
    const { etag } = keep(path, Buffer.from(body), checksum === undefined ? undefined : String(checksum))
    const hash = String(headers['x-hash'])
    const sum = emulator.checksums && HASHES.includes(hash) ? { [`x-hash-${hash}`]: sumOf(hash, body) } : {}
    return { status: there ? 204 : 201, headers: { etag, 'oc-etag': etag, ...sum } }
  }

  function folder(path: string): Reply {
    if (taken(path)) throw failure(405, 'The resource you tried to create already exists')
    parented(path)
    folders.add(path)
    return { status: 201 }
  }

  function relocate(path: string, asked: Asked): Reply {
    const to = free(asked)
    const { bytes, checksum } = look(path)
    const there = files.has(to)
    keep(to, bytes, checksum)
    if (asked.method === 'MOVE' && to !== path) files.delete(path)
    return { status: there ? 204 : 201 }
  }

  /** Where a copy or a move goes, if it may. */
  function free(asked: Asked): string {
    const to = destinationOf(asked)
    parented(to)
    if (asked.headers.overwrite === 'F' && taken(to)) throw failure(412, 'The destination node exists')
    if (folders.has(to)) clear(to)
    return to
  }

  function found(path: string, { headers: { depth } }: Asked): Reply {
    const file = files.get(path)
    if (file) return multistatus([response(`${FILES}/${path}`, file)])
    if (!folders.has(path)) throw failure(404, `File with name ${path} could not be located`)
    const inside = <Item>([name]: readonly [string, Item]) => name !== '' && parentOf(name) === path
    const within =
      depth === '0'
        ? []
        : [
            ...[...folders]
              .filter((name) => inside([name, name]))
              .map((name) => response(`${FILES}/${name}/`)),
            ...[...files].filter(inside).map(([name, file]) => response(`${FILES}/${name}`, file)),
          ]
    return multistatus([response(`${FILES}/${path}`), ...within])
  }

  function checksum(path: string, { headers }: Asked): Reply {
    const type = String(headers['x-recalculate-hash']).toLowerCase()
    const file = look(path)
    if (!emulator.checksums || !HASHES.includes(type)) throw failure(501, 'There was no plugin to handle it')
    const sum = `${type.toUpperCase()}:${sumOf(type, file.bytes)}`
    files.set(path, { ...file, checksum: sum })
    return { status: 204, headers: { 'oc-checksum': sum } }
  }

  function onFiles(path: string, asked: Asked): Reply {
    switch (asked.method) {
      case 'PUT':
        return put(path, asked)
      case 'MKCOL':
        return folder(path)
      case 'MOVE':
      case 'COPY':
        return relocate(path, asked)
      case 'PROPFIND':
        return found(path, asked)
      case 'PATCH':
        return checksum(path, asked)
      case 'DELETE':
        if (!folders.has(path)) look(path)
        clear(path)
        return { status: 204 }
      case 'GET': {
        const { bytes, etag, checksum } = look(path)
        const sum = checksum === undefined ? {} : { 'oc-checksum': checksum }
        return ranged(bytes, asked.headers.range, {
          'content-type': 'application/octet-stream',
          etag,
          ...sum,
        })
      }
    }
    throw failure(501, `There was no plugin to handle ${asked.method}`)
  }

  function chunksOf(id: string): Map<number, Buffer> {
    const chunks = uploads.get(id)
    if (chunks) return chunks
    throw failure(404, `File with name ${id} could not be located`)
  }

  function begin(id: string, asked: Asked): Reply {
    destinationOf(asked)
    if (uploads.has(id)) throw failure(405, 'The resource you tried to create already exists')
    uploads.set(id, new Map())
    return { status: 201 }
  }

  function chunk(id: string, name: string, asked: Asked): Reply {
    const chunks = chunksOf(id)
    parented(destinationOf(asked))
    const number = /^\d+$/.test(name) ? Number(name) : -1
    if (number < 1 || number > 10_000)
      throw failure(400, 'Invalid chunk name, must be numeric between 1 and 10000')
    if (Number(asked.headers['oc-total-length'] ?? 0) > quota) throw failure(507, 'Insufficient space')
    if (asked.whole) chunks.set(number, Buffer.from(asked.body))
    return { status: 201 }
  }

  function assemble(id: string, asked: Asked): Reply {
    const chunks = [...chunksOf(id)].sort(([a], [b]) => a - b).map(([, bytes]) => bytes)
    const to = free(asked)
    const bytes = Buffer.concat(chunks)
    const total = asked.headers['oc-total-length']
    if (total !== undefined && Number(total) !== bytes.length)
      throw failure(400, `Chunks on server do not sum up to ${total} but to ${bytes.length} bytes`)
    if (chunks.length === 0 || chunks.slice(0, -1).some(({ length }) => length < minChunk))
      throw failure(500, 'EntityTooSmall')
    if (bytes.length > quota) throw failure(507, 'Insufficient space')
    const there = files.has(to)
    keep(to, bytes, undefined)
    uploads.delete(id)
    return { status: there ? 204 : 201 }
  }

  function onUploads(path: string, asked: Asked): Reply {
    const [id = '', name, ...more] = path.split('/')
    if (id === '' || more.length > 0) throw failure(405, 'Not here')
    switch (`${asked.method} ${name === undefined ? 'folder' : name === '.file' ? 'file' : 'chunk'}`) {
      case 'MKCOL folder':
        return begin(id, asked)
      case 'PROPFIND folder': {
        const chunks = [...chunksOf(id)].map(([number, bytes]) =>
          response(`${UPLOADS}/${id}/${number}`, { bytes }),
        )
        const all = Buffer.alloc(0)
        const others = ['.file', '.target'].map((name) =>
          response(`${UPLOADS}/${id}/${name}`, { bytes: all }),
        )
        return multistatus([
          response(`${UPLOADS}/${id}/`),
          ...(asked.headers.depth === '0' ? [] : [...others, ...chunks]),
        ])
      }
      case 'DELETE folder':
        chunksOf(id)
        uploads.delete(id)
        return { status: 204 }
      case 'PUT chunk':
        return chunk(id, name ?? '', asked)
      case 'MOVE file':
        return assemble(id, asked)
    }
    throw failure(405, 'Reading intermediate uploads is not allowed')
  }

  const provider: Provider = {
    callOf: ({ method, url: { pathname } }) => {
      if (!pathname.startsWith(`${UPLOADS}/`)) return 'other'
      return CALLS[method] ?? 'other'
    },
    refusal: (status) => failure(status, 'Refused').reply,
    answer: (asked) => {
      if (!allowed(asked.headers.authorization)) throw failure(401, 'No public access to this resource')
      const path = decodeURIComponent(asked.url.pathname).replace(/\/+$/, '')
      if (path === FILES || path.startsWith(`${FILES}/`)) return onFiles(path.slice(FILES.length + 1), asked)
      if (path.startsWith(`${UPLOADS}/`)) return onUploads(path.slice(UPLOADS.length + 1), asked)
      throw failure(404, 'Principal not found')
    },
  }
  const emulator: NextcloudEmulator = Object.assign(await listen(provider), {
    tokens: accepted,
    files: '',
    file: (path: string) => files.get(path),
    openSessions: () => uploads.size,
    expireSessions: () => uploads.clear(),
    dropChunk: (number: number) => {
      for (const chunks of uploads.values()) chunks.delete(number)
    },
    checksums: true,
  })
  return Object.assign(emulator, { files: emulator.endpoint + FILES })
}

const CALLS: Readonly<Record<string, Call>> = {
  MKCOL: 'begin',
  PUT: 'send',
  PROPFIND: 'probe',
  MOVE: 'finish',
  DELETE: 'discard',
}

/** The path among the user's files that a request is to end up at. */
function destinationOf({ headers: { destination }, url }: Asked): string {
  const to = URL.canParse(String(destination), url.origin)
    ? new URL(String(destination), url.origin)
    : undefined
  const path = to && decodeURIComponent(to.pathname).replace(/\/+$/, '')
  if (destination !== undefined && path?.startsWith(`${FILES}/`)) return path.slice(FILES.length + 1)
  throw failure(400, 'The destination header was not supplied, or leads elsewhere')
}

function sumOf(algorithm: string, bytes: Buffer): string {
  return createHash(algorithm).update(bytes).digest('hex')
}

function parentOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')))
}

function failure(status: number, message: string): Refused {
  const body = `<?xml version="1.0" encoding="utf-8"?>
<d:error xmlns:d="DAV:" xmlns:s="http://sabredav.org/ns"><s:message>${escaped(message)}</s:message></d:error>`
  return new Refused({ status, headers: { 'content-type': 'application/xml; charset=utf-8' }, body })
}

/** One resource: a folder without a file. */
function response(path: string, file?: Partial<NextcloudFile> & Pick<NextcloudFile, 'bytes'>): string {
  const href = escaped(path.split('/').map(encodeURIComponent).join('/'))
  const modified = (file?.modified ?? new Date()).toUTCString()
  const properties = file
    ? `<d:resourcetype/><d:getcontentlength>${file.bytes.length}</d:getcontentlength>
<d:getetag>${escaped(file.etag ?? '"0"')}</d:getetag><d:getcontenttype>application/octet-stream</d:getcontenttype>`
    : '<d:resourcetype><d:collection/></d:resourcetype>'
  return `<d:response><d:href>${href}</d:href><d:propstat><d:prop>
<d:getlastmodified>${modified}</d:getlastmodified>${properties}
</d:prop><d:status>HTTP/1.1 200 OK</d:status></d:propstat></d:response>`
}

function multistatus(responses: readonly string[]): Reply {
  return {
    status: 207,
    headers: { 'content-type': 'application/xml; charset=utf-8' },
    body: `<?xml version="1.0"?><d:multistatus xmlns:d="DAV:" xmlns:oc="http://owncloud.org/ns">${responses.join('')}</d:multistatus>`,
  }
}

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`)
}
