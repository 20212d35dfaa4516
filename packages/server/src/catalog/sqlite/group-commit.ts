/**
 * Runs what has queued up as one transaction: one fsync for all of it, and none while nothing in it needs one. An
 * operation that fails takes nothing else with it; a commit that fails fails them all. Hardly any operation fails, and a
 * savepoint for each makes SQLite copy every page that it changes: so they run without, and only where one fails all of
 * them once more with them. Reads cannot leave anything behind: among themselves they need no transaction.
 */
import type { DatabaseSync } from 'node:sqlite'
import type { StoredEvent } from '../../events/event.ts'
import { isRead } from '../forward.ts'
import { asCatalogError } from './database.ts'
import type { SqliteOperations } from './operations.ts'
import type { EventLog } from './outbox.ts'

export interface OperationRequest {
  readonly id: number
  readonly name: keyof SqliteOperations
  readonly args: readonly unknown[]
}

export type OperationReply =
  /** `events`: what the operation told, if anyone listens. */
  | { readonly id: number; readonly value: unknown; readonly events?: readonly StoredEvent[] }
  | { readonly id: number; readonly error: { readonly code: string; readonly message: string } }

export function runGroup(
  db: DatabaseSync,
  operations: SqliteOperations,
  requests: readonly OperationRequest[],
  log?: EventLog,
): OperationReply[] {
  const failed = (request: OperationRequest, cause: unknown): OperationReply => {
    const { code, message } = asCatalogError(`the catalog could not do ${request.name}`, cause)
    return { id: request.id, error: { code, message } }
  }
  const run = (request: OperationRequest): OperationReply => {
    if (log !== undefined) log.told = []
    const value = invoke(operations, request)
    return log?.live && log.told.length > 0
      ? { id: request.id, value, events: log.told }
      : { id: request.id, value }
  }
  const read = (request: OperationRequest): OperationReply => {
    try {
      return run(request)
    } catch (error) {
      return failed(request, error)
    }
  }
  const apart = (request: OperationRequest): OperationReply => {
    db.exec('SAVEPOINT operation')
    try {
      const reply = run(request)
      db.exec('RELEASE operation')
      return reply
    } catch (error) {
      // A full disk makes SQLite roll the whole transaction back by itself: then there is no savepoint to return to.
      if (!db.isTransaction) throw error
      db.exec('ROLLBACK TO operation; RELEASE operation')
      return failed(request, error)
    }
  }
  const commit = (write: (request: OperationRequest) => OperationReply): OperationReply[] => {
    // NORMAL leaves it in the log, where the next fsync takes it along. It holds for what is committed from here on.
    db.exec(requests.some(isDurable) ? 'PRAGMA synchronous = FULL' : 'PRAGMA synchronous = NORMAL')
    db.exec('BEGIN')
    const replies = requests.map((request) => (isRead(request.name) ? read(request) : write(request)))
    db.exec('COMMIT')
    return replies
  }
  const undo = (): void => {
    if (db.isTransaction) db.exec('ROLLBACK')
  }
  if (writesIn(requests) === 0) return requests.map(read)
  let broken = false
  const together = (request: OperationRequest): OperationReply => {
    try {
      return run(request)
    } catch (error) {
      broken = true
      throw error
    }
  }
  try {
    return commit(together)
  } catch (error) {
    undo()
    if (!broken) return requests.map((request) => failed(request, error))
  }
  try {
    return commit(apart)
  } catch (error) {
    undo()
    return requests.map((request) => failed(request, error))
  }
}

/** How many of them change something: what one commit is shared by. */
export function writesIn(requests: readonly OperationRequest[]): number {
  let count = 0
  for (const { name } of requests) if (!isRead(name)) count += 1
  return count
}

/** Whether it has to survive a power cut once it is done. */
function isDurable({ name, args }: OperationRequest): boolean {
  return !isRead(name) && !(name === 'insertUpload' && args[2] === false)
}

function invoke(operations: SqliteOperations, { name, args }: OperationRequest): unknown {
  // The one place where a message from the other thread becomes a call; both ends are typed by Catalog.
  const operation = operations[name] as (...args: readonly unknown[]) => unknown
  return operation(...args)
}
