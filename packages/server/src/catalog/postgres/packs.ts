/** Packs, as SQL. */
import type { SegmentId } from '../../blobs/blob-store.ts'
import { integer, type Row, text } from '../columns.ts'
import type { Packs } from '../packs.ts'
import type { Statements } from './statements.ts'

export function packOperations({ run, all }: Statements): Packs {
  const ids = (rows: Row[]): SegmentId[] => rows.map((row) => text(row, 'id') as SegmentId)
  return {
    async beginPack(id) {
      await run('INSERT INTO segments (id, refs, released_at, held, packed) VALUES ($1, 0, NULL, 1, 0)', id)
    },

    async endPack(id, at) {
      await run(
        `UPDATE segments SET held = 0, released_at = CASE WHEN refs = 0 THEN $1::bigint END
         WHERE id = $2 AND held = 1`,
        at,
        id,
      )
    },

    heldPacks: async () => ids(await all('SELECT id FROM segments WHERE held = 1 ORDER BY id')),

    async sparsePacks(limit) {
      return ids(
        await all(
          `SELECT id FROM segments WHERE packed IS NOT NULL AND held = 0 AND refs > 0 AND refs * 2 < packed
           ORDER BY id LIMIT $1`,
          limit,
        ),
      )
    },

    async packedPieces(id, after, limit) {
      const rows = await all(
        `SELECT DISTINCT start, length FROM object_segments
         WHERE segment = $1 AND start IS NOT NULL AND start > $2 ORDER BY start LIMIT $3`,
        id,
        after ?? -1,
        limit,
      )
      return rows.map((row) => ({
        segment: id,
        start: integer(row, 'start'),
        length: integer(row, 'length'),
      }))
    },

    async movePieces(moves, at) {
      for (const { from, to } of moves) {
        const moved = await run(
          'UPDATE object_segments SET segment = $1, start = $2 WHERE segment = $3 AND start = $4 AND length = $5',
          to.segment,
          to.start,
          from.segment,
          from.start,
          from.length,
        )
        if (moved === 0) continue
        await run(
          'UPDATE segments SET refs = refs + $1, packed = packed + $1, released_at = NULL WHERE id = $2',
          moved,
          to.segment,
        )
        await run(
          `UPDATE segments SET refs = refs - $1,
             released_at = CASE WHEN refs = $1 AND held = 0 THEN $2 ELSE released_at END WHERE id = $3`,
          moved,
          at,
          from.segment,
        )
      }
    },
  }
}
