/** The catalog of one server: a SQLite file behind a worker thread, written in groups. */
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import type { StoredEvent } from '../../events/event.ts'
import { SlotMap } from '../../slot-map.ts'
import { type Catalog, CatalogError } from '../catalog.ts'
import { forEveryOperation } from '../forward.ts'
import type { DatabaseOptions } from './database.ts'
import type { OperationRequest } from './group-commit.ts'
import type { WorkerMessage, WorkerReply } from './worker.ts'

interface Pending {
  readonly resolve: (value: unknown) => void
  readonly reject: (error: unknown) => void
}

/**
 * @param onCommit - told of each transaction: how many operations wrote in it, and the seconds it took
 * @throws CatalogError `locked` (after `lockTimeout`), `newer`, `damaged`, `unavailable`
 */
export async function openSqliteCatalog(
  options: DatabaseOptions,
  onCommit: (operations: number, seconds: number) => void = () => {},
): Promise<Catalog> {
  const extension = import.meta.url.slice(import.meta.url.lastIndexOf('.'))
  const worker = new Worker(new URL(`./worker${extension}`, import.meta.url), { workerData: options })
  const [opened] = (await once(worker, 'message')) as [WorkerReply]
  if (opened.kind === 'failed') throw asError(opened.code, opened.message)

  const pending = new SlotMap<number, Pending>()
  let outbox: OperationRequest[] = []
  const listeners: ((events: readonly StoredEvent[]) => void)[] = []
  let lastId = 0
  let ended: CatalogError | undefined
  const closed = Promise.withResolvers<void>()

  const end = (why: CatalogError): void => {
    ended ??= why
    for (const { reject } of pending.values()) reject(why)
    pending.clear()
    closed.resolve()
  }
  worker.on('message', (message: WorkerReply) => {
    if (message.kind === 'closed') end(new CatalogError('unavailable', 'the catalog is closed'))
    if (message.kind !== 'replies') return
    if (message.writes > 0) onCommit(message.writes, message.seconds)
    for (const reply of message.replies) {
      const waiting = pending.get(reply.id)
      pending.delete(reply.id)
      if ('error' in reply) waiting?.reject(asError(reply.error.code, reply.error.message))
      else {
        waiting?.resolve(reply.value)
        if (reply.events !== undefined) for (const listener of listeners) listener(reply.events)
      }
    }
  })
  worker.on('error', (error) => end(new CatalogError('unavailable', 'the catalog thread died', error)))
  worker.on('exit', () => end(new CatalogError('unavailable', 'the catalog thread ended')))

  const post = (message: WorkerMessage): void => worker.postMessage(message)
  const send = (requests: readonly OperationRequest[]): void => {
    const [first] = requests
    if (first === undefined) return
    try {
      post([...requests])
    } catch (fault) {
      // One of them cannot be cloned; in a turn of the event loop of its own nobody would catch that.
      if (requests.length > 1) {
        for (const request of requests) send([request])
        return
      }
      pending
        .get(first.id)
        ?.reject(new CatalogError('unavailable', `the catalog cannot take this ${first.name}`, fault))
      pending.delete(first.id)
    }
  }
  const flush = (): void => {
    const requests = outbox
    outbox = []
    send(requests)
  }
  return {
    ...forEveryOperation((name, args) => {
      if (ended !== undefined) return Promise.reject(ended)
      return new Promise((resolve, reject) => {
        lastId += 1
        pending.set(lastId, { resolve, reject })
        // One message per turn of the event loop, however many requests it served.
        if (outbox.length === 0) queueMicrotask(flush)
        outbox.push({ id: lastId, name, args })
      })
    }),
    keepsEvents: options.keepEvents === true,
    listen(listener) {
      // What was called before is not told, what is called from now on is.
      flush()
      if (listeners.length === 0) post('listen')
      listeners.push(listener)
    },
    async close() {
      flush()
      if (ended === undefined) post('close')
      await closed.promise
    },
  }
}

function asError(code: string, message: string): CatalogError {
  return new CatalogError(code as CatalogError['code'], message)
}
