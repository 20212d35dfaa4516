/** Listings as walks over indexes, a batch of rows at a time: a folder's keys are jumped over, not read. */
import type { ObjectRecord } from '../../objects/object.ts'
import { integer, type Row, text } from '../columns.ts'
import { behind, compare, isFolder, least, most } from '../key-ranges.ts'
import type { ListEntry, Listing, ListPosition, ListRequest } from '../listing.ts'
import { OBJECTS, objectFrom } from './objects.ts'
import type { PgValue, Statements } from './statements.ts'

type Found =
  | { readonly kind: 'folder'; readonly name: string }
  | { readonly kind: 'object'; readonly object: ObjectRecord }

/** Rows read ahead at most: a page is rarely larger. */
const BATCH = 200
/** Keys under one folder are jumped over after so many. */
const FIRST = 8

export function listingOperations({ all }: Statements): Listing {
  return {
    async listObjects(request) {
      const { prefix, skip, limit } = request
      const search = request.search?.toLowerCase()
      const entries: ListEntry[] = []
      let passed = 0
      for await (const found of request.sort === 'name' ? byName(request) : byTime(request)) {
        const name = found.kind === 'folder' ? found.name : found.object.key
        if (search !== undefined && !name.slice(prefix.length).toLowerCase().startsWith(search)) continue
        passed += 1
        if (passed <= skip) continue
        if (entries.length === limit) return { entries, more: true }
        entries.push(found)
      }
      return { entries, more: false }
    },
  }

  async function* byName({ bucket, prefix, folders, descending, after }: ListRequest): AsyncGenerator<Found> {
    let begin = prefix
    let end = behind(prefix)
    let open = false
    if (after !== undefined) {
      if (descending) end = least(end, after.name)
      else if (isFolder(after.name, folders)) begin = most(begin, behind(after.name))
      else if (compare(after.name, begin) >= 0) {
        begin = after.name
        open = true
      }
    }
    for (let size = FIRST; ; size = Math.min(BATCH, size * 4)) {
      const rows = await all(
        `${OBJECTS} WHERE o.bucket = $1 AND o.key ${open ? '>' : '>='} $2 AND o.key < $3
         ORDER BY o.key ${descending ? 'DESC' : 'ASC'} LIMIT $4`,
        bucket,
        begin,
        end,
        size,
      )
      let jumped = false
      for (const row of rows) {
        const key = text(row, 'key')
        const slash = folders ? key.indexOf('/', prefix.length) : -1
        if (slash === -1) {
          yield { kind: 'object', object: objectFrom(row) }
          if (descending) end = key
          else {
            begin = key
            open = true
          }
          continue
        }
        const name = key.slice(0, slash + 1)
        yield { kind: 'folder', name }
        if (descending) end = name
        else {
          begin = behind(name)
          open = false
        }
        // What was read ahead lies in this folder, most of it.
        jumped = true
        break
      }
      if (jumped) size = FIRST
      else if (rows.length < size) return
    }
  }

  async function* byTime(request: ListRequest): AsyncGenerator<Found> {
    const { bucket, prefix, folders, sort, descending, after } = request
    const behindFolders = after !== undefined && !isFolder(after.name, folders)
    if (folders && !behindFolders) {
      for await (const found of byName(request)) if (found.kind === 'folder') yield found
    }
    const column = sort === 'created' ? 'since' : 'created_at'
    const [order, beyond] = descending ? ['DESC', '<'] : ['ASC', '>']
    let position: ListPosition | undefined = behindFolders ? after : undefined
    for (let size = FIRST; ; size = Math.min(BATCH, size * 4)) {
      const from: PgValue[] = position === undefined ? [] : [position.at ?? 0, position.name]
      const rows: Row[] = await all(
        `${OBJECTS} WHERE o.bucket = $1 ${position === undefined ? '' : `AND (o.${column}, o.key) ${beyond} ($3, $4)`}
         ORDER BY o.${column} ${order}, o.key ${order} LIMIT $2`,
        bucket,
        size,
        ...from,
      )
      for (const row of rows) {
        const key = text(row, 'key')
        position = { name: key, at: integer(row, column) }
        if (!key.startsWith(prefix) || (folders && key.includes('/', prefix.length))) continue
        yield { kind: 'object', object: objectFrom(row) }
      }
      if (rows.length < size) return
    }
  }
}
