/** The thread that owns the SQLite connection: no fsync of the catalog ever blocks the event loop. */
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import { asCatalogError, type DatabaseOptions, openDatabase } from './database.ts'
import { type OperationReply, type OperationRequest, runGroup, writesIn } from './group-commit.ts'
import { sqliteOperations } from './operations.ts'
import type { EventLog } from './outbox.ts'

/** `listen`: from now on replies carry the events of their operations. */
export type WorkerMessage = readonly OperationRequest[] | 'listen' | 'close'
export type WorkerReply =
  | { readonly kind: 'open' }
  | { readonly kind: 'failed'; readonly code: string; readonly message: string }
  | {
      readonly kind: 'replies'
      readonly replies: readonly OperationReply[]
      /** How many of the operations wrote. */
      readonly writes: number
      readonly seconds: number
    }
  | { readonly kind: 'closed' }

if (parentPort === null) throw new Error('worker.ts runs as a worker thread only')
serve(parentPort, workerData as DatabaseOptions)

function serve(port: NonNullable<typeof parentPort>, options: DatabaseOptions): void {
  const tell = (reply: WorkerReply): void => port.postMessage(reply)
  try {
    const db = openDatabase(options)
    const log: EventLog = { keep: options.keepEvents === true, live: false, told: [] }
    const operations = sqliteOperations(db, log)
    port.on('message', (first: WorkerMessage) => {
      let closing = false
      const requests: OperationRequest[] = []
      const take = (message: WorkerMessage): void => {
        if (message === 'close') closing = true
        else if (message === 'listen') log.live = true
        else requests.push(...message)
      }
      take(first)
      // Whatever came while the last commit was under way goes into this one.
      for (;;) {
        const next = receiveMessageOnPort(port) as { message: WorkerMessage } | undefined
        if (next === undefined) break
        take(next.message)
      }
      if (requests.length > 0) {
        const since = performance.now()
        const replies = runGroup(db, operations, requests, log)
        const seconds = (performance.now() - since) / 1000
        tell({ kind: 'replies', replies, writes: writesIn(requests), seconds })
      }
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
