/** Listings, a page at a time. What they cost is said in catalog/listing.ts. */
import { z } from 'zod'
import type { Principal } from '../../access/principal.ts'
import type { ListEntry, ListPosition } from '../../catalog/listing.ts'
import { StorageError } from './errors.ts'
import type { StorageFace } from './face.ts'
import { route } from './json-route.ts'
import { entryRow, folderRow, objectRow } from './rows.ts'
import { FolderRow, ObjectRow } from './schemas.ts'

/** Entries that an answer has at most, whatever was asked for. */
const MAX_ENTRIES = 10_000
/** The same for list-v2, whose clients go on by a cursor. */
const MAX_PAGE = 1000

/** No key is longer. */
const Prefix = z.string().max(1024).default('')

const SORTS = {
  name: 'name',
  created_at: 'created',
  updated_at: 'updated',
  last_accessed_at: 'updated',
} as const

export const LIST_ROUTES = [
  route({
    method: 'POST',
    url: '/object/list/:bucket',
    summary: 'What lies in a folder',
    body: z.object({
      prefix: Prefix,
      limit: z.number().int().min(1).default(100),
      offset: z.number().int().min(0).default(0),
      search: z.string().nullish(),
      sortBy: z
        .object({
          column: z.enum(['name', 'created_at', 'updated_at', 'last_accessed_at']).default('name'),
          order: z.enum(['asc', 'desc']).default('asc'),
        })
        .nullish(),
    }),
    reply: z.array(z.union([ObjectRow, FolderRow])),
    async run({ face, params, body, caller }) {
      const prefix = folderFrom(body.prefix)
      const bucket = params.bucket ?? ''
      if (!(await mayList(face, await caller(), bucket, prefix))) return []
      const { entries } = await face.objects.list({
        bucket,
        prefix,
        folders: true,
        sort: SORTS[body.sortBy?.column ?? 'name'],
        descending: body.sortBy?.order === 'desc',
        search: body.search || undefined,
        after: undefined,
        skip: body.offset,
        limit: Math.min(body.limit, MAX_ENTRIES),
      })
      return entries.map((entry) =>
        entry.kind === 'folder'
          ? folderRow(entry.name.slice(prefix.length, -1))
          : objectRow(entry.object, entry.object.key.slice(prefix.length)),
      )
    },
  }),

  route({
    method: 'POST',
    url: '/object/list-v2/:bucket',
    summary: 'Objects whose key begins with a prefix, with a cursor',
    body: z.object({
      prefix: Prefix,
      limit: z.number().int().min(1).default(1000),
      cursor: z.string().max(4096).nullish(),
      with_delimiter: z.boolean().nullish(),
      sortBy: z
        .object({
          column: z.enum(['name', 'created_at', 'updated_at']).default('name'),
          order: z.enum(['asc', 'desc']).default('asc'),
        })
        .nullish(),
    }),
    reply: z.object({
      hasNext: z.boolean(),
      nextCursor: z.string().optional(),
      folders: z.array(z.object({ name: z.string(), key: z.string() })),
      objects: z.array(ObjectRow.extend({ key: z.string() })),
    }),
    async run({ face, params, body, caller }) {
      const { prefix } = body
      const folders = body.with_delimiter === true
      const sort = SORTS[body.sortBy?.column ?? 'name']
      const bucket = params.bucket ?? ''
      const after = body.cursor ? positionFrom(body.cursor, prefix) : undefined
      if (!(await mayList(face, await caller(), bucket, prefix))) {
        return { hasNext: false, folders: [], objects: [] }
      }
      const { entries, more } = await face.objects.list({
        bucket,
        prefix,
        folders,
        sort,
        descending: body.sortBy?.order === 'desc',
        search: undefined,
        after,
        skip: 0,
        limit: Math.min(body.limit, MAX_PAGE),
      })
      const last = entries.at(-1)
      return {
        hasNext: more,
        ...(more && last !== undefined ? { nextCursor: cursorOf(last, sort) } : {}),
        folders: entries.flatMap((entry) =>
          entry.kind === 'folder' ? [{ name: lastPart(entry.name), key: entry.name }] : [],
        ),
        objects: entries.flatMap((entry) =>
          entry.kind === 'object' ? [entryRow(entry.object, folders)] : [],
        ),
      }
    },
  }),
]

/**
 * A listing is judged as a whole, by its prefix. Who may not see it sees nothing, and not that there is
 * something, nor whether there is such a bucket: clients know no error here.
 */
async function mayList(face: StorageFace, caller: Principal, id: string, prefix: string): Promise<boolean> {
  const bucket = await face.buckets.find(id)
  if (bucket === undefined) return false
  const nothing = { size: undefined, type: undefined, metadata: undefined }
  return face.allows(caller, { action: 'select', bucket: id, key: prefix, public: bucket.public, ...nothing })
}

function folderFrom(path: string): string {
  const trimmed = path.replace(/^\/+|\/+$/g, '')
  return trimmed === '' ? '' : `${trimmed}/`
}

function lastPart(folder: string): string {
  return folder.slice(folder.lastIndexOf('/', folder.length - 2) + 1, -1)
}

const Cursor = z.union([z.tuple([z.string()]), z.tuple([z.string(), z.number().int()])])

function cursorOf(entry: ListEntry, sort: 'name' | 'created' | 'updated'): string {
  const position: z.infer<typeof Cursor> =
    entry.kind === 'folder'
      ? [entry.name]
      : sort === 'name'
        ? [entry.object.key]
        : [entry.object.key, sort === 'created' ? entry.object.since : entry.object.createdAt]
  return Buffer.from(JSON.stringify(position)).toString('base64url')
}

function positionFrom(cursor: string, prefix: string): ListPosition {
  try {
    const [name, at] = Cursor.parse(JSON.parse(Buffer.from(cursor, 'base64url').toString()))
    if (name.startsWith(prefix)) return { name, at }
  } catch {}
  throw new StorageError('InvalidRequest', 'cursor: is not one of this listing')
}
