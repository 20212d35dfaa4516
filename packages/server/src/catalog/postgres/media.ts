/** Media files and the rights to upload them, as SQL. What changes a file holds its row until the end. */
import { objectRemoved, type StoredEvent } from '../../events/event.ts'
import { MEDIA_BUCKET, type MediaFile, thumbnailKey } from '../../media/media-file.ts'
import type { UploadRecord } from '../../uploads/upload.ts'
import type { Row } from '../columns.ts'
import type { ListMediaRequest, MediaRecords } from '../media-records.ts'
import { mediaColumns, mediaFromRow } from '../media-rows.ts'
import { uploadFromRow } from '../rows.ts'
import { insertOf } from './insert.ts'
import { folderOperations } from './media-folders.ts'
import { grantOperations } from './media-grants.ts'
import type { ObjectRecords } from './objects.ts'
import type { PgValue, Statements } from './statements.ts'

export interface MediaParts extends Statements, Pick<ObjectRecords, 'findObject' | 'removeObject'> {
  /** Events of this transaction. */
  tell(make: () => readonly StoredEvent[]): Promise<void>
}

/** Also what the other operations have to ask: whether a media file has its bytes and must not get others. */
interface MediaOperations extends MediaRecords {
  hasBytes(id: string): Promise<boolean>
}

const COLUMNS = { name: 'name', updated: 'updated_at', size: 'coalesce(size, 0)' } as const

/** Whoever gives a file its bytes, or takes up those that are there: one after the other. */
export const bytesOf = (id: string): string => `media bytes ${id}`

export function mediaOperations(parts: MediaParts): MediaOperations {
  const { run, one, all, lock, findObject, removeObject, tell } = parts
  const { folderOr, folderAt, ...folders } = folderOperations(parts, (ids, at) => removeMedia(ids, at))

  const find = async (id: string, locked?: 'locked'): Promise<MediaFile | undefined> => {
    const row = await one(`SELECT * FROM media_files WHERE id = $1${locked ? ' FOR UPDATE' : ''}`, id)
    return row && mediaFromRow(row)
  }
  const put = async (file: MediaFile): Promise<MediaFile> => {
    const columns = mediaColumns(file)
    const changes = Object.keys(columns).map((name) => `${name} = excluded.${name}`)
    const [insert, ...values] = insertOf('media_files', columns)
    await run(`${insert} ON CONFLICT (id) DO UPDATE SET ${changes.join(', ')}`, ...values)
    return file
  }
  const remove = async (key: string, at: number): Promise<void> => {
    const object = await findObject(MEDIA_BUCKET, key, 'locked')
    if (object === undefined) return
    await removeObject(object, at)
    await tell(() => [objectRemoved(object, at)])
  }
  const removeMedia = async (ids: readonly string[], at: number): Promise<number> => {
    let count = 0
    for (const id of ids) {
      await lock(bytesOf(id))
      const gone = await run('DELETE FROM media_files WHERE id = $1', id)
      count += gone
      if (gone > 0) for (const key of [id, thumbnailKey(id)]) await remove(key, at)
    }
    return count
  }
  const unfinished = async (id: string): Promise<UploadRecord[]> => {
    const rows = await all(
      "SELECT * FROM uploads WHERE face = 'media' AND key = $1 AND state IN ('open', 'finishing')",
      id,
    )
    return rows.map(uploadFromRow)
  }
  const page = (request: ListMediaRequest): Promise<Row[]> => {
    const { folder, deleted, types, sort, descending, after, limit } = request
    const [column, order, beyond] = [COLUMNS[sort], descending ? 'DESC' : 'ASC', descending ? '<' : '>']
    const values: PgValue[] = []
    const place = (value: PgValue): string => `$${values.push(value)}`
    const conditions: string[] = [`deleted = ${place(deleted ? 1 : 0)}`]
    if (folder !== undefined) conditions.push(`folder = ${place(folder)}`)
    if (types.length > 0) conditions.push(`media_type = ANY(${place(types)})`)
    if (request.private !== undefined) conditions.push(`private = ${place(request.private ? 1 : 0)}`)
    if (after !== undefined) {
      conditions.push(`(${column}, id) ${beyond} (${place(after[0])}, ${place(after[1])})`)
    }
    return all(
      `SELECT * FROM media_files WHERE ${conditions.join(' AND ')}
       ORDER BY ${column} ${order}, id ${order} LIMIT ${place(limit)}`,
      ...values,
    )
  }
  const placeOf = async (folder: string, path: readonly string[], at: number): Promise<string> =>
    folderAt(await folderOr(folder), path, at)

  return {
    ...folders,
    ...grantOperations(parts, { find, put, unfinished, removeBytes: remove, placeOf }),
    hasBytes: async (id) =>
      (await one('SELECT 1 FROM media_files WHERE id = $1 AND version IS NOT NULL', id)) !== undefined,

    openMediaUploads: unfinished,

    insertMedia: async (file, path) =>
      put({ ...file, folder: await placeOf(file.folder, path, file.createdAt) }),

    async findMedia(ids) {
      const rows = await all('SELECT * FROM media_files WHERE id = ANY($1)', ids)
      const found = new Map(rows.map((row) => [String(row.id), row]))
      return ids.flatMap((id) => {
        const row = found.get(id)
        return row === undefined ? [] : mediaFromRow(row)
      })
    },

    listMedia: async (request) => (await page(request)).map(mediaFromRow),

    async updateMedia(id, { name, folder, labels }, at) {
      const file = await find(id, 'locked')
      if (file === undefined || (folder !== undefined && (await folderOr(folder)) !== folder))
        return undefined
      return put({
        ...file,
        name: name ?? file.name,
        folder: folder ?? file.folder,
        labels: labels ?? file.labels,
        updatedAt: at,
      })
    },

    async pendingMedia(after, limit) {
      const rows = await all(
        "SELECT * FROM media_files WHERE status = 'PENDING' AND id > $1 ORDER BY id LIMIT $2",
        after ?? '',
        limit,
      )
      return rows.map(mediaFromRow)
    },

    async noteImport(id, importing) {
      const file = await find(id, 'locked')
      if (file?.importing !== undefined) await put({ ...file, importing })
    },

    async mediaArrived(id, at) {
      await lock(bytesOf(id))
      const file = await find(id, 'locked')
      if (file === undefined || file.version !== undefined) return file
      const object = await findObject(MEDIA_BUCKET, id)
      if (object === undefined) return undefined
      const { version, size } = object
      return put({ ...file, version, size, importing: undefined, updatedAt: at })
    },

    async settleMedia(id, outcome, at, event) {
      const file = await find(id, 'locked')
      if (file?.status !== 'PENDING') return false
      const { kind, ...found } = outcome
      const status = kind === 'ready' ? 'READY' : 'FAILED'
      await put({ ...file, ...found, status, importing: undefined, updatedAt: at })
      await tell(() => [event])
      return true
    },

    async trashMedia(ids, deleted, at) {
      let count = 0
      for (const id of ids) {
        const file = await find(id, 'locked')
        if (file === undefined || file.deleted === deleted) continue
        const folder = deleted ? file.folder : await folderOr(file.folder)
        await put({ ...file, deleted, folder, updatedAt: at })
        count += 1
      }
      return count
    },

    removeMedia,
  }
}
