/** Packs as SQL; see catalog/packs.ts. */
import type { SegmentId } from '../../blobs/blob-store.ts'
import type { Synchronous } from '../catalog.ts'
import { integer, type Row, type SqlValue, text } from '../columns.ts'
import type { Packs } from '../packs.ts'

/** A step of the schema. */
export const PACKS_STEP = `
  -- Bytes may still be added to this pack: it stays although nothing may refer to it yet.
  ALTER TABLE segments ADD COLUMN held INTEGER NOT NULL DEFAULT 0;
  -- References that a pack ever had; NULL for segments of a single object.
  ALTER TABLE segments ADD COLUMN packed INTEGER;
  -- Where the bytes begin in a pack; NULL where they are the whole segment.
  ALTER TABLE object_segments ADD COLUMN start INTEGER;
  CREATE INDEX segments_held ON segments (id) WHERE held = 1;
  CREATE INDEX segments_packed ON segments (id) WHERE packed IS NOT NULL;
  CREATE INDEX object_segments_packed ON object_segments (segment, start) WHERE start IS NOT NULL;
`

interface Statements {
  run(text: string, ...values: SqlValue[]): number
  all(text: string, ...values: SqlValue[]): Row[]
}

export function packOperations({ run, all }: Statements): Synchronous<Packs> {
  const ids = (rows: Row[]): SegmentId[] => rows.map((row) => text(row, 'id') as SegmentId)
  return {
    beginPack(id) {
      run('INSERT INTO segments (id, refs, released_at, held, packed) VALUES (?, 0, NULL, 1, 0)', id)
    },

    endPack(id, at) {
      run(
        `UPDATE segments SET held = 0, released_at = CASE WHEN refs = 0 THEN ? END
         WHERE id = ? AND held = 1`,
        at,
        id,
      )
    },

    heldPacks: () => ids(all('SELECT id FROM segments WHERE held = 1 ORDER BY id')),

    sparsePacks(limit) {
      return ids(
        all(
          `SELECT id FROM segments WHERE packed IS NOT NULL AND held = 0 AND refs > 0 AND refs * 2 < packed
           ORDER BY id LIMIT ?`,
          limit,
        ),
      )
    },

    packedPieces(id, after, limit) {
      return all(
        `SELECT DISTINCT start, length FROM object_segments WHERE segment = ? AND start IS NOT NULL AND start > ?
         ORDER BY start LIMIT ?`,
        id,
        after ?? -1,
        limit,
      ).map((row) => ({ segment: id, start: integer(row, 'start'), length: integer(row, 'length') }))
    },

    movePieces(moves, at) {
      for (const { from, to } of moves) {
        const moved = run(
          'UPDATE object_segments SET segment = ?, start = ? WHERE segment = ? AND start = ? AND length = ?',
          to.segment,
          to.start,
          from.segment,
          from.start,
          from.length,
        )
        if (moved === 0) continue
        run(
          'UPDATE segments SET refs = refs + ?1, packed = packed + ?1, released_at = NULL WHERE id = ?2',
          moved,
          to.segment,
        )
        run('UPDATE segments SET refs = refs - ? WHERE id = ?', moved, from.segment)
        run('UPDATE segments SET released_at = ? WHERE id = ? AND refs = 0 AND held = 0', at, from.segment)
      }
    },
  }
}
