/**
 * Running sums of what owners and buckets hold, for quotas. Triggers keep them in the transaction of each
 * change: they are exact at any moment, after a crash too, and reading them costs the same however much there
 * is. They make writing slower, so they are kept only where a quota is set; setting one counts once.
 */
import type { DatabaseSync } from 'node:sqlite'
import type { Principal } from '../../access/principal.ts'
import type { UploadId } from '../../uploads/upload.ts'
import type { UnfinishedState } from '../catalog.ts'
import type { Allowance, Exceeded } from '../usage.ts'
import { openCounts, ownerName } from './open-counts.ts'

/** A step of the schema. */
export const USAGE_STEP = `
  -- Bytes set aside for an upload whose length is not known.
  ALTER TABLE uploads ADD COLUMN reserved INTEGER NOT NULL DEFAULT 0;
  -- A partial upload whose bytes count as those of a final one.
  ALTER TABLE uploads ADD COLUMN joined INTEGER NOT NULL DEFAULT 0;
  CREATE INDEX uploads_by_state ON uploads (state, owner_role, owner_sub)
    WHERE state IN ('open', 'finishing', 'sealed');
`

/** Uploads in one unfinished state; the first term is what makes the index of that name usable. */
export const UNFINISHED = "state IN ('open', 'finishing', 'sealed')"

const COUNTED = (row: string): string => `CASE
      WHEN ${row}.state NOT IN ('open', 'finishing', 'sealed') OR ${row}.joined THEN 0
      ELSE coalesce(${row}.length, max(${row}.reserved, ${row}.durable)) END`

const add = (row: string, bytes: string): string => `
    INSERT INTO usage (scope, name, bytes)
      VALUES ('owner', ${ownerName(row)}, ${bytes}), ('bucket', ${row}.bucket, ${bytes})
      ON CONFLICT DO UPDATE SET bytes = bytes + excluded.bytes;`

const TRIGGERS: Readonly<Record<string, string>> = {
  usage_upload_added: `AFTER INSERT ON uploads WHEN ${COUNTED('new')} <> 0
    BEGIN ${add('new', COUNTED('new'))} END`,
  usage_upload_changed: `AFTER UPDATE OF state, length, reserved, durable, joined ON uploads
    WHEN ${COUNTED('new')} <> ${COUNTED('old')}
    BEGIN ${add('new', `${COUNTED('new')} - ${COUNTED('old')}`)} END`,
  usage_upload_removed: `AFTER DELETE ON uploads WHEN ${COUNTED('old')} <> 0
    BEGIN ${add('old', `-(${COUNTED('old')})`)} END`,
  usage_object_added: `AFTER INSERT ON objects WHEN new.size <> 0 BEGIN ${add('new', 'new.size')} END`,
  usage_object_moved: `AFTER UPDATE OF bucket ON objects WHEN new.bucket <> old.bucket AND new.size <> 0
    BEGIN ${add('old', '-old.size')} ${add('new', 'new.size')} END`,
  usage_object_removed: `AFTER DELETE ON objects WHEN old.size <> 0 BEGIN ${add('old', '-old.size')} END`,
}

/** The sums as counting everything gives them: columns scope, name, bytes. */
export const COUNT_ALL = `
  SELECT scope, name, sum(bytes) AS bytes FROM (
    SELECT 'owner' AS scope, ${ownerName('uploads')} AS name, ${COUNTED('uploads')} AS bytes FROM uploads
    UNION ALL SELECT 'bucket', bucket, ${COUNTED('uploads')} FROM uploads
    UNION ALL SELECT 'owner', ${ownerName('objects')}, size FROM objects
    UNION ALL SELECT 'bucket', bucket, size FROM objects
  ) GROUP BY scope, name`

/** Begins to keep the sums where they are not kept yet, or ends it. */
export function keepUsage(db: DatabaseSync, wanted: boolean): void {
  if (isKept(db) === wanted) return
  db.exec('BEGIN IMMEDIATE')
  try {
    if (wanted) {
      db.exec(`CREATE TABLE usage (
        -- 'owner' or 'bucket'
        scope TEXT NOT NULL,
        name  TEXT NOT NULL,
        bytes INTEGER NOT NULL,
        PRIMARY KEY (scope, name)
      ) STRICT, WITHOUT ROWID`)
      for (const [name, body] of Object.entries(TRIGGERS)) db.exec(`CREATE TRIGGER ${name} ${body}`)
      db.exec(`INSERT INTO usage ${COUNT_ALL}`)
    } else {
      for (const name of Object.keys(TRIGGERS)) db.exec(`DROP TRIGGER ${name}`)
      db.exec('DROP TABLE usage')
    }
    db.exec('COMMIT')
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK')
    throw error
  }
}

function isKept(db: DatabaseSync): boolean {
  return db.prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'usage'").get() !== undefined
}

export interface UsageSums {
  /** Bytes; zero where the sums are not kept. */
  owner(owner: Principal): number
  /** Bytes; zero where the sums are not kept. */
  bucket(bucket: string): number
  /** Uploads by unfinished state. */
  unfinished(): Readonly<Record<UnfinishedState, number>>
  /** What an upload of `bytes` more would go past; undefined when it fits. */
  exceeds(of: Held, bytes: number, allowance: Allowance): Exceeded | undefined
  /** Sets bytes aside for an open upload of unknown length; see Catalog.reserve. */
  reserve(id: UploadId, wanted: number, least: number, allowance: Allowance): number
}

interface Held {
  readonly owner: Principal
  readonly bucket: string
}

/** @param db - a catalog that is up to date */
export function usageSums(db: DatabaseSync): UsageSums {
  const find = isKept(db) ? db.prepare('SELECT bytes FROM usage WHERE scope = ? AND name = ?') : undefined
  const openBy = openCounts(db)
  const countUnfinished = db.prepare(
    `SELECT state, count(*) AS count FROM uploads WHERE ${UNFINISHED} GROUP BY state`,
  )
  const findGrowing = db.prepare(
    `SELECT owner_role, owner_sub, bucket, max(reserved, durable) AS own
     FROM uploads WHERE id = ? AND state = 'open' AND length IS NULL`,
  )
  const setReserved = db.prepare('UPDATE uploads SET reserved = ? WHERE id = ?')
  const sum = (scope: string, name: string): number => Number(find?.get(scope, name)?.bytes ?? 0)
  const owner = (who: Principal): number => sum('owner', nameOf(who))
  const bucket = (name: string): number => sum('bucket', name)

  return {
    owner,
    bucket,
    unfinished() {
      const counts = { open: 0, finishing: 0, sealed: 0 }
      for (const row of countUnfinished.all()) counts[row.state as UnfinishedState] = Number(row.count)
      return counts
    },
    exceeds(of, bytes, { ownerOpen, ownerBytes, bucketBytes }) {
      if (ownerOpen !== undefined && openBy(nameOf(of.owner)) >= ownerOpen) {
        return { what: 'ownerOpen', limit: ownerOpen }
      }
      // What adds nothing fits also where too much is there already.
      if (bytes <= 0) return undefined
      if (ownerBytes !== undefined && owner(of.owner) + bytes > ownerBytes) {
        return { what: 'ownerBytes', limit: ownerBytes }
      }
      if (bucketBytes !== undefined && bucket(of.bucket) + bytes > bucketBytes) {
        return { what: 'bucketBytes', limit: bucketBytes }
      }
      return undefined
    },
    reserve(id, wanted, least, { ownerBytes, bucketBytes }) {
      const row = findGrowing.get(id)
      if (row === undefined) return 0
      const holder = `${row.owner_role}:${row.owner_sub ?? ''}`
      const room = (limit: number | undefined, held: number): number =>
        limit === undefined ? wanted : limit - (held - Number(row.own))
      const fits = Math.min(
        wanted,
        room(ownerBytes, sum('owner', holder)),
        room(bucketBytes, bucket(String(row.bucket))),
      )
      const granted = Math.max(0, fits)
      if (granted >= least) setReserved.run(granted, id)
      return granted
    },
  }
}

/** As `ownerName` has it in SQL. */
function nameOf(owner: Principal): string {
  return `${owner.role}:${owner.role === 'authenticated' ? owner.sub : ''}`
}
