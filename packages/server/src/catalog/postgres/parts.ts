/** What is recorded of segments' bytes, as SQL: each of these is one statement that checks the hold's number. */
import type { SegmentId } from '../../blobs/blob-store.ts'
import { CatalogError } from '../catalog.ts'
import { integer, optionalInteger, optionalText, type Row, text } from '../columns.ts'
import { rescueFromRow, rescueText } from '../rescue.ts'
import { type Hold, PART_BLOCK, type SegmentParts, type StoredSegment } from '../segment-parts.ts'
import type { Statements } from './statements.ts'

/** What a grant changes, of a row `s`. @param pending - bytes of a request that died are to be taken back */
export const GRANT = (pending: string): string => `
  fence = s.fence + 1, next_part = s.next_part + ${PART_BLOCK},
  base_parts = CASE WHEN ${pending} THEN s.base_parts ELSE s.in_parts END,
  base_tail_name = CASE WHEN ${pending} THEN s.base_tail_name ELSE s.tail_name END,
  base_tail_length = CASE WHEN ${pending} THEN s.base_tail_length ELSE s.tail_length END`

/** What is read of a row `s`. */
export const STORED = `s.session, s.in_parts, s.tail_name, s.tail_length, s.modified_at, s.sealed, s.rescue,
  CASE WHEN s.lease_until > now() THEN s.holder END AS holder`

export function partOperations({ one, all, run }: Statements): SegmentParts {
  return {
    async storedSegment(segment) {
      const row = await one(`SELECT ${STORED} FROM segments AS s WHERE s.id = $1`, segment)
      return row && storedFromRow(row)
    },

    async holdSegment(segment) {
      const row = await one(
        `UPDATE segments AS s SET ${GRANT('u.pending')}
         FROM (SELECT EXISTS (SELECT 1 FROM uploads WHERE segment = $1 AND rollback IS NOT NULL
             AND state IN ('open', 'finishing', 'sealed')) AS pending) AS u
         WHERE s.id = $1 AND s.sealed = 0 RETURNING s.id, s.fence, s.next_part, ${STORED}`,
        segment,
      )
      return row && holdFromRow(row)
    },

    async reserveParts({ segment, fence }, count) {
      const row = await one(
        'UPDATE segments SET next_part = next_part + $1 WHERE id = $2 AND fence = $3 RETURNING next_part',
        count,
        segment,
        fence,
      )
      if (row === undefined) throw fenced({ segment, fence })
      return { first: integer(row, 'next_part') - count, count }
    },

    async recordParts({ segment, fence }, { start, parts, tail, session, at, unusedFrom }) {
      const begins: number[] = []
      let end = start
      for (const { length } of parts) {
        begins.push(end)
        end += length
      }
      const last = unusedFrom !== undefined
      const row = await one(
        // A hold that ended is as any older one.
        `WITH s AS (
           UPDATE segments AS s SET in_parts = $3, tail_name = $4, tail_length = $5,
             session = coalesce($6, session), modified_at = $7, next_part = coalesce($8, next_part),
             fence = fence + $9, holder = CASE WHEN $9 = 0 THEN holder END,
             lease_until = CASE WHEN $9 = 0 THEN lease_until END
           WHERE id = $1 AND fence = $2 AND in_parts = $10 AND sealed = 0 RETURNING *),
         added AS (INSERT INTO segment_parts (segment, start, number, length, etag)
           SELECT s.id, p.start, p.number, p.length, p.etag
           FROM s, unnest($11::bigint[], $12::bigint[], $13::bigint[], $14::text[]) AS p (start, number, length, etag))
         SELECT ${STORED} FROM s`,
        segment,
        fence,
        end,
        tail?.name ?? null,
        tail?.length ?? null,
        session ?? null,
        at,
        unusedFrom ?? null,
        last ? 1 : 0,
        start,
        begins,
        parts.map(({ number }) => number),
        parts.map(({ length }) => length),
        parts.map(({ etag }) => etag),
      )
      if (row === undefined) throw fenced({ segment, fence })
      return storedFromRow(row)
    },

    async cutParts({ segment, fence }, length) {
      const row = await one(
        `WITH s AS (
           UPDATE segments AS s SET in_parts = CASE WHEN stays THEN in_parts ELSE base_parts END,
             tail_name = CASE WHEN stays THEN tail_name ELSE base_tail_name END,
             tail_length = CASE WHEN stays THEN tail_length ELSE base_tail_length END
           FROM (SELECT in_parts + coalesce(tail_length, 0) = $3 AS stays FROM segments WHERE id = $1 FOR UPDATE) AS n
           WHERE id = $1 AND fence = $2 AND sealed = 0
             AND (stays OR base_parts + coalesce(base_tail_length, 0) = $3)
           RETURNING s.*),
         gone AS (DELETE FROM segment_parts AS p USING s WHERE p.segment = s.id AND p.start >= s.in_parts)
         SELECT ${STORED} FROM s`,
        segment,
        fence,
        length,
      )
      if (row === undefined) throw fenced({ segment, fence })
      return storedFromRow(row)
    },

    async partsFrom(segment, start, limit) {
      const rows = await all(
        'SELECT number, length, etag FROM segment_parts WHERE segment = $1 AND start >= $2 ORDER BY start LIMIT $3',
        segment,
        start,
        limit,
      )
      return rows.map((row) => ({
        number: integer(row, 'number'),
        length: integer(row, 'length'),
        etag: text(row, 'etag'),
      }))
    },

    async recordRescue(segment, before, rescue) {
      const rows = await run(
        'UPDATE segments SET rescue = $1 WHERE id = $2 AND rescue IS NOT DISTINCT FROM $3 AND sealed = 0',
        rescueText(rescue),
        segment,
        rescueText(before),
      )
      return rows > 0
    },

    async sealParts(segment, length) {
      const sealed = await run(
        `WITH s AS (
           UPDATE segments SET sealed = 1, fence = fence + 1, holder = NULL, lease_until = NULL, in_parts = $2,
             session = NULL, tail_name = NULL, tail_length = NULL, base_parts = $2, base_tail_name = NULL,
             base_tail_length = NULL, rescue = NULL
           WHERE id = $1 AND in_parts + coalesce(tail_length, 0) = $2 AND sealed = 0 RETURNING id),
         gone AS (DELETE FROM segment_parts AS p USING s WHERE p.segment = s.id)
         SELECT 1 FROM s`,
        segment,
        length,
      )
      if (sealed > 0) return true
      const row = await one(
        'SELECT 1 FROM segments WHERE id = $1 AND sealed = 1 AND in_parts = $2',
        segment,
        length,
      )
      return row !== undefined
    },
  }
}

export function storedFromRow(row: Row): StoredSegment {
  const [name, length] = [optionalText(row, 'tail_name'), optionalInteger(row, 'tail_length')]
  return {
    session: optionalText(row, 'session'),
    inParts: integer(row, 'in_parts'),
    tail: name === undefined || length === undefined ? undefined : { name, length },
    modifiedAt: integer(row, 'modified_at'),
    sealed: integer(row, 'sealed') === 1,
    rescue: rescueFromRow(row),
    holder: optionalInteger(row, 'holder'),
  }
}

/** @param row - after the grant */
export function holdFromRow(row: Row): Hold {
  return {
    segment: text(row, 'id') as SegmentId,
    fence: integer(row, 'fence'),
    stored: storedFromRow(row),
    numbers: { first: integer(row, 'next_part') - PART_BLOCK, count: PART_BLOCK },
  }
}

export function fenced({ segment, fence }: Pick<Hold, 'segment' | 'fence'>): CatalogError {
  return new CatalogError(
    'fenced',
    `the right ${fence} to write to segment ${segment} has ended: nothing was changed`,
  )
}
