/**
 * Records of PocketBase with a text field `key`, unique, and a file field `file`: https://pocketbase.io/docs/api-records/
 * Of filters it knows equality, which is what a key is looked up by.
 */
import { randomBytes } from 'node:crypto'
import { type Asked, type Emulator, json, listen, Refused, type Reply } from './listen.ts'
import { ranged } from './ranges.ts'
import { type Tokens, tokens } from './tokens.ts'

const COLLECTION = 'files'

interface PocketRecord {
  readonly id: string
  readonly key: string
  readonly file: string
  readonly bytes: Buffer
  readonly updated: string
}

export interface PocketBaseSettings {
  /** The most bytes of a file, as the field says. */
  readonly maxSize?: number
}

export interface PocketBaseEmulator extends Emulator {
  readonly tokens: Tokens
  readonly collection: string
  /** By id. */
  readonly records: ReadonlyMap<string, PocketRecord>
  /** Whether files are only shown with a token of their own. */
  isProtected: boolean
}

export async function startPocketBase({
  maxSize = 5 << 20,
}: PocketBaseSettings = {}): Promise<PocketBaseEmulator> {
  const accepted = tokens()
  const records = new Map<string, PocketRecord>()
  const fileTokens = new Set<string>()

  function find(id: string): PocketRecord {
    const record = records.get(id)
    if (record) return record
    throw refused(404, "The requested resource wasn't found.")
  }

  async function save(id: string | undefined, { headers, body, whole }: Asked): Promise<Reply> {
    if (!whole) return {}
    const type = headers['content-type'] ?? ''
    if (!type.startsWith('multipart/form-data')) throw refused(400, 'the emulator takes forms only')
    const form = await new Response(new Uint8Array(body), { headers: { 'content-type': type } }).formData()
    const before = id === undefined ? undefined : find(id)
    const key = form.get('key') ?? before?.key
    const file = form.get('file')
    if (typeof key !== 'string' || key === '') throw invalid('key', 'validation_required')
    for (const other of records.values())
      if (other.key === key && other.id !== id) throw invalid('key', 'validation_not_unique')
    if (file instanceof File && file.size > maxSize) throw invalid('file', 'validation_file_size_limit')
    const record = {
      id: before?.id ?? randomBytes(8).toString('hex').slice(0, 15),
      key,
      file: file instanceof File ? storedName(file.name) : (before?.file ?? ''),
      bytes:
        file instanceof File ? Buffer.from(await file.arrayBuffer()) : (before?.bytes ?? Buffer.alloc(0)),
      updated: new Date().toISOString().replace('T', ' '),
    }
    records.set(record.id, record)
    return json(shown(record))
  }

  function list({ searchParams: query }: URL): Reply {
    const [, field, value] = /^(\w+)\s*=\s*"((?:[^"\\]|\\.)*)"$/.exec(query.get('filter') ?? '') ?? []
    if (query.has('filter') && field !== 'key') throw refused(400, 'the filter is not understood')
    const all = [...records.values()].filter((record) => field === undefined || record.key === value)
    if (query.get('sort') === 'key') all.sort((a, b) => (a.key < b.key ? -1 : 1))
    const [page, perPage] = [
      Number(query.get('page') ?? 1),
      Math.min(Number(query.get('perPage') ?? 30), 1000),
    ]
    const items = all.slice((page - 1) * perPage, page * perPage).map(shown)
    return json({ page, perPage, totalItems: -1, totalPages: -1, items })
  }

  function file(id: string, name: string, { url, headers }: Asked): Reply {
    const record = find(id)
    const allowed = !emulator.isProtected || fileTokens.has(url.searchParams.get('token') ?? '')
    if (!allowed || record.file !== name) throw refused(404, "The requested resource wasn't found.")
    return ranged(record.bytes, record.bytes.length === 0 ? undefined : headers.range, {
      'content-type': 'text/plain; charset=utf-8',
    })
  }

  async function answer(asked: Asked): Promise<Reply> {
    const { method, url, headers } = asked
    const [, id, name] = /^\/api\/files\/[^/]+\/([^/]+)\/([^/]+)$/.exec(url.pathname) ?? []
    if (id !== undefined) return file(id, decodeURIComponent(name ?? ''), asked)
    // The scheme may stand before the token, or not.
    if (!accepted.accepts(`Bearer ${(headers.authorization ?? '').replace(/^Bearer /, '')}`))
      throw refused(401, 'The request requires valid record authorization token.')
    if (url.pathname === '/api/files/token') {
      const token = randomBytes(12).toString('hex')
      fileTokens.add(token)
      return json({ token })
    }
    const [, collection, record] =
      /^\/api\/collections\/([^/]+)\/records(?:\/([^/]+))?$/.exec(url.pathname) ?? []
    if (collection !== COLLECTION) throw refused(404, 'Missing or invalid collection context.')
    if (method === 'POST' || method === 'PATCH') return save(record, asked)
    if (record === undefined) return list(url)
    const found = find(record)
    if (method !== 'DELETE') return json(shown(found))
    records.delete(record)
    return { status: 204 }
  }

  const made = await listen({
    callOf: ({ method, url }) =>
      url.pathname.includes('/records') && (method === 'POST' || method === 'PATCH') ? 'send' : 'other',
    answer,
    refusal: (status) => refused(status, 'Something went wrong.').reply,
  })
  const emulator = Object.assign(made, {
    tokens: accepted,
    collection: COLLECTION,
    records,
    isProtected: false,
  })
  return emulator
}

function shown({ id, key, file, updated }: PocketRecord) {
  return { id, collectionId: 'pbc_1', collectionName: COLLECTION, key, file, created: updated, updated }
}

/** Names are made plain and get a random end. */
function storedName(name: string): string {
  const [, stem = '', end = ''] = /^(.*?)(\.\w+)?$/.exec(name) ?? []
  return `${stem.replace(/[^\w.]+/g, '_') || 'file'}_${randomBytes(5).toString('hex')}${end}`
}

function refused(status: number, message: string, data: object = {}): Refused {
  return new Refused(json({ status, message, data }, status))
}

function invalid(field: string, code: string): Refused {
  return refused(400, 'Failed to save record.', { [field]: { code, message: code } })
}
