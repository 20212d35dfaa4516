/**
 * The catalog's operations as SQL on one connection. Those of more than one statement run in a transaction, and
 * lock what they look at before they change it: the state an upload is in, the object under a key.
 */
import type { SegmentPiece } from '../../blobs/blob-store.ts'
import { uploadCreated, uploadEnded, uploadPublished } from '../../events/event.ts'
import { MEDIA_BUCKET } from '../../media/media-file.ts'
import type { Answer, UploadId, UploadRecord } from '../../uploads/upload.ts'
import type { CatalogCounts, FinalResult, PublishResult, UploadEnd } from '../catalog.ts'
import { type Row, type SqlValue, text } from '../columns.ts'
import type { Operations } from '../forward.ts'
import { type Columns, uploadColumns, uploadFromRow } from '../rows.ts'
import type { Hold } from '../segment-parts.ts'
import { CLAIM, UNCLAIMED } from './claims.ts'
import { insertOf } from './insert.ts'
import { listingOperations } from './listing.ts'
import { bytesOf, mediaOperations } from './media.ts'
import { objectOperations } from './objects.ts'
import { type EventLog, outboxOperations } from './outbox.ts'
import { packOperations } from './packs.ts'
import { fenced, partOperations, STORED, storedFromRow } from './parts.ts'
import type { Statements } from './statements.ts'
import { storageOperations } from './storage.ts'
import { usageSums } from './usage.ts'

/** An upload with what is recorded of its segment; a final one has none of its own. */
const UPLOADS = `SELECT u.*, ${STORED} FROM uploads AS u LEFT JOIN segments AS s ON s.id = u.segment`

/** A change of one upload, only while the hold is what its row says: that row is held until the change is there. */
function held(
  set: string,
  returning: string,
  hold: Hold | undefined,
  value: SqlValue,
  id: UploadId,
): [text: string, ...values: SqlValue[]] {
  return hold === undefined
    ? [`UPDATE uploads SET ${set} ${returning}`, value, id]
    : [
        `WITH s AS (SELECT 1 FROM segments WHERE id = $3 AND fence = $4 FOR UPDATE)
         UPDATE uploads SET ${set} AND EXISTS (SELECT 1 FROM s) ${returning}`,
        value,
        id,
        hold.segment,
        hold.fence,
      ]
}

export function uploadWithStored(row: Row): UploadRecord {
  const upload = uploadFromRow(row)
  return row.in_parts === null ? upload : { ...upload, stored: storedFromRow(row) }
}

/** @param node - whose work is marked as its own */
export function postgresOperations(statements: Statements, log: EventLog, node: number): Operations {
  const { run, one, all, lock } = statements
  const usage = usageSums(statements)
  const { tell, ...outbox } = outboxOperations(statements, log, node)
  const { records, operations: objects } = objectOperations(statements, node)
  const { findObject, place, addSegment, reference, release } = records
  const { bucketStays, ...storage } = storageOperations({
    ...statements,
    ...records,
    tell,
    exceeds: usage.exceeds,
  })
  const { hasBytes, ...media } = mediaOperations({ ...statements, ...records, tell })

  const addUpload = (columns: Columns): Promise<number> => run(...insertOf('uploads', columns))
  const releaseUpload = async (upload: UploadRecord, at: number): Promise<void> => {
    const { concat } = upload
    await release(
      concat.kind === 'final' ? concat.pieces.map(({ segment }) => segment) : [upload.segment],
      at,
    )
  }
  /** No final upload counts for these partial ones any more, unless another one has their bytes too. */
  const countApart = async (pieces: readonly SegmentPiece[]): Promise<void> => {
    await run(
      `UPDATE uploads SET joined = 0 WHERE state = 'sealed' AND segment IN (
         SELECT id FROM segments WHERE refs = 1 AND id = ANY($1))`,
      pieces.map(({ segment }) => segment),
    )
  }
  /** Nobody else changes it until the transaction ends. */
  const lockUpload = async (id: UploadId): Promise<UploadRecord | undefined> => {
    const row = await one('SELECT * FROM uploads WHERE id = $1 FOR UPDATE', id)
    return row && uploadFromRow(row)
  }
  const findFinal = async (signature: string): Promise<UploadRecord | undefined> => {
    const row = await one('SELECT * FROM uploads WHERE signature = $1', signature)
    return row && uploadFromRow(row)
  }
  /** The upload stays as it is where its hold has ended; that is told apart afterwards. */
  const refuseEnded = async (hold: Hold | undefined): Promise<void> => {
    if (hold === undefined) return
    const row = await one('SELECT 1 FROM segments WHERE id = $1 AND fence = $2', hold.segment, hold.fence)
    if (row === undefined) throw fenced(hold)
  }
  const isIn = async (id: UploadId, state: string): Promise<boolean> =>
    (await one('SELECT 1 FROM uploads WHERE id = $1 AND state = $2', id, state)) !== undefined

  return {
    ...storage,
    ...listingOperations(statements),
    ...objects,
    ...media,
    ...outbox,
    ...packOperations(statements),
    ...partOperations(statements),
    reserve: usage.reserve,
    unfinishedCounts: usage.unfinishedCounts,

    async pairWith(storeIdentity) {
      await run("INSERT INTO meta (name, value) VALUES ('store', $1) ON CONFLICT DO NOTHING", storeIdentity)
      return { paired: String((await one("SELECT value FROM meta WHERE name = 'store'"))?.value) }
    },

    async insertUpload(upload, allowance = {}) {
      const exceeded = await usage.exceeds(upload, upload.length ?? 0, allowance)
      if (exceeded !== undefined) return exceeded
      await addSegment(upload.segment, 1, null)
      await addUpload(uploadColumns(upload))
      await tell(() => uploadCreated(upload))
      return undefined
    },

    async insertFinal(upload, signature, partials, allowance = {}): Promise<FinalResult> {
      // A client that repeats itself at once finds what the first one made.
      await lock(`signature ${signature}`)
      const there = await findFinal(signature)
      if (there !== undefined) return { kind: 'exists', upload: there }
      const ids = [...new Set(partials)]
      const sealed = await all(
        "SELECT id, joined, length FROM uploads WHERE id = ANY($1) AND state = 'sealed' ORDER BY id FOR UPDATE",
        ids,
      )
      if (sealed.length < ids.length) return { kind: 'changed' }
      // Bytes that only change their name are not counted twice.
      const fresh = sealed.reduce((sum, { joined, length }) => sum + (joined === 0 ? Number(length) : 0), 0)
      const exceeded = await usage.exceeds(upload, (upload.length ?? 0) - fresh, allowance)
      if (exceeded !== undefined) return { kind: 'exceeded', exceeded }
      await run('UPDATE uploads SET joined = 1 WHERE id = ANY($1)', ids)
      await addUpload({ ...uploadColumns(upload), signature })
      if (upload.concat.kind === 'final') await reference(upload.concat.pieces.map(({ segment }) => segment))
      await tell(() => uploadCreated(upload))
      return { kind: 'inserted' }
    },

    findFinal,

    async describeUpload(id, details) {
      const upload = await lockUpload(id)
      if (upload?.state.kind !== 'open') return
      const { content_type, file_name, details: more } = uploadColumns({ ...upload, ...details })
      await run(
        'UPDATE uploads SET content_type = $1, file_name = $2, details = $3 WHERE id = $4',
        content_type ?? null,
        file_name ?? null,
        more ?? null,
        id,
      )
    },

    async findUpload(id) {
      const row = await one(`${UPLOADS} WHERE u.id = $1`, id)
      return row && uploadWithStored(row)
    },

    async setLength(id, length, hold) {
      const row = await one(
        ...held(
          "length = coalesce(length, $1) WHERE id = $2 AND state = 'open'",
          'RETURNING length',
          hold,
          length,
          id,
        ),
      )
      if (row === undefined) await refuseEnded(hold)
      return row === undefined ? undefined : Number(row.length)
    },

    async setEnding(id, ending, hold) {
      // The row of the hold before that of the upload, as `held` has it.
      if (hold !== undefined) {
        const { segment, fence } = hold
        const row = await one(
          'SELECT 1 FROM segments WHERE id = $1 AND fence = $2 FOR UPDATE',
          segment,
          fence,
        )
        if (row === undefined) throw fenced(hold)
      }
      const upload = await lockUpload(id)
      if (upload?.state.kind !== 'open') return
      // Not by the JSON of Postgres: it has no NUL and no half of a surrogate pair, and metadata may have them.
      const { details } = uploadColumns({ ...upload, ending })
      await run('UPDATE uploads SET details = $1 WHERE id = $2', details ?? null, id)
    },

    async advance(id, { durable, expiresAt }) {
      await run(
        `UPDATE uploads SET durable = greatest(durable, $1), expires_at = greatest(expires_at, $2)
         WHERE id = $3 AND state IN ('open', 'sealed')`,
        durable ?? 0,
        expiresAt ?? 0,
        id,
      )
    },

    async lowerDurable(id, durable) {
      await run(
        "UPDATE uploads SET durable = least(durable, $1) WHERE id = $2 AND state = 'open'",
        durable,
        id,
      )
    },

    async setRollback(id, rollback, hold) {
      const set = "rollback = $1 WHERE id = $2 AND state = 'open'"
      if ((await run(...held(set, '', hold, rollback ?? null, id))) === 0) await refuseEnded(hold)
    },

    async beginFinish(id, length) {
      const begun = await run(
        // A request that began where all bytes were there already has none that it could take back.
        `UPDATE uploads SET state = 'finishing', length = $1, rollback = NULL
         WHERE id = $2 AND state = 'open' AND (length IS NULL OR length = $1)
           AND (rollback IS NULL OR rollback = $1)`,
        length,
        id,
      )
      return begun > 0 || isIn(id, 'finishing')
    },

    async seal(id) {
      const sealed = await run(
        "UPDATE uploads SET state = 'sealed' WHERE id = $1 AND state = 'finishing'",
        id,
      )
      return sealed > 0 || isIn(id, 'sealed')
    },

    async publish(
      id,
      added,
      { may = { insert: true, replace: true }, metadata, packed = false } = {},
    ): Promise<PublishResult> {
      const upload = await lockUpload(id)
      if (upload?.state.kind === 'complete') return { kind: 'complete', answer: upload.state.answer }
      const whole = packed && upload?.state.kind === 'open' && upload.length === added.size
      if (upload === undefined || !(whole || upload.state.kind === 'finishing')) return { kind: 'ended' }
      if (upload.face === 'storage' && !(await bucketStays(added.bucket))) {
        return { kind: 'denied', why: 'the bucket was deleted while bytes were arriving' }
      }
      if (added.bucket === MEDIA_BUCKET) {
        await lock(bytesOf(added.key))
        if (await hasBytes(added.key)) {
          return { kind: 'denied', why: 'the file of this token was finalized before' }
        }
      }
      const standing = await findObject(added.bucket, added.key, 'locked')
      if (upload.precondition === 'absent' && standing !== undefined) return { kind: 'conflict' }
      const placed = await place(added, standing, may)
      if (placed === 'conflict') {
        return { kind: 'denied', why: 'whoever made this upload may not do so any more' }
      }
      if (whole) await run('DELETE FROM segments WHERE id = $1 AND refs = 1', upload.segment)
      else await releaseUpload(upload, added.createdAt)
      const answer: Answer = { version: added.version, object: placed.id, publishedAt: added.createdAt }
      await run(
        "UPDATE uploads SET state = 'complete', ended_at = $1, outcome = $2, metadata = $3 WHERE id = $4",
        added.createdAt,
        JSON.stringify(answer),
        metadata ?? upload.metadata,
        id,
      )
      const published = { ...upload, metadata: metadata ?? upload.metadata }
      await tell(() => uploadPublished(published, placed, standing))
      return { kind: 'published', answer }
    },

    async endUpload(id, from, end: UploadEnd, at) {
      const upload = await lockUpload(id)
      if (upload === undefined || !from.some((kind) => kind === upload.state.kind)) return false
      // A final upload that failed does not keep its partial ones from being joined anew.
      await run(
        'UPDATE uploads SET state = $1, ended_at = $2, outcome = $3, signature = NULL WHERE id = $4',
        end.kind,
        at,
        end.kind === 'failed' ? JSON.stringify(end.failure) : null,
        id,
      )
      // 0: never an object's bytes, so there is no reader to wait for.
      await releaseUpload(upload, 0)
      if (upload.concat.kind === 'final') await countApart(upload.concat.pieces)
      await tell(() => uploadEnded(upload, end, at))
      return true
    },

    async unfinished(after, limit) {
      const rows = await all(
        `${UPLOADS} WHERE u.state IN ('open', 'finishing') AND u.id > $1 ORDER BY u.id LIMIT $2`,
        after ?? '',
        limit,
      )
      return rows.map(uploadWithStored)
    },

    async expired(now, limit) {
      const rows = await all(
        `WITH due AS (SELECT id FROM uploads WHERE state IN ('open', 'sealed') AND expires_at <= $1
             AND ${UNCLAIMED('$3')} ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED),
           taken AS (UPDATE uploads AS u SET ${CLAIM('$3')} FROM due WHERE u.id = due.id RETURNING u.*)
         SELECT u.*, ${STORED} FROM taken AS u LEFT JOIN segments AS s ON s.id = u.segment ORDER BY u.expires_at`,
        now,
        limit,
        node,
      )
      return rows.map(uploadWithStored)
    },

    forgetEnded(before, limit) {
      return run(
        `DELETE FROM uploads WHERE id IN (
           SELECT id FROM uploads WHERE state IN ('cancelled', 'expired', 'failed') AND ended_at <= $1
           LIMIT $2 FOR UPDATE SKIP LOCKED)`,
        before,
        limit,
      )
    },

    async counts(): Promise<CatalogCounts> {
      const uploads = { open: 0, finishing: 0, sealed: 0, complete: 0, cancelled: 0, expired: 0, failed: 0 }
      for (const row of await all('SELECT state, count(*) AS n FROM uploads GROUP BY state')) {
        const state = text(row, 'state')
        if (state in uploads) uploads[state as keyof typeof uploads] = Number(row.n)
      }
      return { uploads, objects: Number((await one('SELECT count(*) AS n FROM objects'))?.n ?? 0) }
    },
  }
}
