/**
 * One process at a time works on a session. Kept in SQLite, because taking over from a dead process has to be one
 * step: with files alone, two that see the same dead holder can both believe that they replaced it.
 */
import { closeSync, openSync, readFileSync } from 'node:fs'
import type { DatabaseSync } from 'node:sqlite'

export interface Lock {
  release(): void
}

interface Holder {
  readonly pid: number
  /** Tells a process from a later one with the same number, where the system tells it; else empty. */
  readonly started: string
}

export interface Locks {
  /** @returns the lock, or the number of the process that has it */
  take(id: string): Promise<Lock | number>
}

/** How long another process may be at it, in milliseconds: it only writes a row. */
const PATIENCE = 10_000

/** @param path Of the database; made with mode 0600. */
export function locksIn(path: string): Locks {
  let opened: Promise<DatabaseSync> | undefined
  return {
    take: async (id) => {
      opened ??= open(path)
      const database = await opened
      database.exec('BEGIN IMMEDIATE')
      try {
        const row = database.prepare('SELECT pid, started FROM locks WHERE id = ?').get(id)
        const holder = row && { pid: Number(row.pid), started: String(row.started) }
        if (holder !== undefined && alive(holder)) return holder.pid
        const { pid, started } = describe(process.pid)
        database.prepare('REPLACE INTO locks (id, pid, started) VALUES (?, ?, ?)').run(id, pid, started)
      } finally {
        database.exec('COMMIT')
      }
      return { release: () => void database.prepare('DELETE FROM locks WHERE id = ?').run(id) }
    },
  }
}

async function open(path: string): Promise<DatabaseSync> {
  const { DatabaseSync } = await import('node:sqlite')
  // SQLite would make it readable by others; its journal takes over the mode.
  closeSync(openSync(path, 'a', 0o600))
  const database = new DatabaseSync(path, { timeout: PATIENCE })
  // A machine that lost power runs none of the holders any more: nothing here has to survive that.
  // A process that is killed in the middle is another matter: the journal on disk stays.
  database.exec('PRAGMA synchronous = OFF')
  database.exec('CREATE TABLE IF NOT EXISTS locks (id TEXT PRIMARY KEY, pid INTEGER, started TEXT) STRICT')
  return database
}

function alive({ pid, started }: Holder): boolean {
  try {
    process.kill(pid, 0)
  } catch (error) {
    // A process that may not be signalled is there all the same.
    if (!(error instanceof Error && 'code' in error && error.code === 'EPERM')) return false
  }
  const now = describe(pid).started
  return started === '' || now === '' || now === started
}

function describe(pid: number): Holder {
  try {
    // Linux: the 22nd field, counted after the name, which may hold spaces and brackets.
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return { pid, started: stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '' }
  } catch {
    return { pid, started: '' }
  }
}
