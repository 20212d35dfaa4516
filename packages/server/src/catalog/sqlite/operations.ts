/**
 * The catalog's operations as SQL on one connection, without waiting. The worker runs them in groups, the
 * in-memory catalog one by one; either way an operation that throws leaves no trace.
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { SegmentId } from '../../blobs/blob-store.ts'
import type { ObjectRecord } from '../../objects/object.ts'
import type { Answer, UploadId, UploadRecord } from '../../uploads/upload.ts'
import type { Catalog, CatalogCounts, PublishResult, Synchronous, UploadEnd } from '../catalog.ts'
import { objectFromRow, ownerColumns, type Row, type SqlValue, uploadFromRow } from './rows.ts'

export type SqliteOperations = Omit<Synchronous<Catalog>, 'close'>

export function sqliteOperations(db: DatabaseSync): SqliteOperations {
  const prepared = new Map<string, StatementSync>()
  const sql = (text: string): StatementSync => {
    const known = prepared.get(text)
    if (known !== undefined) return known
    const statement = db.prepare(text)
    prepared.set(text, statement)
    return statement
  }
  const run = (text: string, ...values: SqlValue[]): number => Number(sql(text).run(...values).changes)
  const one = (text: string, ...values: SqlValue[]): Row | undefined => sql(text).get(...values)
  const all = (text: string, ...values: SqlValue[]): Row[] => sql(text).all(...values)

  const object = (row: Row): ObjectRecord =>
    objectFromRow(
      row,
      all('SELECT segment, length FROM object_segments WHERE version = ? ORDER BY ordinal', String(row['version'])),
    )

  const addSegment = (id: SegmentId, refs: number, releasedAt: number | null): void => {
    run('INSERT INTO segments (id, refs, released_at) VALUES (?, ?, ?)', id, refs, releasedAt)
  }
  const reference = (id: SegmentId): void => {
    run('UPDATE segments SET refs = refs + 1, released_at = NULL WHERE id = ?', id)
  }
  const release = (id: SegmentId, at: number): void => {
    run('UPDATE segments SET refs = refs - 1 WHERE id = ?', id)
    run('UPDATE segments SET released_at = ? WHERE id = ? AND refs = 0', at, id)
  }
  const removeObject = (found: ObjectRecord, at: number): void => {
    for (const { segment } of found.segments) release(segment, at)
    run('DELETE FROM object_segments WHERE version = ?', found.version)
    run('DELETE FROM objects WHERE version = ?', found.version)
  }
  const insertObject = (added: ObjectRecord): void => {
    const owner = ownerColumns(added.owner)
    run(
      `INSERT INTO objects (version, bucket, key, size, content_type, file_name, owner_role, owner_sub, created_at, sha256)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      added.version,
      added.bucket,
      added.key,
      added.size,
      added.headers.contentType,
      added.headers.fileName ?? null,
      owner.owner_role,
      owner.owner_sub,
      added.createdAt,
      added.sha256 ?? null,
    )
    for (const [ordinal, { segment, length }] of added.segments.entries()) {
      run(
        'INSERT INTO object_segments (version, ordinal, segment, length) VALUES (?, ?, ?, ?)',
        added.version,
        ordinal,
        segment,
        length,
      )
      reference(segment)
    }
  }
  const findUpload = (id: UploadId): UploadRecord | undefined => {
    const row = one('SELECT * FROM uploads WHERE id = ?', id)
    return row && uploadFromRow(row)
  }
  const findObject = (bucket: string, key: string): ObjectRecord | undefined => {
    const row = one('SELECT * FROM objects WHERE bucket = ? AND key = ?', bucket, key)
    return row && object(row)
  }

  return {
    pairWith(storeIdentity) {
      run("INSERT INTO meta (name, value) VALUES ('store', ?) ON CONFLICT DO NOTHING", storeIdentity)
      return { paired: String(one("SELECT value FROM meta WHERE name = 'store'")?.['value']) }
    },

    insertUpload(upload) {
      const owner = ownerColumns(upload.owner)
      addSegment(upload.segment, 1, null)
      run(
        `INSERT INTO uploads (id, face, owner_role, owner_sub, bucket, key, precondition, length, metadata,
           content_type, file_name, segment, durable, created_at, expires_at, state)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'open')`,
        upload.id,
        upload.face,
        owner.owner_role,
        owner.owner_sub,
        upload.bucket,
        upload.key,
        upload.precondition,
        upload.length ?? null,
        upload.metadata,
        upload.headers.contentType,
        upload.headers.fileName ?? null,
        upload.segment,
        upload.durable,
        upload.createdAt,
        upload.expiresAt,
      )
    },

    findUpload,

    setLength(id, length) {
      run("UPDATE uploads SET length = ? WHERE id = ? AND length IS NULL AND state = 'open'", length, id)
      const row = one("SELECT length FROM uploads WHERE id = ? AND state = 'open'", id)
      return row === undefined ? undefined : Number(row['length'])
    },

    advance(id, { durable, expiresAt }) {
      run(
        `UPDATE uploads SET durable = max(durable, ?), expires_at = max(expires_at, ?)
         WHERE id = ? AND state = 'open'`,
        durable ?? 0,
        expiresAt ?? 0,
        id,
      )
    },

    resetDurable(id, durable) {
      run("UPDATE uploads SET durable = ? WHERE id = ? AND state = 'open'", durable, id)
    },

    beginFinish(id, length) {
      run(
        `UPDATE uploads SET state = 'finishing', length = ?
         WHERE id = ? AND state = 'open' AND (length IS NULL OR length = ?)`,
        length,
        id,
        length,
      )
      return one("SELECT 1 FROM uploads WHERE id = ? AND state = 'finishing'", id) !== undefined
    },

    publish(id, added): PublishResult {
      const upload = findUpload(id)
      if (upload?.state.kind === 'complete') return { kind: 'complete', answer: upload.state.answer }
      if (upload?.state.kind !== 'finishing') return { kind: 'ended' }
      const standing = findObject(added.bucket, added.key)
      if (standing !== undefined) {
        if (upload.precondition === 'absent') return { kind: 'conflict' }
        removeObject(standing, added.createdAt)
      }
      insertObject(added)
      release(upload.segment, added.createdAt)
      const answer: Answer = { version: added.version, publishedAt: added.createdAt }
      run(
        "UPDATE uploads SET state = 'complete', ended_at = ?, outcome = ? WHERE id = ?",
        added.createdAt,
        JSON.stringify(answer),
        id,
      )
      return { kind: 'published', answer }
    },

    endUpload(id, from, end: UploadEnd, at) {
      const upload = findUpload(id)
      if (upload === undefined || !from.some((kind) => kind === upload.state.kind)) return false
      run(
        'UPDATE uploads SET state = ?, ended_at = ?, outcome = ? WHERE id = ?',
        end.kind,
        at,
        end.kind === 'failed' ? JSON.stringify(end.failure) : null,
        id,
      )
      // 0: never an object's bytes, so there is no reader to wait for.
      release(upload.segment, 0)
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
        "SELECT * FROM uploads WHERE state = 'open' AND expires_at <= ? ORDER BY expires_at LIMIT ?",
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

    findObject,

    objects(after, limit) {
      return all('SELECT * FROM objects WHERE version > ? ORDER BY version LIMIT ?', after ?? '', limit).map(object)
    },

    undigested(limit) {
      return all('SELECT * FROM objects WHERE sha256 IS NULL ORDER BY version LIMIT ?', limit).map(object)
    },

    setSha256(version, sha256) {
      run('UPDATE objects SET sha256 = ? WHERE version = ?', sha256, version)
    },

    releasedSegments(before, limit) {
      return all(
        'SELECT id FROM segments WHERE released_at <= ? ORDER BY released_at LIMIT ?',
        before,
        limit,
      ).map((row) => String(row['id']) as SegmentId)
    },

    forgetSegments(ids) {
      for (const id of ids) run('DELETE FROM segments WHERE id = ? AND refs = 0', id)
    },

    segments(after, limit) {
      return all('SELECT id, refs FROM segments WHERE id > ? ORDER BY id LIMIT ?', after ?? '', limit).map((row) => ({
        id: String(row['id']) as SegmentId,
        refs: Number(row['refs']),
      }))
    },

    adoptSegments(ids, releasedAt) {
      for (const id of ids) addSegment(id, 0, releasedAt)
    },

    counts(): CatalogCounts {
      const uploads = { open: 0, finishing: 0, complete: 0, cancelled: 0, expired: 0, failed: 0 }
      for (const row of all('SELECT state, count(*) AS n FROM uploads GROUP BY state')) {
        const state = String(row['state'])
        if (state in uploads) uploads[state as keyof typeof uploads] = Number(row['n'])
      }
      return { uploads, objects: Number(one('SELECT count(*) AS n FROM objects')?.['n'] ?? 0) }
    },
  }
}
