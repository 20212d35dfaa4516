/**
 * A Convex deployment with file storage and the functions of docs/adapters/convex.md in the module `pawl`.
 * https://docs.convex.dev/http-api/ , https://docs.convex.dev/file-storage/upload-files
 */
import { createHash, randomBytes } from 'node:crypto'
import { type Asked, type Emulator, json, listen, Refused, type Reply } from './listen.ts'
import { ranged } from './ranges.ts'
import { type Tokens, tokens } from './tokens.ts'

interface Stored {
  readonly bytes: Buffer
  readonly contentType: string | null
  readonly created: number
}

type Args = Readonly<Record<string, unknown>>

export interface ConvexEmulator extends Emulator {
  readonly tokens: Tokens
  /** By key: the ids of what they name. */
  readonly rows: ReadonlyMap<string, string>
  /** By id. */
  readonly storage: ReadonlyMap<string, Stored>
  /** The URLs for uploads that were given end, as after an hour. */
  expireUrls(): void
}

export async function startConvex(): Promise<ConvexEmulator> {
  const accepted = tokens()
  const rows = new Map<string, string>()
  const storage = new Map<string, Stored>()
  const urls = new Set<string>()

  function shown(key: string) {
    const storageId = rows.get(key)
    const file = storageId === undefined ? undefined : storage.get(storageId)
    if (storageId === undefined || file === undefined) return null
    const url = `${emulator.endpoint}/api/storage/${storageId}`
    return { key, storageId, url, ...system(file), updated: file.created }
  }

  const functions: Readonly<Record<string, (args: Args) => unknown>> = {
    'mutation pawl:uploadUrl': () => {
      const token = randomBytes(16).toString('hex')
      urls.add(token)
      return `${emulator.endpoint}/api/storage/upload?token=${token}`
    },
    'mutation pawl:save': ({ key, storageId, only }) => {
      const [name, id] = [String(key), String(storageId)]
      const before = rows.get(name)
      const file = storage.get(id)
      if (!file) throw new Error('there is no such file')
      if (before !== id) {
        if (only !== undefined && (before ?? null) !== only) {
          storage.delete(id)
          return { code: 'conflict' }
        }
        if (before !== undefined) storage.delete(before)
        rows.set(name, id)
      }
      return system(file)
    },
    'mutation pawl:remove': ({ key }) => {
      storage.delete(rows.get(String(key)) ?? '')
      rows.delete(String(key))
      return null
    },
    'query pawl:get': ({ key }) => shown(String(key)),
    'query pawl:list': ({ prefix, after, limit }) =>
      [...rows.keys()]
        .filter((key) => key.startsWith(String(prefix)) && (after === null || key > String(after)))
        .sort()
        .slice(0, Number(limit))
        .map(shown),
  }

  function run(kind: string, { body, headers }: Asked): Reply {
    if (!accepted.accepts(headers.authorization))
      throw new Refused(json({ code: 'Unauthenticated', message: 'Could not verify OIDC token claim.' }, 401))
    const { path, args, format } = JSON.parse(body.toString())
    if (format !== 'json' && format !== 'convex_encoded_json')
      throw new Refused({ status: 400, body: 'no format' })
    try {
      const call = functions[`${kind} ${path}`]
      if (!call) throw new Error(`Could not find public function for '${path}'.`)
      const value = call((Array.isArray(args) ? args[0] : args) ?? {})
      return json({ status: 'success', value, logLines: [] })
    } catch (error) {
      return json({ status: 'error', errorMessage: String(error), logLines: [] }, 560)
    }
  }

  function store({ url, headers, body, whole }: Asked): Reply {
    const token = url.searchParams.get('token') ?? ''
    if (!urls.has(token))
      throw new Refused(json({ code: 'StorageTokenInvalid', message: 'Invalid token' }, 401))
    if (!whole) return {}
    const id = `kg${randomBytes(15).toString('hex')}`
    storage.set(id, {
      bytes: Buffer.from(body),
      contentType: headers['content-type'] ?? null,
      created: Date.now(),
    })
    return json({ storageId: id })
  }

  function serve(id: string, { headers }: Asked): Reply {
    const file = storage.get(id)
    if (!file) throw new Refused(json({ code: 'FileNotFound', message: 'File not found' }, 404))
    const type: Record<string, string> = file.contentType === null ? {} : { 'content-type': file.contentType }
    return ranged(file.bytes, headers.range, type)
  }

  const made = await listen({
    callOf: ({ url }) => (url.pathname === '/api/storage/upload' ? 'send' : 'other'),
    answer: (asked) => {
      const { pathname } = asked.url
      if (pathname === '/api/storage/upload' && asked.method === 'POST') return store(asked)
      const [, kind, id] = /^\/api\/(?:(query|mutation)|storage\/(\w+))$/.exec(pathname) ?? []
      if (kind !== undefined) return run(kind, asked)
      if (id !== undefined) return serve(id, asked)
      throw new Refused({ status: 404, body: 'nothing is here' })
    },
    refusal: (status) => json({ code: 'Overloaded', message: 'try again later' }, status),
  })
  const emulator = Object.assign(made, {
    tokens: accepted,
    rows,
    storage,
    expireUrls: () => urls.clear(),
  })
  return emulator
}

function system({ bytes, contentType }: Stored) {
  return { size: bytes.length, contentType, sha256: createHash('sha256').update(bytes).digest('hex') }
}
