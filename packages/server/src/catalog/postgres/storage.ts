/** Buckets, and changes to objects that move no byte, as SQL. */
import { objectCopied, objectRemoved, type StoredEvent } from '../../events/event.ts'
import type { ObjectRecord } from '../../objects/object.ts'
import type { BucketRecords } from '../bucket-records.ts'
import { text } from '../columns.ts'
import type { CopyResult, FoundObject, MoveResult, ObjectChanges } from '../object-changes.ts'
import { bucketFromRow, ownerColumns } from '../rows.ts'
import { freedFor } from '../usage.ts'
import { insertOf } from './insert.ts'
import type { ObjectRecords } from './objects.ts'
import type { Statements } from './statements.ts'
import type { UsageSums } from './usage.ts'

interface Parts
  extends Statements,
    Pick<ObjectRecords, 'objectOf' | 'findObject' | 'removeObject' | 'place'>,
    Pick<UsageSums, 'exceeds'> {
  /** Events of this transaction. */
  tell(make: () => readonly StoredEvent[]): Promise<void>
}

interface StorageOperations extends BucketRecords, ObjectChanges {
  /** Until the transaction ends it is not removed. */
  bucketStays(id: string): Promise<boolean>
}

export function storageOperations(parts: Parts): StorageOperations {
  const { run, one, all, objectOf, findObject, removeObject, place, tell, exceeds } = parts
  const remove = async (object: ObjectRecord, at: number): Promise<void> => {
    await removeObject(object, at)
    await tell(() => [objectRemoved(object, at)])
  }
  const foundAgain = async ({ version, bucket, key }: FoundObject): Promise<ObjectRecord | undefined> => {
    const object = await objectOf(version, 'locked')
    return object?.bucket === bucket && object.key === key ? object : undefined
  }
  const bucketStays = async (id: string): Promise<boolean> =>
    (await one('SELECT 1 FROM buckets WHERE id = $1 FOR KEY SHARE', id)) !== undefined

  return {
    bucketStays,

    async insertBucket(bucket) {
      const columns = {
        id: bucket.id,
        public: bucket.public ? 1 : 0,
        file_size_limit: bucket.fileSizeLimit ?? null,
        allowed_mime_types:
          bucket.allowedMimeTypes === undefined ? null : JSON.stringify(bucket.allowedMimeTypes),
        ...ownerColumns(bucket.owner),
        created_at: bucket.createdAt,
        updated_at: bucket.updatedAt,
      }
      const [insert, ...values] = insertOf('buckets', columns)
      return (await run(`${insert} ON CONFLICT DO NOTHING`, ...values)) > 0
    },

    async findBucket(id) {
      const row = await one('SELECT * FROM buckets WHERE id = $1', id)
      return row && bucketFromRow(row)
    },

    async listBuckets({ search, sort, descending, skip, limit }) {
      const rows = await all(
        `SELECT * FROM buckets WHERE strpos(lower(id), lower($1)) > 0 OR $1 = ''
         ORDER BY ${sort} ${descending ? 'DESC' : 'ASC'}, id LIMIT $2 OFFSET $3`,
        search ?? '',
        limit,
        skip,
      )
      return rows.map(bucketFromRow)
    },

    async updateBucket(id, changes, at) {
      const row = await one('SELECT * FROM buckets WHERE id = $1 FOR NO KEY UPDATE', id)
      if (row === undefined) return false
      const bucket = bucketFromRow(row)
      const limit = changes.fileSizeLimit === undefined ? bucket.fileSizeLimit : changes.fileSizeLimit
      const types =
        changes.allowedMimeTypes === undefined ? bucket.allowedMimeTypes : changes.allowedMimeTypes
      await run(
        `UPDATE buckets SET public = $1, file_size_limit = $2, allowed_mime_types = $3, updated_at = $4
         WHERE id = $5`,
        (changes.public ?? bucket.public) ? 1 : 0,
        limit ?? null,
        types == null ? null : JSON.stringify(types),
        at,
        id,
      )
      return true
    },

    async removeBucket(id) {
      // Whoever is about to put an object into it is waited for.
      if ((await one('SELECT 1 FROM buckets WHERE id = $1 FOR UPDATE', id)) === undefined) return 'missing'
      if ((await one('SELECT 1 FROM objects WHERE bucket = $1 LIMIT 1', id)) !== undefined) return 'not-empty'
      await run('DELETE FROM buckets WHERE id = $1', id)
      return 'removed'
    },

    async removeObjects(objects, at) {
      const removed: string[] = []
      for (const found of objects) {
        const object = await foundAgain(found)
        if (object === undefined) continue
        await remove(object, at)
        removed.push(object.version)
      }
      return removed
    },

    async removeSome(bucket, limit, at) {
      const rows = await all(
        'SELECT version FROM objects WHERE bucket = $1 ORDER BY key LIMIT $2',
        bucket,
        limit,
      )
      for (const row of rows) {
        const object = await objectOf(text(row, 'version'), 'locked')
        if (object !== undefined) await remove(object, at)
      }
      return rows.length
    },

    async copyObject(source, copy, may, allowance = {}): Promise<CopyResult> {
      // Locked: while it is there, its segments are.
      if ((await objectOf(source, 'locked')) === undefined) return { kind: 'gone' }
      if (!(await bucketStays(copy.bucket))) return { kind: 'no-bucket' }
      const standing = await findObject(copy.bucket, copy.key, 'locked')
      const { ownerBytes, bucketBytes } = allowance
      const freed = freedFor(copy.owner, standing)
      const exceeded =
        (await exceeds(copy, copy.size - (standing?.size ?? 0), { bucketBytes })) ??
        (await exceeds(copy, copy.size - freed, { ownerBytes }))
      if (exceeded !== undefined) return { kind: 'exceeded', exceeded }
      const placed = await place(copy, standing, may)
      if (placed === 'conflict') return { kind: 'conflict' }
      await tell(() => objectCopied(placed, standing, copy.createdAt))
      return { kind: 'copied', object: placed }
    },

    async moveObject(found, { bucket, key }, at, allowance = {}): Promise<MoveResult> {
      const object = await foundAgain(found)
      if (object === undefined) return { kind: 'gone' }
      if (!(await bucketStays(bucket))) return { kind: 'no-bucket' }
      const taken = await one('SELECT version FROM objects WHERE bucket = $1 AND key = $2', bucket, key)
      if (taken !== undefined && text(taken, 'version') !== object.version) return { kind: 'conflict' }
      if (bucket !== object.bucket) {
        // The owner holds no more than before.
        const { bucketBytes } = allowance
        const exceeded = await exceeds({ ...object, bucket }, object.size, { bucketBytes })
        if (exceeded !== undefined) return { kind: 'exceeded', exceeded }
      }
      await run('UPDATE objects SET bucket = $1, key = $2 WHERE version = $3', bucket, key, object.version)
      await tell(() => objectCopied({ ...object, bucket, key }, object, at))
      return { kind: 'moved' }
    },
  }
}
