/** Buckets, and changes to objects that move no byte, as SQL. */
import { objectCopied, objectRemoved, type StoredEvent } from '../../events/event.ts'
import type { ObjectRecord } from '../../objects/object.ts'
import type { BucketRecords } from '../bucket-records.ts'
import type { Synchronous } from '../catalog.ts'
import type { Row, SqlValue } from '../columns.ts'
import type { CopyResult, FoundObject, MoveResult, ObjectChanges } from '../object-changes.ts'
import { bucketFromRow, ownerColumns } from '../rows.ts'
import { freedFor } from '../usage.ts'
import type { ObjectRecords } from './objects.ts'
import type { UsageSums } from './usage.ts'

interface Statements extends Pick<ObjectRecords, 'objectOf' | 'findObject' | 'removeObject' | 'place'> {
  run(text: string, ...values: SqlValue[]): number
  one(text: string, ...values: SqlValue[]): Row | undefined
  all(text: string, ...values: SqlValue[]): Row[]
  exceeds: UsageSums['exceeds']
  /** Events of this transaction. */
  tell(make: () => readonly StoredEvent[]): void
}

/** What the schema of these operations adds to the first one. */
export const STORAGE_SCHEMA = `
  CREATE TABLE buckets (
    id                 TEXT PRIMARY KEY,
    public             INTEGER NOT NULL,
    file_size_limit    INTEGER,
    -- JSON: a list of media types
    allowed_mime_types TEXT,
    owner_role         TEXT NOT NULL,
    owner_sub          TEXT,
    created_at         INTEGER NOT NULL,
    updated_at         INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  INSERT INTO buckets VALUES ('files', 0, NULL, NULL, 'service_role', NULL, 0, 0);

  -- JSON: what only some uploads and objects have
  ALTER TABLE uploads ADD COLUMN details TEXT NOT NULL DEFAULT '{}';
  ALTER TABLE objects ADD COLUMN details TEXT NOT NULL DEFAULT '{}';
  ALTER TABLE objects ADD COLUMN id TEXT NOT NULL DEFAULT '';
  ALTER TABLE objects ADD COLUMN since INTEGER NOT NULL DEFAULT 0;
  UPDATE objects SET since = created_at, id = substr(version, 1, 8) || '-' || substr(version, 9, 4) || '-' ||
    substr(version, 13, 4) || '-' || substr(version, 17, 4) || '-' || substr(version, 21);
  CREATE INDEX objects_updated ON objects (bucket, created_at, key);
  CREATE INDEX objects_created ON objects (bucket, since, key);
`

export function storageOperations(
  statements: Statements,
): Synchronous<BucketRecords> & Synchronous<ObjectChanges> {
  const { run, one, all, objectOf, findObject, removeObject, place, tell, exceeds } = statements
  const remove = (object: ObjectRecord, at: number): void => {
    removeObject(object, at)
    tell(() => [objectRemoved(object, at)])
  }
  const foundAgain = ({ version, bucket, key }: FoundObject): ObjectRecord | undefined => {
    const object = objectOf(version)
    return object?.bucket === bucket && object.key === key ? object : undefined
  }
  const bucketExists = (id: string): boolean => one('SELECT 1 FROM buckets WHERE id = ?', id) !== undefined

  return {
    insertBucket(bucket) {
      if (bucketExists(bucket.id)) return false
      const { owner_role, owner_sub } = ownerColumns(bucket.owner)
      run(
        `INSERT INTO buckets (id, public, file_size_limit, allowed_mime_types, owner_role, owner_sub, created_at,
           updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
        bucket.id,
        bucket.public ? 1 : 0,
        bucket.fileSizeLimit ?? null,
        bucket.allowedMimeTypes === undefined ? null : JSON.stringify(bucket.allowedMimeTypes),
        owner_role,
        owner_sub,
        bucket.createdAt,
        bucket.updatedAt,
      )
      return true
    },

    findBucket(id) {
      const row = one('SELECT * FROM buckets WHERE id = ?', id)
      return row && bucketFromRow(row)
    },

    listBuckets({ search, sort, descending, skip, limit }) {
      return all(
        `SELECT * FROM buckets WHERE instr(lower(id), lower(?)) > 0 OR ? = ''
         ORDER BY ${sort} ${descending ? 'DESC' : 'ASC'}, id LIMIT ? OFFSET ?`,
        search ?? '',
        search ?? '',
        limit,
        skip,
      ).map(bucketFromRow)
    },

    updateBucket(id, changes, at) {
      const row = one('SELECT * FROM buckets WHERE id = ?', id)
      if (row === undefined) return false
      const bucket = bucketFromRow(row)
      const limit = changes.fileSizeLimit === undefined ? bucket.fileSizeLimit : changes.fileSizeLimit
      const types =
        changes.allowedMimeTypes === undefined ? bucket.allowedMimeTypes : changes.allowedMimeTypes
      run(
        'UPDATE buckets SET public = ?, file_size_limit = ?, allowed_mime_types = ?, updated_at = ? WHERE id = ?',
        (changes.public ?? bucket.public) ? 1 : 0,
        limit ?? null,
        types == null ? null : JSON.stringify(types),
        at,
        id,
      )
      return true
    },

    removeBucket(id) {
      if (!bucketExists(id)) return 'missing'
      if (one('SELECT 1 FROM objects WHERE bucket = ? LIMIT 1', id) !== undefined) return 'not-empty'
      run('DELETE FROM buckets WHERE id = ?', id)
      return 'removed'
    },

    removeObjects(objects, at) {
      return objects.flatMap((found) => {
        const object = foundAgain(found)
        if (object !== undefined) remove(object, at)
        return object?.version ?? []
      })
    },

    removeSome(bucket, limit, at) {
      const rows = all('SELECT version FROM objects WHERE bucket = ? ORDER BY key LIMIT ?', bucket, limit)
      for (const { version } of rows) {
        const object = objectOf(String(version))
        if (object !== undefined) remove(object, at)
      }
      return rows.length
    },

    copyObject(source, copy, may, allowance = {}): CopyResult {
      if (objectOf(source) === undefined) return { kind: 'gone' }
      if (!bucketExists(copy.bucket)) return { kind: 'no-bucket' }
      const standing = findObject(copy.bucket, copy.key)
      const { ownerBytes, bucketBytes } = allowance
      const freed = freedFor(copy.owner, standing)
      const exceeded =
        exceeds(copy, copy.size - (standing?.size ?? 0), { bucketBytes }) ??
        exceeds(copy, copy.size - freed, { ownerBytes })
      if (exceeded !== undefined) return { kind: 'exceeded', exceeded }
      const placed = place(copy, standing, may)
      if (placed === 'conflict') return { kind: 'conflict' }
      tell(() => objectCopied(placed, standing, copy.createdAt))
      return { kind: 'copied', object: placed }
    },

    moveObject(found, { bucket, key }, at, allowance = {}): MoveResult {
      const object = foundAgain(found)
      if (object === undefined) return { kind: 'gone' }
      if (!bucketExists(bucket)) return { kind: 'no-bucket' }
      const taken = one('SELECT version FROM objects WHERE bucket = ? AND key = ?', bucket, key)
      if (taken !== undefined && String(taken.version) !== object.version) return { kind: 'conflict' }
      if (bucket !== object.bucket) {
        // The owner holds no more than before.
        const { bucketBytes } = allowance
        const exceeded = exceeds({ ...object, bucket }, object.size, { bucketBytes })
        if (exceeded !== undefined) return { kind: 'exceeded', exceeded }
      }
      run('UPDATE objects SET bucket = ?, key = ? WHERE version = ?', bucket, key, object.version)
      tell(() => objectCopied({ ...object, bucket, key }, object, at))
      return { kind: 'moved' }
    },
  }
}
