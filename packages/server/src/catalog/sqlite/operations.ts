/**
 * The catalog's operations as SQL on one connection, without waiting. The worker runs them in groups, the
 * in-memory catalog one by one; either way an operation that throws leaves no trace.
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { SegmentPiece } from '../../blobs/blob-store.ts'
import { uploadCreated, uploadEnded, uploadPublished } from '../../events/event.ts'
import { MEDIA_BUCKET } from '../../media/media-file.ts'
import type { Answer, UploadId, UploadRecord } from '../../uploads/upload.ts'
import type {
  Catalog,
  CatalogCounts,
  FinalResult,
  PublishResult,
  Synchronous,
  UploadEnd,
} from '../catalog.ts'
import type { Row, SqlValue } from '../columns.ts'
import { type Columns, uploadColumns, uploadFromRow } from '../rows.ts'
import { listingOperations } from './listing.ts'
import { mediaOperations } from './media.ts'
import { objectOperations } from './objects.ts'
import { type EventLog, outboxOperations } from './outbox.ts'
import { packOperations } from './packs.ts'
import { partOperations } from './parts.ts'
import { storageOperations } from './storage.ts'
import { UNFINISHED, usageSums } from './usage.ts'

export type SqliteOperations = Omit<Synchronous<Catalog>, 'close'>

export function sqliteOperations(
  db: DatabaseSync,
  log: EventLog = { keep: false, live: false, told: [] },
): SqliteOperations {
  const prepared = new Map<string, StatementSync>()
  const sql = (text: string): StatementSync => {
    const known = prepared.get(text)
    if (known !== undefined) return known
    const statement = db.prepare(text)
    prepared.set(text, statement)
    return statement
  }
  const run = (text: string, ...values: SqlValue[]): number => Number(sql(text).run(...values).changes)
  /** Rows of one table that all have the same columns. */
  const inserter = (table: 'uploads' | 'objects' | 'object_segments'): ((columns: Columns) => void) => {
    let statement: StatementSync | undefined
    return (columns) => {
      if (statement === undefined) {
        const names = Object.keys(columns)
        const places = names.map(() => '?').join(', ')
        statement = db.prepare(`INSERT INTO ${table} (${names.join(', ')}) VALUES (${places})`)
      }
      statement.run(...Object.values(columns))
    }
  }
  const addUpload = inserter('uploads')
  const addFinalUpload = inserter('uploads')
  const usage = usageSums(db)
  const one = (text: string, ...values: SqlValue[]): Row | undefined => sql(text).get(...values)
  const all = (text: string, ...values: SqlValue[]): Row[] => sql(text).all(...values)
  const { tell, ...outbox } = outboxOperations({ run, one, all }, log)

  const { records, operations: objects } = objectOperations({ run, inserter, one, all })
  const { findObject, place, addSegment, reference, release } = records

  const releaseUpload = (upload: UploadRecord, at: number): void => {
    const { concat } = upload
    if (concat.kind === 'final') for (const { segment } of concat.pieces) release(segment, at)
    else release(upload.segment, at)
  }
  /** No final upload counts for these partial ones any more, unless another one has their bytes too. */
  const countApart = (pieces: readonly SegmentPiece[]): void => {
    run(
      `UPDATE uploads SET joined = 0 WHERE ${UNFINISHED} AND state = 'sealed' AND segment IN (
         SELECT id FROM segments WHERE refs = 1 AND id IN (SELECT value FROM json_each(?)))`,
      JSON.stringify(pieces.map(({ segment }) => segment)),
    )
  }
  const findUpload = (id: UploadId): UploadRecord | undefined => {
    const row = one('SELECT * FROM uploads WHERE id = ?', id)
    return row && uploadFromRow(row)
  }

  const findFinal = (signature: string): UploadRecord | undefined => {
    const row = one('SELECT * FROM uploads WHERE signature = ?', signature)
    return row && uploadFromRow(row)
  }

  const iterate = (text: string, ...values: SqlValue[]): Iterable<Row> => sql(text).iterate(...values)
  const storage = storageOperations({
    run,
    one,
    all,
    ...records,
    tell,
    exceeds: usage.exceeds,
  })
  const { hasBytes, ...media } = mediaOperations({ run, one, all, ...records, tell })

  return {
    ...storage,
    ...listingOperations({ iterate, objectOf: records.objectOf }),
    ...objects,
    ...media,
    ...outbox,
    ...packOperations({ run, all }),
    ...partOperations({ run, one, all }),

    pairWith(storeIdentity) {
      run("INSERT INTO meta (name, value) VALUES ('store', ?) ON CONFLICT DO NOTHING", storeIdentity)
      return { paired: String(one("SELECT value FROM meta WHERE name = 'store'")?.value) }
    },

    insertUpload(upload, allowance = {}) {
      const exceeded = usage.exceeds(upload, upload.length ?? 0, allowance)
      if (exceeded !== undefined) return exceeded
      addSegment(upload.segment, 1, null)
      addUpload(uploadColumns(upload))
      tell(() => uploadCreated(upload))
      return undefined
    },

    insertFinal(upload, signature, partials, allowance = {}): FinalResult {
      const there = findFinal(signature)
      if (there !== undefined) return { kind: 'exists', upload: there }
      const sealed = (id: UploadId): boolean =>
        one("SELECT 1 FROM uploads WHERE id = ? AND state = 'sealed'", id) !== undefined
      if (!partials.every(sealed)) return { kind: 'changed' }
      // Bytes that only change their name are not counted twice.
      const fresh = one(
        'SELECT coalesce(sum(length), 0) AS bytes FROM uploads WHERE NOT joined AND id IN (SELECT value FROM json_each(?))',
        JSON.stringify(partials),
      )
      const exceeded = usage.exceeds(upload, (upload.length ?? 0) - Number(fresh?.bytes), allowance)
      if (exceeded !== undefined) return { kind: 'exceeded', exceeded }
      for (const id of partials) run('UPDATE uploads SET joined = 1 WHERE id = ?', id)
      addFinalUpload({ ...uploadColumns(upload), signature })
      if (upload.concat.kind === 'final') for (const { segment } of upload.concat.pieces) reference(segment)
      tell(() => uploadCreated(upload))
      return { kind: 'inserted' }
    },

    describeUpload(id, details) {
      const upload = findUpload(id)
      if (upload?.state.kind !== 'open') return
      const columns = uploadColumns({ ...upload, ...details })
      const { content_type, file_name, details: more } = columns
      run(
        'UPDATE uploads SET content_type = ?, file_name = ?, details = ? WHERE id = ?',
        content_type ?? null,
        file_name ?? null,
        more ?? null,
        id,
      )
    },

    findUpload,
    findFinal,

    setLength(id, length) {
      run("UPDATE uploads SET length = ? WHERE id = ? AND length IS NULL AND state = 'open'", length, id)
      const row = one("SELECT length FROM uploads WHERE id = ? AND state = 'open'", id)
      return row === undefined ? undefined : Number(row.length)
    },

    setEnding(id, ending) {
      run(
        "UPDATE uploads SET details = json_set(details, '$.ending', ?) WHERE id = ? AND state = 'open'",
        ending,
        id,
      )
    },

    reserve: usage.reserve,

    advance(id, { durable, expiresAt }) {
      run(
        `UPDATE uploads SET durable = max(durable, ?), expires_at = max(expires_at, ?)
         WHERE id = ? AND state IN ('open', 'sealed')`,
        durable ?? 0,
        expiresAt ?? 0,
        id,
      )
    },

    lowerDurable(id, durable) {
      run("UPDATE uploads SET durable = min(durable, ?) WHERE id = ? AND state = 'open'", durable, id)
    },

    setRollback(id, rollback) {
      run("UPDATE uploads SET rollback = ? WHERE id = ? AND state = 'open'", rollback ?? null, id)
    },

    beginFinish(id, length) {
      run(
        // A request that began where all bytes were there already has none that it could take back.
        `UPDATE uploads SET state = 'finishing', length = ?, rollback = NULL
         WHERE id = ? AND state = 'open' AND (length IS NULL OR length = ?)
           AND (rollback IS NULL OR rollback = ?)`,
        length,
        id,
        length,
        length,
      )
      return one("SELECT 1 FROM uploads WHERE id = ? AND state = 'finishing'", id) !== undefined
    },

    seal(id) {
      run("UPDATE uploads SET state = 'sealed' WHERE id = ? AND state = 'finishing'", id)
      return one("SELECT 1 FROM uploads WHERE id = ? AND state = 'sealed'", id) !== undefined
    },

    publish(
      id,
      added,
      { may = { insert: true, replace: true }, metadata, packed = false } = {},
    ): PublishResult {
      const upload = findUpload(id)
      if (upload?.state.kind === 'complete') return { kind: 'complete', answer: upload.state.answer }
      const whole = packed && upload?.state.kind === 'open' && upload.length === added.size
      if (upload === undefined || !(whole || upload.state.kind === 'finishing')) return { kind: 'ended' }
      if (upload.face === 'storage' && storage.findBucket(added.bucket) === undefined) {
        return { kind: 'denied', why: 'the bucket was deleted while bytes were arriving' }
      }
      if (added.bucket === MEDIA_BUCKET && hasBytes(added.key)) {
        return { kind: 'denied', why: 'the file of this token was finalized before' }
      }
      const standing = findObject(added.bucket, added.key)
      if (upload.precondition === 'absent' && standing !== undefined) return { kind: 'conflict' }
      const placed = place(added, standing, may)
      if (placed === 'conflict') {
        return { kind: 'denied', why: 'whoever made this upload may not do so any more' }
      }
      if (whole) run('DELETE FROM segments WHERE id = ? AND refs = 1', upload.segment)
      else releaseUpload(upload, added.createdAt)
      const answer: Answer = { version: added.version, object: placed.id, publishedAt: added.createdAt }
      run(
        "UPDATE uploads SET state = 'complete', ended_at = ?, outcome = ?, metadata = ? WHERE id = ?",
        added.createdAt,
        JSON.stringify(answer),
        metadata ?? upload.metadata,
        id,
      )
      const published = { ...upload, metadata: metadata ?? upload.metadata }
      tell(() => uploadPublished(published, placed, standing))
      return { kind: 'published', answer }
    },

    endUpload(id, from, end: UploadEnd, at) {
      const upload = findUpload(id)
      if (upload === undefined || !from.some((kind) => kind === upload.state.kind)) return false
      // A final upload that failed does not keep its partial ones from being joined anew.
      run(
        'UPDATE uploads SET state = ?, ended_at = ?, outcome = ?, signature = NULL WHERE id = ?',
        end.kind,
        at,
        end.kind === 'failed' ? JSON.stringify(end.failure) : null,
        id,
      )
      // 0: never an object's bytes, so there is no reader to wait for.
      releaseUpload(upload, 0)
      if (upload.concat.kind === 'final') countApart(upload.concat.pieces)
      tell(() => uploadEnded(upload, end, at))
      return true
    },

    unfinished(after, limit) {
      return all(
        "SELECT * FROM uploads WHERE state IN ('open', 'finishing') AND id > ? ORDER BY id LIMIT ?",
        after ?? '',
        limit,
      ).map(uploadFromRow)
    },

    expired(now, limit) {
      return all(
        "SELECT * FROM uploads WHERE state IN ('open', 'sealed') AND expires_at <= ? ORDER BY expires_at LIMIT ?",
        now,
        limit,
      ).map(uploadFromRow)
    },

    forgetEnded(before, limit) {
      return run(
        `DELETE FROM uploads WHERE id IN (
           SELECT id FROM uploads WHERE state IN ('cancelled', 'expired', 'failed') AND ended_at <= ? LIMIT ?)`,
        before,
        limit,
      )
    },

    counts(): CatalogCounts {
      const uploads = { open: 0, finishing: 0, sealed: 0, complete: 0, cancelled: 0, expired: 0, failed: 0 }
      for (const row of all('SELECT state, count(*) AS n FROM uploads GROUP BY state')) {
        const state = String(row.state)
        if (state in uploads) uploads[state as keyof typeof uploads] = Number(row.n)
      }
      return { uploads, objects: Number(one('SELECT count(*) AS n FROM objects')?.n ?? 0) }
    },

    unfinishedCounts: usage.unfinished,
  }
}
