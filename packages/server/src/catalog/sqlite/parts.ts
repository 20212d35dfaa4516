/** What is recorded of segments' bytes, as SQL. A hold's number is checked in the statement that changes anything. */
import type { SegmentId } from '../../blobs/blob-store.ts'
import { CatalogError, type Synchronous } from '../catalog.ts'
import { integer, optionalInteger, optionalText, type Row, type SqlValue, text } from '../columns.ts'
import { rescueFromRow, rescueText } from '../rescue.ts'
import {
  type Hold,
  PART_BLOCK,
  type SegmentParts,
  type StoredSegment,
  type StoredTail,
} from '../segment-parts.ts'

/** A step of the schema. */
export const PARTS_STEP = `
  ALTER TABLE segments ADD COLUMN fence INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE segments ADD COLUMN session TEXT;
  ALTER TABLE segments ADD COLUMN in_parts INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE segments ADD COLUMN tail_name TEXT;
  ALTER TABLE segments ADD COLUMN tail_length INTEGER;
  -- What taking bytes back returns to: in_parts and tail as the hold found them.
  ALTER TABLE segments ADD COLUMN base_parts INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE segments ADD COLUMN base_tail_name TEXT;
  ALTER TABLE segments ADD COLUMN base_tail_length INTEGER;
  ALTER TABLE segments ADD COLUMN next_part INTEGER NOT NULL DEFAULT 1;
  ALTER TABLE segments ADD COLUMN modified_at INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE segments ADD COLUMN sealed INTEGER NOT NULL DEFAULT 0;

  CREATE TABLE segment_parts (
    segment TEXT NOT NULL REFERENCES segments (id) ON DELETE CASCADE,
    -- Bytes before it.
    start   INTEGER NOT NULL,
    number  INTEGER NOT NULL,
    length  INTEGER NOT NULL,
    etag    TEXT NOT NULL,
    PRIMARY KEY (segment, start)
  ) STRICT, WITHOUT ROWID;
`

/** A later one. */
export const RESCUE_STEP = `
  -- JSON; NULL where nothing strays.
  ALTER TABLE segments ADD COLUMN rescue TEXT;
`

interface Statements {
  run(text: string, ...values: SqlValue[]): number
  one(text: string, ...values: SqlValue[]): Row | undefined
  all(text: string, ...values: SqlValue[]): Row[]
}

export function partOperations({ run, one, all }: Statements): Synchronous<SegmentParts> {
  const find = (segment: SegmentId): StoredSegment | undefined => {
    const row = one('SELECT * FROM segments WHERE id = ?', segment)
    return row && storedFromRow(row)
  }
  /** After a change: what holds now, if there was one. */
  const changed = (rows: number, { segment, fence }: Hold): StoredSegment => {
    const stored = rows === 0 ? undefined : find(segment)
    if (stored === undefined) throw fenced(segment, fence)
    return stored
  }

  return {
    storedSegment: find,

    holdSegment(segment) {
      const row = one(
        // A checksummed request that died left bytes that are to be taken back: to where it began.
        `UPDATE segments SET fence = fence + 1, next_part = next_part + ?,
           base_parts = CASE WHEN pending THEN base_parts ELSE in_parts END,
           base_tail_name = CASE WHEN pending THEN base_tail_name ELSE tail_name END,
           base_tail_length = CASE WHEN pending THEN base_tail_length ELSE tail_length END
         FROM (SELECT EXISTS (SELECT 1 FROM uploads WHERE segment = ?2 AND rollback IS NOT NULL) AS pending)
         WHERE id = ?2 AND sealed = 0 RETURNING *`,
        PART_BLOCK,
        segment,
      )
      if (row === undefined) return undefined
      return {
        segment,
        fence: integer(row, 'fence'),
        stored: storedFromRow(row),
        numbers: { first: integer(row, 'next_part') - PART_BLOCK, count: PART_BLOCK },
      }
    },

    reserveParts({ segment, fence }, count) {
      const row = one(
        'UPDATE segments SET next_part = next_part + ? WHERE id = ? AND fence = ? RETURNING next_part',
        count,
        segment,
        fence,
      )
      if (row === undefined) throw fenced(segment, fence)
      return { first: integer(row, 'next_part') - count, count }
    },

    recordParts(hold, { start, parts, tail, session, at, unusedFrom }) {
      const { segment, fence } = hold
      const bytes = parts.reduce((sum, { length }) => sum + length, 0)
      const rows = run(
        `UPDATE segments SET in_parts = in_parts + ?, tail_name = ?, tail_length = ?,
           session = coalesce(?, session), modified_at = ?, next_part = coalesce(?, next_part),
           fence = fence + ?
         WHERE id = ? AND fence = ? AND in_parts = ? AND sealed = 0`,
        bytes,
        tail?.name ?? null,
        tail?.length ?? null,
        session ?? null,
        at,
        unusedFrom ?? null,
        // A hold that ended is as any older one.
        unusedFrom === undefined ? 0 : 1,
        segment,
        fence,
        start,
      )
      const stored = changed(rows, hold)
      let begin = start
      for (const { number, etag, length } of parts) {
        run('INSERT INTO segment_parts VALUES (?, ?, ?, ?, ?)', segment, begin, number, length, etag)
        begin += length
      }
      return stored
    },

    cutParts(hold, length) {
      const { segment, fence } = hold
      const now = find(segment)
      const rows =
        now !== undefined && lengthOf(now) === length
          ? run('UPDATE segments SET modified_at = modified_at WHERE id = ? AND fence = ?', segment, fence)
          : run(
              `UPDATE segments SET in_parts = base_parts, tail_name = base_tail_name, tail_length = base_tail_length
               WHERE id = ? AND fence = ? AND base_parts + coalesce(base_tail_length, 0) = ? AND sealed = 0`,
              segment,
              fence,
              length,
            )
      const stored = changed(rows, hold)
      run('DELETE FROM segment_parts WHERE segment = ? AND start >= ?', segment, stored.inParts)
      return stored
    },

    partsFrom(segment, start, limit) {
      return all(
        'SELECT number, length, etag FROM segment_parts WHERE segment = ? AND start >= ? ORDER BY start LIMIT ?',
        segment,
        start,
        limit,
      ).map((row) => ({
        number: integer(row, 'number'),
        length: integer(row, 'length'),
        etag: text(row, 'etag'),
      }))
    },

    recordRescue(segment, before, rescue) {
      const rows = run(
        'UPDATE segments SET rescue = ? WHERE id = ? AND rescue IS ? AND sealed = 0',
        rescueText(rescue),
        segment,
        rescueText(before),
      )
      return rows > 0
    },

    sealParts(segment, length) {
      const sealed = run(
        `UPDATE segments SET sealed = 1, fence = fence + 1, in_parts = ?1, session = NULL, tail_name = NULL,
           tail_length = NULL, base_parts = ?1, base_tail_name = NULL, base_tail_length = NULL, rescue = NULL
         WHERE id = ?2 AND in_parts + coalesce(tail_length, 0) = ?1 AND sealed = 0`,
        length,
        segment,
      )
      if (sealed > 0) run('DELETE FROM segment_parts WHERE segment = ?', segment)
      return (
        one('SELECT 1 FROM segments WHERE id = ? AND sealed = 1 AND in_parts = ?', segment, length) !==
        undefined
      )
    },
  }
}

function lengthOf({ inParts, tail }: StoredSegment): number {
  return inParts + (tail?.length ?? 0)
}

function storedFromRow(row: Row): StoredSegment {
  return {
    session: optionalText(row, 'session'),
    inParts: integer(row, 'in_parts'),
    tail: tailFromRow(row),
    modifiedAt: integer(row, 'modified_at'),
    sealed: integer(row, 'sealed') === 1,
    rescue: rescueFromRow(row),
  }
}

function tailFromRow(row: Row): StoredTail | undefined {
  const [name, length] = [optionalText(row, 'tail_name'), optionalInteger(row, 'tail_length')]
  return name === undefined || length === undefined ? undefined : { name, length }
}

function fenced(segment: SegmentId, fence: number): CatalogError {
  return new CatalogError(
    'fenced',
    `the right ${fence} to write to segment ${segment} has ended: nothing was changed`,
  )
}
