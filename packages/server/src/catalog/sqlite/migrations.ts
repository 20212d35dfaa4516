/**
 * The catalog's schema, as numbered steps that only go forward. A step that was released never changes; a
 * catalog written by a newer version does not open.
 */
import type { DatabaseSync } from 'node:sqlite'
import { CatalogError } from '../catalog.ts'
import { MEDIA_SCHEMA } from './media.ts'
import { PACKS_STEP } from './packs.ts'
import { PARTS_STEP, RESCUE_STEP } from './parts.ts'
import { STORAGE_SCHEMA } from './storage.ts'
import { USAGE_STEP } from './usage.ts'

const STEPS: readonly string[] = [
  `
  CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;

  -- Every file of bytes has a row here before it exists and until after it is gone.
  CREATE TABLE segments (
    id          TEXT PRIMARY KEY,
    refs        INTEGER NOT NULL CHECK (refs >= 0),
    released_at INTEGER
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX segments_released ON segments (released_at) WHERE released_at IS NOT NULL;

  CREATE TABLE uploads (
    id           TEXT PRIMARY KEY,
    face         TEXT NOT NULL,
    owner_role   TEXT NOT NULL,
    owner_sub    TEXT,
    bucket       TEXT NOT NULL,
    key          TEXT NOT NULL,
    precondition TEXT NOT NULL,
    length       INTEGER,
    metadata     TEXT NOT NULL,
    content_type TEXT NOT NULL,
    file_name    TEXT,
    segment      TEXT NOT NULL,
    -- 'whole', 'partial', or a final upload's list as the client sent it
    concat       TEXT NOT NULL,
    -- JSON: a final upload's segments with their lengths
    pieces       TEXT,
    -- who joined which partials: a repeat finds the same final upload
    signature    TEXT UNIQUE,
    -- JSON: algorithms wanted, digests demanded
    digests      TEXT NOT NULL,
    rollback     INTEGER,
    durable      INTEGER NOT NULL,
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    state        TEXT NOT NULL,
    ended_at     INTEGER,
    -- JSON: the answer of a complete upload, the failure of a failed one
    outcome      TEXT
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX uploads_unfinished ON uploads (id) WHERE state IN ('open', 'finishing');
  CREATE INDEX uploads_expiry ON uploads (expires_at) WHERE state IN ('open', 'sealed');
  CREATE INDEX uploads_ended ON uploads (ended_at) WHERE state IN ('cancelled', 'expired', 'failed');

  CREATE TABLE objects (
    version      TEXT PRIMARY KEY,
    bucket       TEXT NOT NULL,
    key          TEXT NOT NULL,
    size         INTEGER NOT NULL,
    content_type TEXT NOT NULL,
    file_name    TEXT,
    owner_role   TEXT NOT NULL,
    owner_sub    TEXT,
    created_at   INTEGER NOT NULL,
    -- JSON: which digests it is to have
    wanted       TEXT NOT NULL,
    -- JSON: lower-case hex by algorithm; NULL until they are known
    digests      TEXT,
    UNIQUE (bucket, key)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX objects_undigested ON objects (version) WHERE digests IS NULL;

  CREATE TABLE object_segments (
    version TEXT NOT NULL,
    ordinal INTEGER NOT NULL,
    segment TEXT NOT NULL,
    length  INTEGER NOT NULL,
    PRIMARY KEY (version, ordinal)
  ) STRICT, WITHOUT ROWID;
  `,
  `
  -- Events to be delivered. AUTOINCREMENT: a position is never given twice, so a listing can go on from it.
  CREATE TABLE outbox (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    id       TEXT NOT NULL UNIQUE,
    -- bucket and key: events of one stream are delivered one after the other
    stream   TEXT NOT NULL,
    -- JSON, as it is sent
    body     TEXT NOT NULL,
    state    TEXT NOT NULL CHECK (state IN ('pending', 'dead')),
    attempts INTEGER NOT NULL,
    -- NULL while an older event of the stream is in front, and for dead ones
    due_at   INTEGER,
    died_at  INTEGER,
    reason   TEXT
  ) STRICT;
  CREATE INDEX outbox_due ON outbox (due_at, position) WHERE due_at IS NOT NULL;
  CREATE INDEX outbox_stream ON outbox (stream, position) WHERE state = 'pending';
  CREATE INDEX outbox_state ON outbox (state, position);
  `,
  USAGE_STEP,
  STORAGE_SCHEMA,
  MEDIA_SCHEMA,
  PACKS_STEP,
  PARTS_STEP,
  RESCUE_STEP,
]

export interface MigrateOptions {
  /** Whether the catalog may be brought up to date. */
  readonly may: boolean
  readonly steps?: readonly string[]
}

/** @throws CatalogError `newer` when a later version of Pawl wrote this catalog, `older` when it may not be changed */
export function migrate(db: DatabaseSync, { may, steps = STEPS }: MigrateOptions): void {
  const row = db.prepare('PRAGMA user_version').get()
  const found = Number(row?.user_version ?? 0)
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
  for (const [index, step] of steps.entries()) {
    if (index < found) continue
    db.exec('BEGIN IMMEDIATE')
    try {
      db.exec(step)
      db.exec(`PRAGMA user_version = ${index + 1}`)
      db.exec('COMMIT')
    } catch (error) {
      db.exec('ROLLBACK')
      throw error
    }
  }
}
