/**
 * Running sums of what owners and buckets hold, for quotas, kept by triggers in the transaction of each change.
 * They make writing slower, and uploads to one bucket take turns, so they are kept only where a quota is set.
 */
import type { Principal } from '../../access/principal.ts'
import type { UploadId } from '../../uploads/upload.ts'
import type { Catalog, UnfinishedState } from '../catalog.ts'
import { optionalText, text } from '../columns.ts'
import type { Allowance, Exceeded } from '../usage.ts'
import type { Statements } from './statements.ts'

/** A step of the schema: what the triggers call, and where the sums go. */
export const USAGE_FUNCTIONS = `
  CREATE TABLE usage (
    -- 'owner' or 'bucket'
    scope TEXT NOT NULL,
    name  TEXT NOT NULL,
    bytes BIGINT NOT NULL,
    PRIMARY KEY (scope, name)
  ) WITH (fillfactor = 50);

  CREATE FUNCTION usage_of(upload uploads) RETURNS BIGINT LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE
      WHEN upload.state NOT IN ('open', 'finishing', 'sealed') OR upload.joined = 1 THEN 0
      ELSE coalesce(upload.length, greatest(upload.reserved, upload.durable)) END
  $$;

  CREATE FUNCTION usage_add(owner TEXT, bucket TEXT, more BIGINT) RETURNS VOID LANGUAGE sql AS $$
    INSERT INTO usage AS u VALUES ('bucket', bucket, more), ('owner', owner, more)
      ON CONFLICT (scope, name) DO UPDATE SET bytes = u.bytes + excluded.bytes
  $$;

  CREATE FUNCTION usage_upload() RETURNS TRIGGER LANGUAGE plpgsql AS $$
    DECLARE
      more BIGINT := 0;
      row  uploads := CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
    BEGIN
      IF TG_OP <> 'DELETE' THEN more := usage_of(NEW); END IF;
      IF TG_OP <> 'INSERT' THEN more := more - usage_of(OLD); END IF;
      IF more <> 0 THEN
        PERFORM usage_add(row.owner_role || ':' || coalesce(row.owner_sub, ''), row.bucket, more);
      END IF;
      RETURN NULL;
    END
  $$;

  CREATE FUNCTION usage_object() RETURNS TRIGGER LANGUAGE plpgsql AS $$
    BEGIN
      IF TG_OP <> 'INSERT' AND OLD.size <> 0 THEN
        PERFORM usage_add(OLD.owner_role || ':' || coalesce(OLD.owner_sub, ''), OLD.bucket, -OLD.size);
      END IF;
      IF TG_OP <> 'DELETE' AND NEW.size <> 0 THEN
        PERFORM usage_add(NEW.owner_role || ':' || coalesce(NEW.owner_sub, ''), NEW.bucket, NEW.size);
      END IF;
      RETURN NULL;
    END
  $$;
`

const TRIGGERS = `
  CREATE TRIGGER usage_upload AFTER INSERT OR DELETE OR UPDATE OF state, length, reserved, durable, joined
    ON uploads FOR EACH ROW EXECUTE FUNCTION usage_upload();
  CREATE TRIGGER usage_object AFTER INSERT OR DELETE OR UPDATE OF bucket
    ON objects FOR EACH ROW EXECUTE FUNCTION usage_object();
`

/** The sums as counting everything gives them: columns scope, name, bytes. */
const COUNT_ALL = `
  SELECT scope, name, sum(bytes)::BIGINT AS bytes FROM (
    SELECT 'owner' AS scope, owner_role || ':' || coalesce(owner_sub, '') AS name, usage_of(uploads) AS bytes
      FROM uploads
    UNION ALL SELECT 'bucket', bucket, usage_of(uploads) FROM uploads
    UNION ALL SELECT 'owner', owner_role || ':' || coalesce(owner_sub, ''), size FROM objects
    UNION ALL SELECT 'bucket', bucket, size FROM objects
  ) AS everything GROUP BY scope, name`

/** Begins to keep the sums where they are not kept yet, or ends it. Inside the transaction that migrates. */
export async function keepUsage(
  exec: (sql: string) => Promise<{ rows: unknown[] }>,
  wanted: boolean,
): Promise<void> {
  const { rows } = await exec(
    "SELECT 1 FROM pg_trigger WHERE tgrelid = to_regclass('uploads') AND tgname = 'usage_upload'",
  )
  if (rows.length > 0 === wanted) return
  // Nothing may change between the count and the first trigger.
  await exec('LOCK TABLE uploads, objects IN SHARE ROW EXCLUSIVE MODE')
  await exec('DELETE FROM usage')
  if (wanted) {
    await exec(TRIGGERS)
    await exec(`INSERT INTO usage ${COUNT_ALL}`)
  } else {
    await exec('DROP TRIGGER usage_upload ON uploads; DROP TRIGGER usage_object ON objects')
  }
}

export interface UsageSums extends Pick<Catalog, 'reserve' | 'unfinishedCounts'> {
  /** What an upload of `bytes` more would go past; undefined when it fits, and then nobody else fits in meanwhile. */
  exceeds(of: Held, bytes: number, allowance: Allowance): Promise<Exceeded | undefined>
}

interface Held {
  readonly owner: Principal
  readonly bucket: string
}

export function usageSums({ run, one, all, lock }: Statements): UsageSums {
  const sum = async (scope: string, name: string): Promise<number> =>
    Number((await one('SELECT bytes FROM usage WHERE scope = $1 AND name = $2', scope, name))?.bytes ?? 0)
  const holderOf = (role: string, sub: string | undefined | null): string => `${role}:${sub ?? ''}`
  /** Whoever takes what is allowed comes one after the other: two must not both find room for one. */
  const takeTurns = async (
    owner: string,
    bucket: string,
    { ownerBytes, ownerOpen, bucketBytes }: Allowance,
  ) => {
    if (bucketBytes !== undefined) await lock(`usage bucket ${bucket}`)
    if (ownerBytes !== undefined || ownerOpen !== undefined) await lock(`usage owner ${owner}`)
  }

  return {
    async unfinishedCounts() {
      const counts = { open: 0, finishing: 0, sealed: 0 }
      const rows = await all(
        `SELECT state, count(*) AS count FROM uploads
         WHERE state IN ('open', 'finishing', 'sealed') GROUP BY state`,
      )
      for (const row of rows) counts[text(row, 'state') as UnfinishedState] = Number(row.count)
      return counts
    },

    async exceeds(of, bytes, allowance) {
      const { ownerOpen, ownerBytes, bucketBytes } = allowance
      const sub = of.owner.role === 'authenticated' ? of.owner.sub : null
      const owner = holderOf(of.owner.role, sub)
      await takeTurns(owner, of.bucket, allowance)
      if (ownerOpen !== undefined) {
        const row = await one(
          // Never walks more rows than the limit has uploads.
          `SELECT count(*) AS open FROM (SELECT 1 FROM uploads
             WHERE state IN ('open', 'finishing', 'sealed') AND state = 'open'
               AND owner_role = $1 AND owner_sub IS NOT DISTINCT FROM $2 LIMIT $3) AS counted`,
          of.owner.role,
          sub,
          ownerOpen,
        )
        if (Number(row?.open) >= ownerOpen) return { what: 'ownerOpen', limit: ownerOpen }
      }
      // What adds nothing fits also where too much is there already.
      if (bytes <= 0) return undefined
      if (ownerBytes !== undefined && (await sum('owner', owner)) + bytes > ownerBytes) {
        return { what: 'ownerBytes', limit: ownerBytes }
      }
      if (bucketBytes !== undefined && (await sum('bucket', of.bucket)) + bytes > bucketBytes) {
        return { what: 'bucketBytes', limit: bucketBytes }
      }
      return undefined
    },

    async reserve(id: UploadId, wanted, least, allowance) {
      const look = await one('SELECT owner_role, owner_sub, bucket FROM uploads WHERE id = $1', id)
      if (look === undefined) return 0
      const owner = holderOf(text(look, 'owner_role'), optionalText(look, 'owner_sub'))
      const bucket = text(look, 'bucket')
      await takeTurns(owner, bucket, allowance)
      const row = await one(
        `SELECT greatest(reserved, durable) AS own FROM uploads
         WHERE id = $1 AND state = 'open' AND length IS NULL FOR UPDATE`,
        id,
      )
      if (row === undefined) return 0
      const room = (limit: number | undefined, held: number): number =>
        limit === undefined ? wanted : limit - (held - Number(row.own))
      const fits = Math.min(
        wanted,
        room(allowance.ownerBytes, await sum('owner', owner)),
        room(allowance.bucketBytes, await sum('bucket', bucket)),
      )
      const granted = Math.max(0, fits)
      if (granted >= least) await run('UPDATE uploads SET reserved = $1 WHERE id = $2', granted, id)
      return granted
    },
  }
}
