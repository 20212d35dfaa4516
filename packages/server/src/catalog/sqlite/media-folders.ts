/** Folders of media files, as SQL. What lies below a folder is found by walking down its index. */
import { newMediaId, ROOT_FOLDER } from '../../media/media-file.ts'
import type { Synchronous } from '../catalog.ts'
import type { SqlValue } from '../columns.ts'
import type { MediaRecords } from '../media-records.ts'
import { folderFromRow } from '../media-rows.ts'
import type { MediaStatements } from './media.ts'

type FolderRecords = Pick<
  Synchronous<MediaRecords>,
  'insertFolder' | 'findFolders' | 'listFolders' | 'updateFolder' | 'trashFolders' | 'removeFolders'
>

interface FolderOperations extends FolderRecords {
  /** The folder if it is there and not in the trash, else the root. */
  folderOr(id: string): string
  /** The folder at the end of a path of names below `from`; what is missing of it is made. */
  folderAt(from: string, path: readonly string[], at: number): string
}

/** The folders named by a JSON list of ids, and everything below them. */
const BELOW = `WITH RECURSIVE below (id) AS (
    SELECT id FROM media_folders WHERE id IN (SELECT value FROM json_each(?1))
    UNION SELECT f.id FROM media_folders AS f JOIN below ON f.parent = below.id)`

const COLUMNS = { name: 'name', updated: 'updated_at' } as const

export function folderOperations(
  { run, one, all }: MediaStatements,
  removeMedia: (ids: readonly string[], at: number) => number,
): FolderOperations {
  const exists = (id: string): boolean =>
    id === ROOT_FOLDER || one('SELECT 1 FROM media_folders WHERE id = ? AND deleted = 0', id) !== undefined
  const insert = (id: string, name: string, parent: string, created: number, updated: number): void => {
    run('INSERT INTO media_folders VALUES (?, ?, ?, 0, ?, ?)', id, name, parent, created, updated)
  }

  return {
    folderOr: (id) => (exists(id) ? id : ROOT_FOLDER),

    folderAt(from, path, at) {
      let folder = from
      for (const name of path) {
        const row = one(
          'SELECT id FROM media_folders WHERE parent = ? AND deleted = 0 AND name = ? ORDER BY id',
          folder,
          name,
        )
        const id = row === undefined ? newMediaId() : String(row.id)
        if (row === undefined) insert(id, name, folder, at, at)
        folder = id
      }
      return folder
    },

    insertFolder({ id, name, parent, createdAt, updatedAt }) {
      if (!exists(parent)) return false
      insert(id, name, parent, createdAt, updatedAt)
      return true
    },

    findFolders: (ids) =>
      ids.flatMap((id) => all('SELECT * FROM media_folders WHERE id = ?', id).map(folderFromRow)),

    listFolders({ parent, deleted, sort, descending, after, limit }) {
      const [column, order, beyond] = [COLUMNS[sort], descending ? 'DESC' : 'ASC', descending ? '<' : '>']
      const conditions = ['deleted = ?']
      const values: SqlValue[] = [deleted ? 1 : 0]
      if (parent !== undefined) {
        conditions.push('parent = ?')
        values.push(parent)
      }
      if (after !== undefined) {
        conditions.push(`(${column}, id) ${beyond} (?, ?)`)
        values.push(...after)
      }
      return all(
        `SELECT * FROM media_folders WHERE ${conditions.join(' AND ')}
         ORDER BY ${column} ${order}, id ${order} LIMIT ?`,
        ...values,
        limit,
      ).map(folderFromRow)
    },

    updateFolder(id, { name, parent }, at) {
      const row = one('SELECT * FROM media_folders WHERE id = ?', id)
      if (row === undefined || (parent !== undefined && !exists(parent))) return 'missing'
      const inside = `${BELOW} SELECT 1 FROM below WHERE id = ?2`
      if (parent !== undefined && one(inside, JSON.stringify([id]), parent) !== undefined) return 'cycle'
      const folder = folderFromRow(row)
      const changed = { ...folder, name: name ?? folder.name, parent: parent ?? folder.parent, updatedAt: at }
      run(
        'UPDATE media_folders SET name = ?, parent = ?, updated_at = ? WHERE id = ?',
        changed.name,
        changed.parent,
        at,
        id,
      )
      return changed
    },

    trashFolders(ids, deleted, at) {
      const list = JSON.stringify(ids)
      const flag = deleted ? 1 : 0
      run(
        `${BELOW} UPDATE media_files SET deleted = ?2, updated_at = ?3
         WHERE folder IN (SELECT id FROM below) AND deleted <> ?2`,
        list,
        flag,
        at,
      )
      const count = run(
        `${BELOW} UPDATE media_folders SET deleted = ?2, updated_at = ?3
         WHERE id IN (SELECT id FROM below) AND deleted <> ?2`,
        list,
        flag,
        at,
      )
      // What comes out of the trash must lie somewhere.
      for (const id of deleted ? [] : ids) {
        const row = one('SELECT parent FROM media_folders WHERE id = ?', id)
        if (row !== undefined && !exists(String(row.parent))) {
          run('UPDATE media_folders SET parent = ? WHERE id = ?', ROOT_FOLDER, id)
        }
      }
      return count
    },

    removeFolders(ids, limit, at) {
      const list = JSON.stringify(ids)
      const files = all(
        `${BELOW} SELECT id FROM media_files WHERE folder IN (SELECT id FROM below) LIMIT ?2`,
        list,
        limit,
      )
      removeMedia(
        files.map(({ id }) => String(id)),
        at,
      )
      if (files.length === limit) return false
      run(`${BELOW} DELETE FROM media_folders WHERE id IN (SELECT id FROM below)`, list)
      return true
    },
  }
}
