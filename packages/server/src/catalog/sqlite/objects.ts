/** Objects and the segments that their bytes lie in, as SQL: who refers to a segment is counted in its row. */
import type { SegmentId } from '../../blobs/blob-store.ts'
import type { ObjectRecord } from '../../objects/object.ts'
import type { Verdict } from '../../uploads/judge.ts'
import type { Catalog, Synchronous } from '../catalog.ts'
import { CatalogError } from '../catalog.ts'
import type { Row, SqlValue } from '../columns.ts'
import { type Columns, objectColumns, objectFromRow } from '../rows.ts'

interface Statements {
  run(text: string, ...values: SqlValue[]): number
  /** Adds rows that all have the same columns. */
  inserter(table: 'objects' | 'object_segments'): (columns: Columns) => void
  one(text: string, ...values: SqlValue[]): Row | undefined
  all(text: string, ...values: SqlValue[]): Row[]
}

/** Steps that operations of several kinds are made of. */
export interface ObjectRecords {
  objectOf(version: string): ObjectRecord | undefined
  findObject(bucket: string, key: string): ObjectRecord | undefined
  removeObject(object: ObjectRecord, at: number): void
  /** Puts an object under its key, in place of `standing`, the one there, if that is allowed. */
  place(added: ObjectRecord, standing: ObjectRecord | undefined, may: Verdict): ObjectRecord | 'conflict'
  addSegment(id: SegmentId, refs: number, releasedAt: number | null): void
  /** @throws CatalogError `damaged` for a segment without a row */
  reference(id: SegmentId): void
  release(id: SegmentId, at: number): void
}

type ObjectOperations = Pick<
  Synchronous<Catalog>,
  | 'findObject'
  | 'objects'
  | 'undigested'
  | 'setDigests'
  | 'releasedSegments'
  | 'forgetSegments'
  | 'segments'
  | 'adoptSegments'
>

export function objectOperations({ run, inserter, one, all }: Statements): {
  readonly records: ObjectRecords
  readonly operations: ObjectOperations
} {
  const addObject = inserter('objects')
  const addPiece = inserter('object_segments')
  const object = (row: Row): ObjectRecord =>
    objectFromRow(
      row,
      all(
        'SELECT segment, length, start FROM object_segments WHERE version = ? ORDER BY ordinal',
        String(row.version),
      ),
    )

  const addSegment = (id: SegmentId, refs: number, releasedAt: number | null): void => {
    run('INSERT INTO segments (id, refs, released_at) VALUES (?, ?, ?)', id, refs, releasedAt)
  }
  const reference = (id: SegmentId): void => {
    // `packed` stays NULL where it is none.
    const known = run(
      'UPDATE segments SET refs = refs + 1, packed = packed + 1, released_at = NULL WHERE id = ?',
      id,
    )
    // Without a row its bytes would pass for an orphan's, and the sweep would take them from the object.
    if (known === 0)
      throw new CatalogError('damaged', `segment ${id} has no row that could count a reference`)
  }
  const release = (id: SegmentId, at: number): void => {
    run('UPDATE segments SET refs = refs - 1 WHERE id = ?', id)
    run('UPDATE segments SET released_at = ? WHERE id = ? AND refs = 0 AND held = 0', at, id)
  }
  const removeObject = (found: ObjectRecord, at: number): void => {
    for (const { segment } of found.segments) release(segment, at)
    run('DELETE FROM object_segments WHERE version = ?', found.version)
    run('DELETE FROM objects WHERE version = ?', found.version)
  }
  const insertObject = (added: ObjectRecord): void => {
    addObject(objectColumns(added))
    for (const [ordinal, { segment, length, start }] of added.segments.entries()) {
      addPiece({ version: added.version, ordinal, segment, length, start: start ?? null })
      reference(segment)
    }
  }
  const objectOf = (version: string): ObjectRecord | undefined => {
    const row = one('SELECT * FROM objects WHERE version = ?', version)
    return row && object(row)
  }
  /** What replaces an object takes on its id, so that records elsewhere that name it stay true. */
  const place: ObjectRecords['place'] = (added, standing, may) => {
    if (standing === undefined ? !may.insert : !may.replace) return 'conflict'
    const placed = standing === undefined ? added : { ...added, id: standing.id, since: standing.since }
    if (standing !== undefined) removeObject(standing, added.createdAt)
    insertObject(placed)
    return placed
  }
  const findObject = (bucket: string, key: string): ObjectRecord | undefined => {
    const row = one('SELECT * FROM objects WHERE bucket = ? AND key = ?', bucket, key)
    return row && object(row)
  }

  const operations: ObjectOperations = {
    findObject,

    objects(after, limit) {
      return all('SELECT * FROM objects WHERE version > ? ORDER BY version LIMIT ?', after ?? '', limit).map(
        object,
      )
    },

    undigested(limit) {
      return all('SELECT * FROM objects WHERE digests IS NULL ORDER BY version LIMIT ?', limit).map(object)
    },

    setDigests(version, digests) {
      run('UPDATE objects SET digests = ? WHERE version = ?', JSON.stringify(digests), version)
    },

    releasedSegments(before, limit) {
      return all(
        'SELECT id FROM segments WHERE released_at <= ? ORDER BY released_at LIMIT ?',
        before,
        limit,
      ).map((row) => String(row.id) as SegmentId)
    },

    forgetSegments(ids) {
      for (const id of ids) run('DELETE FROM segments WHERE id = ? AND refs = 0', id)
    },

    segments(after, limit) {
      return all('SELECT id, refs FROM segments WHERE id > ? ORDER BY id LIMIT ?', after ?? '', limit).map(
        (row) => ({
          id: String(row.id) as SegmentId,
          refs: Number(row.refs),
        }),
      )
    },

    adoptSegments(ids, releasedAt) {
      for (const id of ids) addSegment(id, 0, releasedAt)
    },
  }
  return {
    records: { objectOf, findObject, removeObject, place, addSegment, reference, release },
    operations,
  }
}
