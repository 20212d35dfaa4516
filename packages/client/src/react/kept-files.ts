/** What a page needs besides the token to go on after a reload: which file it was, and a handle on it if there is one. */
import type { PickedFile } from './picked-file.ts'

/** One interrupted upload, as it rests in IndexedDB. */
export interface KeptFile {
  readonly id: string
  readonly key: string
  readonly name: string
  /** Bytes. */
  readonly size: number
  /** Milliseconds since 1970. */
  readonly startedAt: number
  /** Bytes that the provider had acknowledged when this was written. */
  readonly loaded: number
  /** Only some browsers have handles. */
  readonly handle?: FileSystemFileHandle
}

export interface KeptFiles {
  /** Oldest first. */
  list(): Promise<KeptFile[]>
  put(file: KeptFile): Promise<void>
  delete(id: string): Promise<void>
}

const TABLE = 'files'

/** @param name Of the database; tokens are in another one, because anything can read tokens. */
export function keptFiles(name: string): KeptFiles {
  const run = async <T>(
    mode: IDBTransactionMode,
    use: (table: IDBObjectStore) => IDBRequest<T>,
  ): Promise<T> => {
    const opening = globalThis.indexedDB.open(name, 1)
    opening.onupgradeneeded = () => opening.result.createObjectStore(TABLE, { keyPath: 'id' })
    const database = await done(opening)
    try {
      return await done(use(database.transaction(TABLE, mode).objectStore(TABLE)))
    } finally {
      // Not kept open: an open connection would block another tab's upgrade or deletion.
      database.close()
    }
  }
  return {
    list: async () => {
      const all: unknown[] = await run('readonly', (table) => table.getAll())
      return all.filter(isKeptFile).sort((a, b) => a.startedAt - b.startedAt)
    },
    put: async (file) => void (await run('readwrite', (table) => table.put(file))),
    delete: async (id) => void (await run('readwrite', (table) => table.delete(id))),
  }
}

/** The handle of what was picked, if it is one that the browser can keep. */
export function handleOf(picked: PickedFile): FileSystemFileHandle | undefined {
  return picked instanceof File ? undefined : picked
}

function isKeptFile(value: unknown): value is KeptFile {
  return (
    typeof value === 'object' && value !== null && 'id' in value && 'key' in value && 'startedAt' in value
  )
}

function done<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error)
  })
}
