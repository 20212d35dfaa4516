/**
 * Runs what has queued up as one transaction: one fsync for all of it. Each operation is a savepoint, so one
 * that fails takes nothing else with it; a commit that fails fails them all.
 */
import type { DatabaseSync } from 'node:sqlite'
import type { StoredEvent } from '../../events/event.ts'
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
  try {
    db.exec('BEGIN')
    const replies = requests.map((request): OperationReply => {
      db.exec('SAVEPOINT operation')
      try {
        if (log !== undefined) log.told = []
        const value = invoke(operations, request)
        db.exec('RELEASE operation')
        return log?.live && log.told.length > 0
          ? { id: request.id, value, events: log.told }
          : { id: request.id, value }
      } catch (error) {
        // A full disk makes SQLite roll the whole transaction back by itself: then there is no savepoint to return to.
        if (!db.isTransaction) throw error
        db.exec('ROLLBACK TO operation; RELEASE operation')
        return failed(request, error)
      }
    })
    db.exec('COMMIT')
    return replies
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK')
    return requests.map((request) => failed(request, error))
  }
}

function invoke(operations: SqliteOperations, { name, args }: OperationRequest): unknown {
  // The one place where a message from the other thread becomes a call; both ends are typed by Catalog.
  const operation = operations[name] as (...args: readonly unknown[]) => unknown
  return operation(...args)
}
