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
  /** All of them in one transaction, with what else is put and deleted at the same moment. */
  put(...files: KeptFile[]): Promise<void>
  delete(id: string): Promise<void>
}

const TABLE = 'files'
/** How long a connection waits for the next call, in milliseconds: thousands of files are many calls. */
const IDLE = 500
/** How many are written without a break: the page has to draw in between. */
const PIECE = 250

/** @param name Of the database; tokens are in another one, because anything can read tokens. */
export function keptFiles(name: string): KeptFiles {
  let opened: Promise<IDBDatabase> | undefined
  let closing: ReturnType<typeof setTimeout> | undefined
  let users = 0
  /** What the next transaction does: thousands that are paused or given up at once are not thousands of them. */
  let batch: Batch | undefined

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
  const gather = () => {
    const changes: Batch['changes'] = new Map()
    const written = run('readwrite', async (table) => {
      batch = undefined
      await Promise.all([committed(table.transaction), apply([...changes], table)])
    })
    const made = { changes, written }
    // What could not be written is not waited for again.
    written.catch(() => {
      if (batch === made) batch = undefined
    })
    return made
  }
  const change = (id: string, file: KeptFile | undefined) => {
    batch ??= gather()
    batch.changes.set(id, file)
    return batch.written
  }
  return {
    list: async () => {
      const all: unknown[] = await run('readonly', (table) => done(table.getAll()))
      return all.filter(isKeptFile).sort((a, b) => a.startedAt - b.startedAt)
    },
    put: async (...files) => {
      await Promise.all(files.map((file) => change(file.id, file)))
    },
    delete: (id) => change(id, undefined),
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

interface Batch {
  /** By id; undefined deletes. */
  readonly changes: Map<string, KeptFile | undefined>
  readonly written: Promise<void>
}

async function apply(
  changes: readonly (readonly [id: string, file: KeptFile | undefined])[],
  table: IDBObjectStore,
): Promise<void> {
  for (let at = 0; at < changes.length; at += PIECE) {
    let last: IDBRequest | undefined
    for (const [id, file] of changes.slice(at, at + PIECE)) last = file ? table.put(file) : table.delete(id)
    // The transaction goes on where it is used again as soon as a request has its answer.
    if (last) await done(last)
  }
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
