/**
 * Appwrite's storage, with uploads in chunks: https://appwrite.io/docs/references/cloud/server-nodejs/storage
 * One bucket. Guessed towards caution: of a file's name only what follows the last slash is kept when it is uploaded
 * (a rename keeps all of it); a chunk that is there already replaces itself; unfinished files are listed.
 */
import { createHash, randomBytes } from 'node:crypto'
import { formParts } from './form.ts'
import { type Asked, type Emulator, json, listen, type Provider, Refused, type Reply } from './listen.ts'
import { ranged } from './ranges.ts'
import { type Tokens, tokens } from './tokens.ts'

const CHUNK = 5 * 1024 * 1024
const MAX_SIZE = 5_000_000_000
const ID = /^[a-z0-9][a-z0-9._-]{0,35}$/i

interface AppwriteFile {
  readonly id: string
  name: string
  readonly size: number
  readonly createdAt: string
  /** By number, from 0. */
  readonly chunks: Map<number, Buffer>
  readonly chunksTotal: number
}

export interface AppwriteEmulator extends Emulator {
  readonly tokens: Tokens
  /** By id. */
  readonly files: Map<string, AppwriteFile>
  /** Complete files of a name. */
  named(name: string): Buffer[]
  openSessions(): number
  expireSessions(): void
}

/** @param chunkSize Appwrite's own is 5 MiB. */
export async function startAppwrite({
  chunkSize = CHUNK,
}: {
  readonly chunkSize?: number
} = {}): Promise<AppwriteEmulator> {
  const accepted = tokens()
  const files = new Map<string, AppwriteFile>()
  const secrets = new Map<string, { readonly file: string; readonly expires: number }>()
  let clock = Date.now()
  const isComplete = ({ chunks, chunksTotal }: AppwriteFile) => chunks.size === chunksTotal

  function find(id: string): AppwriteFile {
    const file = files.get(id)
    if (file) return file
    throw refused(404, 'storage_file_not_found')
  }

  function create({ headers, body, whole }: Asked): Reply {
    const parts = formParts(headers, body, whole)
    // A form that broke off is none.
    if (!whole || parts === undefined) throw refused(400, 'general_argument_invalid')
    const file = parts.find(({ name, filename }) => name === 'file' && filename !== undefined)
    const given = parts.find(({ name }) => name === 'fileId')?.bytes.toString() ?? ''
    const header = headers['x-appwrite-id']
    const id = header === undefined ? given : String(header)
    if (!ID.test(id))
      throw refused(400, header === undefined ? 'general_argument_invalid' : 'storage_invalid_appwrite_id')
    if (file === undefined) throw refused(400, 'storage_file_empty')
    const { start, size } = placeOf(headers['content-range'], file.bytes.length)
    if (size === 0) throw refused(400, 'storage_file_empty')
    if (size > MAX_SIZE) throw refused(400, 'storage_invalid_file_size')
    const known = files.get(id)
    if (known && isComplete(known)) {
      if (headers['content-range'] === undefined) throw refused(409, 'storage_file_already_exists')
      return json(shown(known))
    }
    if (known && known.size !== size) throw refused(400, 'storage_invalid_content_range')
    const name = (file.filename ?? '').replaceAll('%22', '"').replace(/^.*\//s, '')
    clock = Math.max(clock + 1, Date.now())
    const made: AppwriteFile = known ?? {
      id,
      name,
      size,
      createdAt: new Date(clock).toISOString(),
      chunks: new Map(),
      chunksTotal: Math.ceil(size / chunkSize),
    }
    made.chunks.set(start / chunkSize, Buffer.from(file.bytes))
    files.set(id, made)
    return json(shown(made), 201)
  }

  function placeOf(header: string | undefined, length: number): { start: number; size: number } {
    if (header === undefined) {
      if (length > chunkSize) throw refused(400, 'storage_invalid_content_range')
      return { start: 0, size: length }
    }
    const [, from, to, of] = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(header) ?? []
    const [start, end, size] = [Number(from), Number(to) + 1, Number(of)]
    const fits = start % chunkSize === 0 && end <= size && end === Math.min(start + chunkSize, size)
    if (fits && length === end - start) return { start, size }
    throw refused(400, 'storage_invalid_content_range')
  }

  /** A page of the files, the newest first if that is asked for. */
  function list(url: URL): Reply {
    const queries = [...url.searchParams]
      .filter(([name]) => name.startsWith('queries['))
      .map(([, text]) => JSON.parse(text))
    const values = (method: string, attribute?: string): unknown[] | undefined =>
      queries.find((query) => query.method === method && query.attribute === attribute)?.values
    const names = values('equal', 'name')
    const found = [...files.values()].filter(
      // The database does not tell cases apart.
      ({ name }) =>
        names === undefined || names.some((one) => String(one).toLowerCase() === name.toLowerCase()),
    )
    found.sort((a, b) => (a.createdAt < b.createdAt ? -1 : 1))
    if (queries.some(({ method }) => method === 'orderDesc')) found.reverse()
    const [after] = values('cursorAfter') ?? []
    const from = found.findIndex(({ id }) => id === after) + 1
    const page = found.slice(from, from + Number(values('limit')?.[0] ?? 25))
    return json({ total: found.length, files: page.map(shown) })
  }

  function answer(asked: Asked): Reply {
    const { method, url, headers, body } = asked
    const [, bucket, id, more] =
      /^\/v1\/storage\/buckets\/([^/]+)\/files(?:\/([^/]+))?(?:\/(view|download))?$/.exec(url.pathname) ?? []
    const secret = secrets.get(url.searchParams.get('token') ?? '')
    const signed =
      more !== undefined && secret !== undefined && secret.file === id && secret.expires > Date.now()
    const project = headers['x-appwrite-project'] ?? url.searchParams.get('project')
    if (project !== 'project') throw refused(404, 'project_not_found')
    const key = headers['x-appwrite-key'] ?? headers['x-appwrite-jwt']
    if (!signed && !accepted.accepts(`Bearer ${key}`)) throw refused(401, 'user_unauthorized')
    const [, tokenFor] = /^\/v1\/tokens\/buckets\/bucket\/files\/([^/]+)$/.exec(url.pathname) ?? []
    if (tokenFor !== undefined && method === 'POST') {
      const { expire } = JSON.parse(body.toString())
      const text = randomBytes(16).toString('hex')
      secrets.set(text, { file: find(tokenFor).id, expires: Date.parse(expire) })
      return json({ $id: randomBytes(8).toString('hex'), secret: text, expire }, 201)
    }
    if (bucket !== 'bucket') throw refused(404, 'storage_bucket_not_found')
    if (id === undefined) return method === 'POST' ? create(asked) : list(url)
    const file = find(id)
    switch (`${method} ${more ?? ''}`) {
      case 'GET ':
        return json(shown(file))
      case 'PUT ':
        file.name = String(JSON.parse(body.toString()).name)
        return json(shown(file))
      case 'DELETE ':
        files.delete(id)
        return { status: 204 }
      case 'GET view':
      case 'GET download':
        if (!isComplete(file)) throw refused(404, 'storage_file_not_found')
        return ranged(bytesOf(file), headers.range, {
          'content-type': 'application/octet-stream',
          ...(more === 'download' && {
            'content-disposition': `attachment; filename="${encodeURI(file.name)}"`,
          }),
        })
    }
    throw refused(404, 'general_route_not_found')
  }

  function shown(file: AppwriteFile) {
    return {
      $id: file.id,
      bucketId: 'bucket',
      $createdAt: file.createdAt,
      $updatedAt: file.createdAt,
      $permissions: [],
      name: file.name,
      signature: isComplete(file) ? createHash('md5').update(bytesOf(file)).digest('hex') : '',
      mimeType: 'application/octet-stream',
      sizeOriginal: file.size,
      chunksTotal: file.chunksTotal,
      chunksUploaded: file.chunks.size,
    }
  }

  const provider: Provider = {
    callOf: ({ method, url }) => {
      if (!/\/files(?:\/|$)/.test(url.pathname) || url.pathname.startsWith('/v1/tokens')) return 'other'
      const one = /\/files\/[^/]+$/.test(url.pathname)
      if (method === 'POST') return 'send'
      if (method === 'GET') return one ? 'probe' : url.search.includes('equal') ? 'begin' : 'other'
      return method === 'DELETE' ? 'discard' : 'other'
    },
    answer,
    refusal: (status) =>
      json({ message: 'not now', code: status, type: 'general_rate_limit_exceeded' }, status),
  }
  const emulator = await listen(provider)
  const open = () => [...files.values()].filter((file) => !isComplete(file))
  return Object.assign(emulator, {
    tokens: accepted,
    files,
    named: (name: string) =>
      [...files.values()].filter((file) => file.name === name && isComplete(file)).map(bytesOf),
    openSessions: () => open().length,
    expireSessions: () => {
      for (const { id } of open()) files.delete(id)
    },
  })
}

function bytesOf({ chunks }: AppwriteFile): Buffer {
  return Buffer.concat([...chunks].sort(([a], [b]) => a - b).map(([, chunk]) => chunk))
}

function refused(status: number, type: string): Refused {
  return new Refused(json({ message: type.replaceAll('_', ' '), code: status, type }, status))
}
