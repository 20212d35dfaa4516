/** The thread that owns the SQLite connection: no fsync of the catalog ever blocks the event loop. */
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import { asCatalogError, type DatabaseOptions, openDatabase } from './database.ts'
import { type OperationReply, type OperationRequest, runGroup } from './group-commit.ts'
import { sqliteOperations } from './operations.ts'

export type WorkerMessage = readonly OperationRequest[] | 'close'
export type WorkerReply =
  | { readonly kind: 'open' }
  | { readonly kind: 'failed'; readonly code: string; readonly message: string }
  | { readonly kind: 'replies'; readonly replies: readonly OperationReply[] }
  | { readonly kind: 'closed' }

if (parentPort === null) throw new Error('worker.ts runs as a worker thread only')
serve(parentPort, workerData as DatabaseOptions)

function serve(port: NonNullable<typeof parentPort>, options: DatabaseOptions): void {
  const tell = (reply: WorkerReply): void => port.postMessage(reply)
  try {
    const db = openDatabase(options)
    const operations = sqliteOperations(db)
    port.on('message', (first: WorkerMessage) => {
      let closing = first === 'close'
      const requests = first === 'close' ? [] : [...first]
      // Whatever came while the last commit was under way goes into this one.
      for (;;) {
        const next = receiveMessageOnPort(port) as { message: WorkerMessage } | undefined
        if (next === undefined) break
        if (next.message === 'close') closing = true
        else requests.push(...next.message)
      }
      if (requests.length > 0) tell({ kind: 'replies', replies: runGroup(db, operations, requests) })
      if (closing) {
        db.close()
        tell({ kind: 'closed' })
        port.close()
      }
    })
    tell({ kind: 'open' })
  } catch (error) {
    const { code, message } = asCatalogError('could not open the catalog', error)
    tell({ kind: 'failed', code, message })
    port.close()
  }
}
