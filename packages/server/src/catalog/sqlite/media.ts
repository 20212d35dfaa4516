/** Media files and the rights to upload them, as SQL. */
import { objectRemoved, type StoredEvent } from '../../events/event.ts'
import { MEDIA_BUCKET, type MediaFile, thumbnailKey } from '../../media/media-file.ts'
import type { ObjectRecord } from '../../objects/object.ts'
import type { UploadRecord } from '../../uploads/upload.ts'
import type { Synchronous } from '../catalog.ts'
import type { Row, SqlValue } from '../columns.ts'
import type { ListMediaRequest, MediaRecords } from '../media-records.ts'
import { mediaColumns, mediaFromRow } from '../media-rows.ts'
import { uploadFromRow } from '../rows.ts'
import { folderOperations } from './media-folders.ts'
import { grantOperations } from './media-grants.ts'

export interface MediaStatements {
  run(text: string, ...values: SqlValue[]): number
  one(text: string, ...values: SqlValue[]): Row | undefined
  all(text: string, ...values: SqlValue[]): Row[]
  findObject(bucket: string, key: string): ObjectRecord | undefined
  removeObject(object: ObjectRecord, at: number): void
  /** Events of this transaction. */
  tell(make: () => readonly StoredEvent[]): void
}

/** What the schema of these operations adds to those before. */
export const MEDIA_SCHEMA = `
  INSERT OR IGNORE INTO buckets VALUES ('site-media', 0, NULL, NULL, 'service_role', NULL, 0, 0);
  CREATE INDEX uploads_media ON uploads (key) WHERE face = 'media';

  CREATE TABLE media_grants (
    fingerprint TEXT PRIMARY KEY,
    owner_role  TEXT NOT NULL,
    owner_sub   TEXT,
    file        TEXT NOT NULL,
    expires_at  INTEGER NOT NULL,
    used        INTEGER NOT NULL,
    -- JSON: what the file is to be
    details     TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX media_grants_expiry ON media_grants (expires_at);
  CREATE INDEX media_grants_open ON media_grants (owner_role, owner_sub) WHERE used = 0;

  CREATE TABLE media_folders (
    id         TEXT PRIMARY KEY,
    name       TEXT NOT NULL,
    parent     TEXT NOT NULL,
    deleted    INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX media_folders_name ON media_folders (parent, deleted, name, id);
  CREATE INDEX media_folders_updated ON media_folders (parent, deleted, updated_at, id);

  CREATE TABLE media_files (
    id         TEXT PRIMARY KEY,
    owner_role TEXT NOT NULL,
    owner_sub  TEXT,
    name       TEXT NOT NULL,
    folder     TEXT NOT NULL,
    private    INTEGER NOT NULL,
    status     TEXT NOT NULL,
    deleted    INTEGER NOT NULL,
    media_type TEXT NOT NULL,
    size       INTEGER,
    -- of the object that has its bytes; NULL until they are all there
    version    TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    -- JSON: how far its import is
    importing  TEXT,
    -- JSON: everything else
    details    TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX media_files_name ON media_files (folder, deleted, name, id);
  CREATE INDEX media_files_updated ON media_files (folder, deleted, updated_at, id);
  CREATE INDEX media_files_size ON media_files (folder, deleted, size, id);
  CREATE INDEX media_files_pending ON media_files (id) WHERE status = 'PENDING';
`

/** Also what the other operations have to ask: whether a media file has its bytes and must not get others. */
export interface MediaOperations extends Synchronous<MediaRecords> {
  hasBytes(id: string): boolean
}

const COLUMNS = { name: 'name', updated: 'updated_at', size: 'coalesce(size, 0)' } as const

export function mediaOperations(statements: MediaStatements): MediaOperations {
  const { run, one, all, findObject, removeObject, tell } = statements
  const { folderOr, folderAt, ...folders } = folderOperations(statements, (ids, at) => removeMedia(ids, at))

  const find = (id: string): MediaFile | undefined => {
    const row = one('SELECT * FROM media_files WHERE id = ?', id)
    return row && mediaFromRow(row)
  }
  const put = (file: MediaFile): MediaFile => {
    const columns = mediaColumns(file)
    const names = Object.keys(columns)
    run(
      `INSERT OR REPLACE INTO media_files (${names.join(', ')}) VALUES (${names.map(() => '?').join(', ')})`,
      ...Object.values(columns),
    )
    return file
  }
  const remove = (key: string, at: number): void => {
    const object = findObject(MEDIA_BUCKET, key)
    if (object === undefined) return
    removeObject(object, at)
    tell(() => [objectRemoved(object, at)])
  }
  const removeMedia = (ids: readonly string[], at: number): number => {
    let count = 0
    for (const id of ids) {
      const gone = run('DELETE FROM media_files WHERE id = ?', id)
      count += gone
      if (gone > 0) for (const key of [id, thumbnailKey(id)]) remove(key, at)
    }
    return count
  }
  const unfinished = (id: string): UploadRecord[] =>
    all("SELECT * FROM uploads WHERE face = 'media' AND key = ? AND state IN ('open', 'finishing')", id).map(
      uploadFromRow,
    )
  const page = (request: ListMediaRequest): Row[] => {
    const { folder, deleted, types, sort, descending, after, limit } = request
    const [column, order, beyond] = [COLUMNS[sort], descending ? 'DESC' : 'ASC', descending ? '<' : '>']
    const conditions: string[] = ['deleted = ?']
    const values: SqlValue[] = [deleted ? 1 : 0]
    if (folder !== undefined) {
      conditions.push('folder = ?')
      values.push(folder)
    }
    if (types.length > 0) {
      conditions.push('media_type IN (SELECT value FROM json_each(?))')
      values.push(JSON.stringify(types))
    }
    if (request.private !== undefined) {
      conditions.push('private = ?')
      values.push(request.private ? 1 : 0)
    }
    if (after !== undefined) {
      conditions.push(`(${column}, id) ${beyond} (?, ?)`)
      values.push(...after)
    }
    return all(
      `SELECT * FROM media_files WHERE ${conditions.join(' AND ')} ORDER BY ${column} ${order}, id ${order} LIMIT ?`,
      ...values,
      limit,
    )
  }

  const placeOf = (folder: string, path: readonly string[], at: number): string =>
    folderAt(folderOr(folder), path, at)

  return {
    ...folders,
    ...grantOperations(statements, { find, put, unfinished, removeBytes: remove, placeOf }),
    hasBytes: (id) => one('SELECT 1 FROM media_files WHERE id = ? AND version IS NOT NULL', id) !== undefined,

    openMediaUploads: unfinished,

    insertMedia: (file, path) => put({ ...file, folder: placeOf(file.folder, path, file.createdAt) }),

    findMedia: (ids) => ids.flatMap((id) => find(id) ?? []),

    listMedia: (request) => page(request).map(mediaFromRow),

    updateMedia(id, { name, folder, labels }, at) {
      const file = find(id)
      if (file === undefined || (folder !== undefined && folderOr(folder) !== folder)) return undefined
      return put({
        ...file,
        name: name ?? file.name,
        folder: folder ?? file.folder,
        labels: labels ?? file.labels,
        updatedAt: at,
      })
    },

    pendingMedia(after, limit) {
      return all(
        "SELECT * FROM media_files WHERE status = 'PENDING' AND id > ? ORDER BY id LIMIT ?",
        after ?? '',
        limit,
      ).map(mediaFromRow)
    },

    noteImport(id, importing) {
      const file = find(id)
      if (file?.importing !== undefined) put({ ...file, importing })
    },

    mediaArrived(id, at) {
      const file = find(id)
      if (file === undefined || file.version !== undefined) return file
      const object = findObject(MEDIA_BUCKET, id)
      if (object === undefined) return undefined
      const { version, size } = object
      return put({ ...file, version, size, importing: undefined, updatedAt: at })
    },

    settleMedia(id, outcome, at, event) {
      const file = find(id)
      if (file?.status !== 'PENDING') return false
      const { kind, ...found } = outcome
      const status = kind === 'ready' ? 'READY' : 'FAILED'
      put({ ...file, ...found, status, importing: undefined, updatedAt: at })
      tell(() => [event])
      return true
    },

    trashMedia(ids, deleted, at) {
      let count = 0
      for (const id of ids) {
        const file = find(id)
        if (file === undefined || file.deleted === deleted) continue
        put({ ...file, deleted, folder: deleted ? file.folder : folderOr(file.folder), updatedAt: at })
        count += 1
      }
      return count
    },

    removeMedia,
  }
}
