/** Listings as walks over indexes: a folder's keys are jumped over, not read. */
import type { ObjectRecord } from '../../objects/object.ts'
import type { Synchronous } from '../catalog.ts'
import type { Row, SqlValue } from '../columns.ts'
import { behind, compare, isFolder, least, most } from '../key-ranges.ts'
import type { ListEntry, Listing, ListRequest } from '../listing.ts'

interface Statements {
  iterate(text: string, ...values: SqlValue[]): Iterable<Row>
  objectOf(version: string): ObjectRecord | undefined
}

type Found =
  | { readonly kind: 'folder'; readonly name: string }
  | { readonly kind: 'object'; readonly key: string; readonly version: string }

export function listingOperations({ iterate, objectOf }: Statements): Synchronous<Listing> {
  return {
    listObjects(request) {
      const { prefix, skip, limit } = request
      const search = request.search?.toLowerCase()
      const entries: ListEntry[] = []
      let passed = 0
      for (const found of request.sort === 'name' ? byName(request) : byTime(request)) {
        const name = found.kind === 'folder' ? found.name : found.key
        if (search !== undefined && !name.slice(prefix.length).toLowerCase().startsWith(search)) continue
        passed += 1
        if (passed <= skip) continue
        if (entries.length === limit) return { entries, more: true }
        const object = found.kind === 'object' ? objectOf(found.version) : undefined
        if (found.kind === 'folder') entries.push(found)
        else if (object !== undefined) entries.push({ kind: 'object', object })
      }
      return { entries, more: false }
    },
  }

  function* byName({ bucket, prefix, folders, descending, after }: ListRequest): Generator<Found> {
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
    for (;;) {
      const folder: string | undefined = yield* run(begin, end, open)
      if (folder === undefined) return
      open = false
      if (descending) end = folder
      else begin = behind(folder)
    }

    /** Objects up to the first folder, which is given too. */
    function* run(from: string, to: string, fromOpen: boolean): Generator<Found, string | undefined> {
      const rows = iterate(
        `SELECT key, version FROM objects WHERE bucket = ? AND key ${fromOpen ? '>' : '>='} ? AND key < ?
         ORDER BY key ${descending ? 'DESC' : 'ASC'}`,
        bucket,
        from,
        to,
      )
      for (const row of rows) {
        const key = String(row.key)
        const slash = folders ? key.indexOf('/', prefix.length) : -1
        if (slash !== -1) {
          const name = key.slice(0, slash + 1)
          yield { kind: 'folder', name }
          return name
        }
        yield { kind: 'object', key, version: String(row.version) }
      }
      return undefined
    }
  }

  function* byTime(request: ListRequest): Generator<Found> {
    const { bucket, prefix, folders, sort, descending, after } = request
    const behindFolders = after !== undefined && !isFolder(after.name, folders)
    if (folders && !behindFolders) {
      for (const found of byName(request)) if (found.kind === 'folder') yield found
    }
    const column = sort === 'created' ? 'since' : 'created_at'
    const [order, beyond] = descending ? ['DESC', '<'] : ['ASC', '>']
    const start = behindFolders ? [after.at ?? 0, after.name] : []
    const rows = iterate(
      `SELECT key, version FROM objects WHERE bucket = ?
       ${behindFolders ? `AND (${column}, key) ${beyond} (?, ?)` : ''} ORDER BY ${column} ${order}, key ${order}`,
      bucket,
      ...start,
    )
    for (const row of rows) {
      const key = String(row.key)
      if (!key.startsWith(prefix) || (folders && key.includes('/', prefix.length))) continue
      yield { kind: 'object', key, version: String(row.version) }
    }
  }
}
