/** Folders of media files, as SQL. Changes to folders come one after the other: a tree is no single row. */
import { newMediaId, ROOT_FOLDER } from '../../media/media-file.ts'
import { text } from '../columns.ts'
import type { MediaRecords } from '../media-records.ts'
import { folderFromRow } from '../media-rows.ts'
import type { PgValue, Statements } from './statements.ts'

type FolderRecords = Pick<
  MediaRecords,
  'insertFolder' | 'findFolders' | 'listFolders' | 'updateFolder' | 'trashFolders' | 'removeFolders'
>

interface FolderOperations extends FolderRecords {
  /** The folder if it is there and not in the trash, else the root. */
  folderOr(id: string): Promise<string>
  /** The folder at the end of a path of names below `from`; what is missing of it is made. */
  folderAt(from: string, path: readonly string[], at: number): Promise<string>
}

/** The folders named by a list of ids, and everything below them. */
const BELOW = `WITH RECURSIVE below (id) AS (
    SELECT id FROM media_folders WHERE id = ANY($1)
    UNION SELECT f.id FROM media_folders AS f JOIN below ON f.parent = below.id)`

const COLUMNS = { name: 'name', updated: 'updated_at' } as const

/** Held by whatever changes the tree, and by what puts a file into it. */
const TREE = 'media folders'

export function folderOperations(
  { run, one, all, lock }: Statements,
  removeMedia: (ids: readonly string[], at: number) => Promise<number>,
): FolderOperations {
  const exists = async (id: string): Promise<boolean> => {
    if (id === ROOT_FOLDER) return true
    await lock(TREE)
    return (await one('SELECT 1 FROM media_folders WHERE id = $1 AND deleted = 0', id)) !== undefined
  }
  const insert = async (
    id: string,
    name: string,
    parent: string,
    created: number,
    updated: number,
  ): Promise<void> => {
    await run('INSERT INTO media_folders VALUES ($1, $2, $3, 0, $4, $5)', id, name, parent, created, updated)
  }

  return {
    folderOr: async (id) => ((await exists(id)) ? id : ROOT_FOLDER),

    async folderAt(from, path, at) {
      if (path.length > 0) await lock(TREE)
      let folder = from
      for (const name of path) {
        const row = await one(
          'SELECT id FROM media_folders WHERE parent = $1 AND deleted = 0 AND name = $2 ORDER BY id LIMIT 1',
          folder,
          name,
        )
        const id = row === undefined ? newMediaId() : text(row, 'id')
        if (row === undefined) await insert(id, name, folder, at, at)
        folder = id
      }
      return folder
    },

    async insertFolder({ id, name, parent, createdAt, updatedAt }) {
      await lock(TREE)
      if (!(await exists(parent))) return false
      await insert(id, name, parent, createdAt, updatedAt)
      return true
    },

    async findFolders(ids) {
      const rows = await all('SELECT * FROM media_folders WHERE id = ANY($1)', ids)
      const found = new Map(rows.map((row) => [String(row.id), row]))
      return ids.flatMap((id) => {
        const row = found.get(id)
        return row === undefined ? [] : folderFromRow(row)
      })
    },

    async listFolders({ parent, deleted, sort, descending, after, limit }) {
      const [column, order, beyond] = [COLUMNS[sort], descending ? 'DESC' : 'ASC', descending ? '<' : '>']
      const values: PgValue[] = []
      const place = (value: PgValue): string => `$${values.push(value)}`
      const conditions = [`deleted = ${place(deleted ? 1 : 0)}`]
      if (parent !== undefined) conditions.push(`parent = ${place(parent)}`)
      if (after !== undefined) {
        conditions.push(`(${column}, id) ${beyond} (${place(after[0])}, ${place(after[1])})`)
      }
      const rows = await all(
        `SELECT * FROM media_folders WHERE ${conditions.join(' AND ')}
         ORDER BY ${column} ${order}, id ${order} LIMIT ${place(limit)}`,
        ...values,
      )
      return rows.map(folderFromRow)
    },

    async updateFolder(id, { name, parent }, at) {
      await lock(TREE)
      const row = await one('SELECT * FROM media_folders WHERE id = $1', id)
      if (row === undefined || (parent !== undefined && !(await exists(parent)))) return 'missing'
      const inside = `${BELOW} SELECT 1 FROM below WHERE id = $2`
      if (parent !== undefined && (await one(inside, [id], parent)) !== undefined) return 'cycle'
      const folder = folderFromRow(row)
      const changed = { ...folder, name: name ?? folder.name, parent: parent ?? folder.parent, updatedAt: at }
      await run(
        'UPDATE media_folders SET name = $1, parent = $2, updated_at = $3 WHERE id = $4',
        changed.name,
        changed.parent,
        at,
        id,
      )
      return changed
    },

    async trashFolders(ids, deleted, at) {
      await lock(TREE)
      const flag = deleted ? 1 : 0
      await run(
        `${BELOW} UPDATE media_files SET deleted = $2, updated_at = $3
         WHERE folder IN (SELECT id FROM below) AND deleted <> $2`,
        ids,
        flag,
        at,
      )
      const count = await run(
        `${BELOW} UPDATE media_folders SET deleted = $2, updated_at = $3
         WHERE id IN (SELECT id FROM below) AND deleted <> $2`,
        ids,
        flag,
        at,
      )
      // What comes out of the trash must lie somewhere.
      for (const id of deleted ? [] : ids) {
        const row = await one('SELECT parent FROM media_folders WHERE id = $1', id)
        if (row !== undefined && !(await exists(text(row, 'parent')))) {
          await run('UPDATE media_folders SET parent = $1 WHERE id = $2', ROOT_FOLDER, id)
        }
      }
      return count
    },

    async removeFolders(ids, limit, at) {
      await lock(TREE)
      const files = await all(
        `${BELOW} SELECT id FROM media_files WHERE folder IN (SELECT id FROM below) LIMIT $2`,
        ids,
        limit,
      )
      await removeMedia(
        files.map((row) => text(row, 'id')),
        at,
      )
      if (files.length === limit) return false
      await run(`${BELOW} DELETE FROM media_folders WHERE id IN (SELECT id FROM below)`, ids)
      return true
    },
  }
}
