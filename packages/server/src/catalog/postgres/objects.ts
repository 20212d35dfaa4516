/** Objects and the segments that their bytes lie in, as SQL: who refers to a segment is counted in its row. */
import type { SegmentId } from '../../blobs/blob-store.ts'
import type { ObjectRecord } from '../../objects/object.ts'
import type { Verdict } from '../../uploads/judge.ts'
import type { Catalog } from '../catalog.ts'
import { CatalogError } from '../catalog.ts'
import { integer, type Row, text } from '../columns.ts'
import { objectColumns, objectFromRow } from '../rows.ts'
import { CLAIM, UNCLAIMED } from './claims.ts'
import { insertOf } from './insert.ts'
import type { Statements } from './statements.ts'

/** With the pieces of its bytes, so that an object is one trip. */
export const OBJECTS = `SELECT o.*, (
    SELECT coalesce(json_agg(json_build_object('segment', s.segment, 'length', s.length, 'start', s.start)
      ORDER BY s.ordinal), '[]') FROM object_segments AS s WHERE s.version = o.version) AS pieces
  FROM objects AS o`

/** Steps that operations of several kinds are made of. */
export interface ObjectRecords {
  /** With `locked`, nobody else changes or removes it until the transaction ends. */
  objectOf(version: string, locked?: 'locked'): Promise<ObjectRecord | undefined>
  findObject(bucket: string, key: string, locked?: 'locked'): Promise<ObjectRecord | undefined>
  removeObject(object: ObjectRecord, at: number): Promise<void>
  /**
   * Puts an object under its key, in place of `standing`, which was found there locked, if that is allowed. A second
   * look could find what was judged not to be there; who comes second to a free key runs into its unique index, and its
   * transaction is repeated.
   */
  place(
    added: ObjectRecord,
    standing: ObjectRecord | undefined,
    may: Verdict,
  ): Promise<ObjectRecord | 'conflict'>
  addSegment(id: SegmentId, refs: number, releasedAt: number | null): Promise<void>
  /** @throws CatalogError `damaged` for a segment without a row */
  reference(ids: readonly SegmentId[]): Promise<void>
  release(ids: readonly SegmentId[], at: number): Promise<void>
}

type ObjectOperations = Pick<
  Catalog,
  | 'findObject'
  | 'objects'
  | 'undigested'
  | 'setDigests'
  | 'releasedSegments'
  | 'forgetSegments'
  | 'segments'
  | 'adoptSegments'
>

export function objectFrom(row: Row): ObjectRecord {
  return objectFromRow(row, row.pieces as readonly Row[])
}

/** How often each is named, in an order that is the same for everybody: then nobody waits in a circle. */
function tally(ids: readonly SegmentId[]): { names: string[]; counts: number[] } {
  const counts = new Map<string, number>()
  for (const id of [...ids].sort()) counts.set(id, (counts.get(id) ?? 0) + 1)
  return { names: [...counts.keys()], counts: [...counts.values()] }
}

/** Rows by segment, locked in that order, with how often each is named. */
const NAMED = `SELECT s.id, n.count FROM segments AS s
    JOIN unnest($1::text[], $2::bigint[]) AS n (id, count) ON s.id = n.id ORDER BY s.id FOR UPDATE OF s`

export function objectOperations(
  { run, one, all }: Statements,
  node: number,
): { readonly records: ObjectRecords; readonly operations: ObjectOperations } {
  const addSegment = async (id: SegmentId, refs: number, releasedAt: number | null): Promise<void> => {
    await run('INSERT INTO segments (id, refs, released_at) VALUES ($1, $2, $3)', id, refs, releasedAt)
  }
  const reference = async (ids: readonly SegmentId[]): Promise<void> => {
    if (ids.length === 0) return
    const { names, counts } = tally(ids)
    // `packed` stays NULL where it is none.
    const known = await run(
      `WITH named AS (${NAMED}) UPDATE segments AS s
       SET refs = refs + named.count, packed = packed + named.count, released_at = NULL
       FROM named WHERE s.id = named.id`,
      names,
      counts,
    )
    // Without a row its bytes would pass for an orphan's, and the sweep would take them from the object.
    if (known < names.length)
      throw new CatalogError('damaged', 'a segment has no row that could count a reference')
  }
  const release = async (ids: readonly SegmentId[], at: number): Promise<void> => {
    if (ids.length === 0) return
    const { names, counts } = tally(ids)
    await run(
      `WITH named AS (${NAMED}) UPDATE segments AS s SET refs = refs - named.count,
         released_at = CASE WHEN refs = named.count AND held = 0 THEN $3 ELSE released_at END
       FROM named WHERE s.id = named.id`,
      names,
      counts,
      at,
    )
  }
  const objectOf = async (version: string, locked?: 'locked'): Promise<ObjectRecord | undefined> => {
    const row = await one(`${OBJECTS} WHERE o.version = $1${locked ? ' FOR UPDATE OF o' : ''}`, version)
    return row && objectFrom(row)
  }
  const findObject = async (
    bucket: string,
    key: string,
    locked?: 'locked',
  ): Promise<ObjectRecord | undefined> => {
    const row = await one(
      `${OBJECTS} WHERE o.bucket = $1 AND o.key = $2${locked ? ' FOR UPDATE OF o' : ''}`,
      bucket,
      key,
    )
    return row && objectFrom(row)
  }
  const removeObject = async (found: ObjectRecord, at: number): Promise<void> => {
    await release(
      found.segments.map(({ segment }) => segment),
      at,
    )
    await run(
      `WITH pieces AS (DELETE FROM object_segments WHERE version = $1)
       DELETE FROM objects WHERE version = $1`,
      found.version,
    )
  }
  const insertObject = async (added: ObjectRecord): Promise<void> => {
    const { segments } = added
    await run(...insertOf('objects', objectColumns(added)))
    if (segments.length === 0) return
    await run(
      `INSERT INTO object_segments (version, ordinal, segment, length, start)
       SELECT $1, p.ordinal - 1, p.segment, p.length, nullif(p.start, -1)
       FROM unnest($2::text[], $3::bigint[], $4::bigint[]) WITH ORDINALITY AS p (segment, length, start, ordinal)`,
      added.version,
      segments.map(({ segment }) => segment),
      segments.map(({ length }) => length),
      segments.map(({ start }) => start ?? -1),
    )
    await reference(segments.map(({ segment }) => segment))
  }
  /** What replaces an object takes on its id, so that records elsewhere that name it stay true. */
  const place: ObjectRecords['place'] = async (added, standing, may) => {
    if (standing === undefined ? !may.insert : !may.replace) return 'conflict'
    const placed = standing === undefined ? added : { ...added, id: standing.id, since: standing.since }
    if (standing !== undefined) await removeObject(standing, added.createdAt)
    await insertObject(placed)
    return placed
  }

  const operations: ObjectOperations = {
    findObject: (bucket, key) => findObject(bucket, key),

    async objects(after, limit) {
      const rows = await all(
        `${OBJECTS} WHERE o.version > $1 ORDER BY o.version LIMIT $2`,
        after ?? '',
        limit,
      )
      return rows.map(objectFrom)
    },

    async undigested(limit) {
      const rows = await all(`${OBJECTS} WHERE o.digests IS NULL ORDER BY o.version LIMIT $1`, limit)
      return rows.map(objectFrom)
    },

    async setDigests(version, digests) {
      await run('UPDATE objects SET digests = $1 WHERE version = $2', JSON.stringify(digests), version)
    },

    async releasedSegments(before, limit) {
      const rows = await all(
        `WITH due AS (SELECT id FROM segments WHERE released_at <= $1 AND ${UNCLAIMED('$3')}
             ORDER BY released_at LIMIT $2 FOR UPDATE SKIP LOCKED),
           taken AS (UPDATE segments AS s SET ${CLAIM('$3')} FROM due WHERE s.id = due.id
             RETURNING s.id, s.released_at)
         SELECT id FROM taken ORDER BY released_at`,
        before,
        limit,
        node,
      )
      return rows.map((row) => text(row, 'id') as SegmentId)
    },

    async forgetSegments(ids) {
      await run('DELETE FROM segments WHERE id = ANY($1) AND refs = 0', ids)
    },

    async segments(after, limit) {
      const rows = await all(
        'SELECT id, refs FROM segments WHERE id > $1 ORDER BY id LIMIT $2',
        after ?? '',
        limit,
      )
      return rows.map((row) => ({ id: text(row, 'id') as SegmentId, refs: integer(row, 'refs') }))
    },

    async adoptSegments(ids, releasedAt) {
      await run(
        'INSERT INTO segments (id, refs, released_at) SELECT id, 0, $2 FROM unnest($1::text[]) AS id',
        ids,
        releasedAt,
      )
    },
  }
  return {
    records: { objectOf, findObject, removeObject, place, addSegment, reference, release },
    operations,
  }
}
