/** What a page needs besides the token to go on after a reload: which file it was, and a handle on it if there is one. */
import { FilesError } from '../errors.ts'
import type { PickedFile } from './picked-file.ts'

/** One upload that has not come to its end, as it rests in IndexedDB. */
export interface KeptFile {
  readonly id: string
  readonly key: string
  readonly name: string
  /** Bytes. */
  readonly size: number
  /** Milliseconds since 1970: the file's own. */
  readonly lastModified?: number
  /** Milliseconds since 1970. */
  readonly startedAt: number
  /** Bytes that the provider had acknowledged when this was written. */
  readonly loaded: number
  /** A token was kept: one that is gone means that the upload came to its end. */
  readonly begun?: boolean
  /** It was paused: it does not go on by itself. */
  readonly paused?: boolean
  /** The lock of the tab that has it on its list. */
  readonly owner?: string
  /** Only some browsers have handles. */
  readonly handle?: FileSystemFileHandle
}

export interface KeptFiles {
  /** Oldest first. */
  list(): Promise<KeptFile[]>
  /** All of them in one transaction. */
  put(...files: KeptFile[]): Promise<void>
  delete(id: string): Promise<void>
}

const TABLE = 'files'
/** How long a connection waits for the next call, in milliseconds: thousands of files are many calls. */
const IDLE = 500

/** @param name Of the database; tokens are in another one, because anything can read tokens. */
export function keptFiles(name: string): KeptFiles {
  let opened: Promise<IDBDatabase> | undefined
  let closing: ReturnType<typeof setTimeout> | undefined
  let users = 0

  const close = () => {
    const last = opened
    opened = undefined
    last?.then(
      (database) => database.close(),
      () => {},
    )
  }
  const open = () => {
    const opening = globalThis.indexedDB.open(name, 1)
    opening.onupgradeneeded = () => opening.result.createObjectStore(TABLE, { keyPath: 'id' })
    return done(opening).then((database) => {
      // Not held against another tab's upgrade or deletion.
      database.onversionchange = close
      return database
    })
  }
  const run = async <T>(mode: IDBTransactionMode, use: (table: IDBObjectStore) => Promise<T>): Promise<T> => {
    clearTimeout(closing)
    users += 1
    opened ??= open()
    try {
      return await use((await opened).transaction(TABLE, mode).objectStore(TABLE))
    } catch (error) {
      close()
      throw error
    } finally {
      users -= 1
      clearTimeout(closing)
      if (users === 0) closing = setTimeout(close, IDLE)
    }
  }
  return {
    list: async () => {
      const all: unknown[] = await run('readonly', (table) => done(table.getAll()))
      return all.filter(isKeptFile).sort((a, b) => a.startedAt - b.startedAt)
    },
    put: async (...files) => {
      await run('readwrite', (table) => {
        for (const file of files) table.put(file)
        return committed(table.transaction)
      })
    },
    delete: async (id) => void (await run('readwrite', (table) => done(table.delete(id)))),
  }
}

/** The handle of what was picked, if it is one that the browser can keep. */
export function handleOf(picked: PickedFile): FileSystemFileHandle | undefined {
  return picked instanceof File ? undefined : picked
}

/** Whether a file looks like the kept one: asked before there is a token that knows its bytes. */
export function looksLike(kept: KeptFile, file: File): boolean {
  return (
    file.size === kept.size && (kept.lastModified === undefined || kept.lastModified === file.lastModified)
  )
}

/** @throws FilesError `BodyChanged` if it does not even look like the kept one */
export function refuseAnother(kept: KeptFile, file: File): void {
  if (looksLike(kept, file)) return
  const how =
    file.size === kept.size
      ? 'it was modified at another time'
      : `it has ${file.size} bytes instead of ${kept.size}`
  throw new FilesError('BodyChanged', `this is not the file ${JSON.stringify(kept.name)}: ${how}`)
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

function committed(transaction: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve()
    transaction.onabort = () => reject(transaction.error)
  })
}
