/** Opens the SQLite file the way the catalog's promises need it. */
import { closeSync, openSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { CatalogError } from '../catalog.ts'
import { migrate } from './migrations.ts'
import { keepUsage } from './usage.ts'

export interface DatabaseOptions {
  /** A file, or ":memory:". */
  readonly path: string
  /** Milliseconds to wait for another process that has it open. */
  readonly lockTimeout: number
  /** False: refuse a catalog of an older version instead of bringing it up to date. */
  readonly migrate?: boolean
  /** Keep sums of what owners and buckets hold: true wherever a quota is set. Undefined leaves that as it is. */
  readonly quotas?: boolean | undefined
  /** True: events are written to the outbox, because something will deliver them. */
  readonly keepEvents?: boolean
}

/** @throws CatalogError `locked`, `newer`, `damaged`, `unavailable` */
export function openDatabase({
  path,
  lockTimeout,
  migrate: mayMigrate = true,
  quotas,
}: DatabaseOptions): DatabaseSync {
  let db: DatabaseSync
  try {
    // Whoever reads it knows every upload's URL. SQLite gives its other files the mode of this one.
    if (path !== ':memory:') closeSync(openSync(path, 'a', 0o600))
    db = new DatabaseSync(path, { timeout: lockTimeout })
  } catch (error) {
    throw asCatalogError(`could not open the catalog ${path}`, error)
  }
  try {
    // Exclusive before WAL: then no shared-memory file is used, and the lock is held until close or death.
    db.exec('PRAGMA locking_mode = EXCLUSIVE')
    db.exec('PRAGMA journal_mode = WAL')
    // A commit that returned survives a power cut. What need not is said for each group: group-commit.ts.
    db.exec('PRAGMA synchronous = FULL')
    db.exec('PRAGMA foreign_keys = ON')
    db.exec('PRAGMA temp_store = MEMORY')
    // The pages that many small uploads touch stay in memory, and are copied out of the log less often.
    db.exec('PRAGMA cache_size = -16384')
    db.exec('PRAGMA wal_autocheckpoint = 4096')
    // Takes the exclusive lock now and not with the first upload.
    db.exec('BEGIN IMMEDIATE; COMMIT')
    migrate(db, { may: mayMigrate })
    if (quotas !== undefined) keepUsage(db, quotas)
    return db
  } catch (error) {
    db.close()
    throw asCatalogError(`could not open the catalog ${path}`, error)
  }
}

const BUSY = 5
const LOCKED = 6
const CORRUPT = 11
const FULL = 13
const NOT_A_DATABASE = 26

export function asCatalogError(what: string, error: unknown): CatalogError {
  if (error instanceof CatalogError) return error
  // node:sqlite puts SQLite's extended result code into `errcode`; its low byte is the primary code.
  const code = error instanceof Error && 'errcode' in error ? Number(error.errcode) & 0xff : undefined
  const reason = error instanceof Error ? error.message : String(error)
  switch (code) {
    case BUSY:
    case LOCKED:
      return new CatalogError(
        'locked',
        `${what}: another server has this data folder open; stop it first`,
        error,
      )
    case FULL:
      return new CatalogError('no-space', `${what}: the disk is full`, error)
    case CORRUPT:
    case NOT_A_DATABASE:
      return new CatalogError(
        'damaged',
        `${what}: the file is damaged (${reason}); restore it from a backup`,
        error,
      )
    default:
      return new CatalogError('unavailable', `${what}: ${reason}`, error)
  }
}
