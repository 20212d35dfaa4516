/**
 * The catalog's schema in Postgres, as numbered steps that only go forward. A step that was released never
 * changes; a catalog written by a newer version does not open. Nodes that start at once take turns.
 */
import type pg from 'pg'
import { CatalogError } from '../catalog.ts'
import { USAGE_FUNCTIONS } from './usage.ts'

/** Text whose order counts is ordered bytewise, whatever the database was made with. */
const STEPS: readonly string[] = [
  `
  CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);

  -- Every segment of bytes has a row here before it exists and until after it is gone.
  CREATE TABLE segments (
    id          TEXT COLLATE "C" PRIMARY KEY,
    refs        BIGINT NOT NULL CHECK (refs >= 0),
    released_at BIGINT,
    held        INTEGER NOT NULL DEFAULT 0,
    packed      BIGINT,
    -- The right to write: whose, its number, until when. See docs/design/cluster.md.
    holder      INTEGER,
    fence       BIGINT NOT NULL DEFAULT 0,
    lease_until TIMESTAMPTZ,
    session     TEXT,
    in_parts    BIGINT NOT NULL DEFAULT 0,
    tail_name   TEXT,
    tail_length BIGINT,
    base_parts  BIGINT NOT NULL DEFAULT 0,
    base_tail_name   TEXT,
    base_tail_length BIGINT,
    next_part   BIGINT NOT NULL DEFAULT 1,
    modified_at BIGINT NOT NULL DEFAULT 0,
    sealed      INTEGER NOT NULL DEFAULT 0,
    -- Which node's sweep is busy with it, and until when.
    claimed_by    INTEGER,
    claimed_until TIMESTAMPTZ
  -- Leases are renewed every second: that must not touch an index, nor move the row.
  ) WITH (fillfactor = 70);
  CREATE INDEX segments_released ON segments (released_at) WHERE released_at IS NOT NULL;
  CREATE INDEX segments_held ON segments (id) WHERE held = 1;
  CREATE INDEX segments_packed ON segments (id) WHERE packed IS NOT NULL;

  CREATE TABLE segment_parts (
    segment TEXT COLLATE "C" NOT NULL REFERENCES segments (id) ON DELETE CASCADE,
    start   BIGINT NOT NULL,
    number  BIGINT NOT NULL,
    length  BIGINT NOT NULL,
    etag    TEXT NOT NULL,
    PRIMARY KEY (segment, start)
  );

  CREATE TABLE uploads (
    id           TEXT COLLATE "C" PRIMARY KEY,
    face         TEXT NOT NULL,
    owner_role   TEXT NOT NULL,
    owner_sub    TEXT,
    bucket       TEXT COLLATE "C" NOT NULL,
    key          TEXT COLLATE "C" NOT NULL,
    precondition TEXT NOT NULL,
    length       BIGINT,
    metadata     TEXT NOT NULL,
    content_type TEXT NOT NULL,
    file_name    TEXT,
    segment      TEXT COLLATE "C" NOT NULL,
    concat       TEXT NOT NULL,
    pieces       TEXT,
    signature    TEXT UNIQUE,
    digests      TEXT NOT NULL,
    rollback     BIGINT,
    durable      BIGINT NOT NULL,
    created_at   BIGINT NOT NULL,
    expires_at   BIGINT NOT NULL,
    state        TEXT NOT NULL,
    ended_at     BIGINT,
    outcome      TEXT,
    details      TEXT NOT NULL DEFAULT '{}',
    reserved     BIGINT NOT NULL DEFAULT 0,
    joined       INTEGER NOT NULL DEFAULT 0,
    claimed_by    INTEGER,
    claimed_until TIMESTAMPTZ
  );
  CREATE INDEX uploads_unfinished ON uploads (id) WHERE state IN ('open', 'finishing');
  CREATE INDEX uploads_expiry ON uploads (expires_at) WHERE state IN ('open', 'sealed');
  CREATE INDEX uploads_ended ON uploads (ended_at) WHERE state IN ('cancelled', 'expired', 'failed');
  CREATE INDEX uploads_by_state ON uploads (state, owner_role, owner_sub)
    WHERE state IN ('open', 'finishing', 'sealed');
  CREATE INDEX uploads_by_segment ON uploads (segment) WHERE state IN ('open', 'finishing', 'sealed');
  CREATE INDEX uploads_media ON uploads (key) WHERE face = 'media';

  CREATE TABLE objects (
    version      TEXT COLLATE "C" PRIMARY KEY,
    id           TEXT NOT NULL,
    bucket       TEXT COLLATE "C" NOT NULL,
    key          TEXT COLLATE "C" NOT NULL,
    size         BIGINT NOT NULL,
    content_type TEXT NOT NULL,
    file_name    TEXT,
    owner_role   TEXT NOT NULL,
    owner_sub    TEXT,
    created_at   BIGINT NOT NULL,
    since        BIGINT NOT NULL,
    details      TEXT NOT NULL DEFAULT '{}',
    wanted       TEXT NOT NULL,
    digests      TEXT,
    UNIQUE (bucket, key)
  );
  CREATE INDEX objects_undigested ON objects (version) WHERE digests IS NULL;
  CREATE INDEX objects_updated ON objects (bucket, created_at, key);
  CREATE INDEX objects_created ON objects (bucket, since, key);

  CREATE TABLE object_segments (
    version TEXT COLLATE "C" NOT NULL,
    ordinal INTEGER NOT NULL,
    segment TEXT COLLATE "C" NOT NULL,
    length  BIGINT NOT NULL,
    start   BIGINT,
    PRIMARY KEY (version, ordinal)
  );
  CREATE INDEX object_segments_packed ON object_segments (segment, start) WHERE start IS NOT NULL;

  CREATE TABLE outbox (
    position BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id       TEXT NOT NULL UNIQUE,
    stream   TEXT NOT NULL,
    body     TEXT NOT NULL,
    state    TEXT NOT NULL CHECK (state IN ('pending', 'dead')),
    attempts INTEGER NOT NULL,
    due_at   BIGINT,
    died_at  BIGINT,
    reason   TEXT,
    claimed_by    INTEGER,
    claimed_until TIMESTAMPTZ
  );
  CREATE INDEX outbox_due ON outbox (due_at, position) WHERE due_at IS NOT NULL;
  CREATE INDEX outbox_stream ON outbox (md5(stream), position) WHERE state = 'pending';
  CREATE INDEX outbox_state ON outbox (state, position);

  CREATE TABLE buckets (
    id                 TEXT COLLATE "C" PRIMARY KEY,
    public             INTEGER NOT NULL,
    file_size_limit    BIGINT,
    allowed_mime_types TEXT,
    owner_role         TEXT NOT NULL,
    owner_sub          TEXT,
    created_at         BIGINT NOT NULL,
    updated_at         BIGINT NOT NULL
  );
  INSERT INTO buckets VALUES ('files', 0, NULL, NULL, 'service_role', NULL, 0, 0),
    ('site-media', 0, NULL, NULL, 'service_role', NULL, 0, 0);

  CREATE TABLE media_grants (
    fingerprint TEXT PRIMARY KEY,
    owner_role  TEXT NOT NULL,
    owner_sub   TEXT,
    file        TEXT NOT NULL,
    expires_at  BIGINT NOT NULL,
    used        INTEGER NOT NULL,
    details     TEXT NOT NULL
  );
  CREATE INDEX media_grants_expiry ON media_grants (expires_at);
  CREATE INDEX media_grants_open ON media_grants (owner_role, owner_sub) WHERE used = 0;

  CREATE TABLE media_folders (
    id         TEXT COLLATE "C" PRIMARY KEY,
    name       TEXT COLLATE "C" NOT NULL,
    parent     TEXT COLLATE "C" NOT NULL,
    deleted    INTEGER NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
  );
  CREATE INDEX media_folders_name ON media_folders (parent, deleted, name, id);
  CREATE INDEX media_folders_updated ON media_folders (parent, deleted, updated_at, id);

  CREATE TABLE media_files (
    id         TEXT COLLATE "C" PRIMARY KEY,
    owner_role TEXT NOT NULL,
    owner_sub  TEXT,
    name       TEXT COLLATE "C" NOT NULL,
    folder     TEXT COLLATE "C" NOT NULL,
    private    INTEGER NOT NULL,
    status     TEXT NOT NULL,
    deleted    INTEGER NOT NULL,
    media_type TEXT NOT NULL,
    size       BIGINT,
    version    TEXT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    importing  TEXT,
    details    TEXT NOT NULL
  );
  CREATE INDEX media_files_name ON media_files (folder, deleted, name, id);
  CREATE INDEX media_files_updated ON media_files (folder, deleted, updated_at, id);
  CREATE INDEX media_files_size ON media_files (folder, deleted, (coalesce(size, 0)), id);
  CREATE INDEX media_files_pending ON media_files (id) WHERE status = 'PENDING';
  `,
  USAGE_FUNCTIONS,
  `
  -- JSON; NULL where nothing strays. See docs/design/s3-store.md.
  ALTER TABLE segments ADD COLUMN rescue TEXT;
  `,
]

interface MigrateOptions {
  readonly schema: string
  /** Whether the catalog may be brought up to date. */
  readonly may: boolean
  readonly steps?: readonly string[]
}

/** Inside a transaction. @throws CatalogError `newer` when a later version of Pawl wrote it, `older` when it may not be changed */
export async function migrate(
  client: pg.ClientBase,
  { schema, may, steps = STEPS }: MigrateOptions,
): Promise<void> {
  // Until the transaction ends: nodes that start at once bring the catalog up to date one after the other.
  await client.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [`pawl migrate ${schema}`])
  if (may) {
    await client.query(`CREATE SCHEMA IF NOT EXISTS ${schema}`)
    await client.query('CREATE TABLE IF NOT EXISTS version (number INTEGER NOT NULL)')
  }
  const found = await versionOf(client)
  if (found > steps.length) {
    throw new CatalogError(
      'newer',
      `the catalog has version ${found}, this Pawl knows ${steps.length}: start the newer Pawl that wrote it`,
    )
  }
  if (found < steps.length && !may) {
    throw new CatalogError(
      'older',
      `the catalog has version ${found}: start the server once to bring it up to date`,
    )
  }
  for (const step of steps.slice(found)) await client.query(step)
  if (found < steps.length) {
    await client.query('DELETE FROM version')
    await client.query('INSERT INTO version VALUES ($1)', [steps.length])
  }
}

async function versionOf(client: pg.ClientBase): Promise<number> {
  const there = await client.query("SELECT to_regclass('version') IS NOT NULL AS there")
  if (there.rows[0]?.there !== true) return 0
  const version = await client.query('SELECT number FROM version')
  return Number(version.rows[0]?.number ?? 0)
}
