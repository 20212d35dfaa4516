/** Tokens in IndexedDB: for pages and for workers of every kind. */
import { parseToken } from '../session.ts'
import type { SessionStore, StoredSession } from './session-store.ts'

const TABLE = 'sessions'

/** @param name Of the database. */
export function indexedDbStore(name = 'pawl'): SessionStore {
  const run = async <T>(mode: IDBTransactionMode, use: (table: IDBObjectStore) => Promise<T>): Promise<T> => {
    const database = await open(name)
    try {
      const transaction = database.transaction(TABLE, mode)
      const result = await use(transaction.objectStore(TABLE))
      if (mode === 'readwrite') await committed(transaction)
      return result
    } finally {
      // Not kept open: an open connection would block another tab's upgrade or deletion.
      database.close()
    }
  }
  return {
    get: async (id) => tokenOf(await run('readonly', (table) => done(table.get(id)))),
    set: async (id, token) => {
      await run('readwrite', (table) => done(table.put(token, id)))
    },
    delete: async (id) => {
      await run('readwrite', (table) => done(table.delete(id)))
    },
    list: async () => {
      // In one transaction: a page may have thousands.
      const [ids, tokens] = await run('readonly', (table) =>
        Promise.all([done(table.getAllKeys()), done<unknown[]>(table.getAll())]),
      )
      return ids.flatMap((id, n): StoredSession[] => {
        const token = tokenOf(tokens[n])
        return token && typeof id === 'string' ? [{ id, token }] : []
      })
    },
  }
}

function tokenOf(value: unknown) {
  try {
    return value === undefined ? undefined : parseToken(value)
  } catch {
    return undefined
  }
}

function open(name: string): Promise<IDBDatabase> {
  const request = globalThis.indexedDB.open(name, 1)
  request.onupgradeneeded = () => request.result.createObjectStore(TABLE)
  return done(request)
}

function done<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error)
  })
}

function committed(transaction: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve()
    transaction.onabort = () => reject(transaction.error)
  })
}
