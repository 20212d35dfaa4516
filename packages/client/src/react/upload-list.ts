/**
 * A list of uploads outside of React: it lives as long as the component that made it, and is told when that
 * component appears and goes away. React's strict mode does both twice in a row; an upload survives that.
 */
import type { Files } from '../files.ts'
import { indexedDbStore } from '../stores/indexed-db-store.ts'
import { handleOf, type KeptFile, keptFiles } from './kept-files.ts'
import { type ItemOptions, type ListItem, listItem, lockName } from './list-item.ts'
import { mayRead, type PickedFile } from './picked-file.ts'
import { heldLocks } from './upload-lock.ts'
import type { UploadView } from './view.ts'

export interface UploadsOptions {
  readonly files: Files
  /**
   * Where interrupted uploads rest in IndexedDB: a name of its own for each list of an origin. Default `pawl`;
   * `false` keeps nothing over reloads. What is kept can be a secret: see the session token.
   */
  readonly store?: string | false
  /** Default: the file's name. */
  readonly key?: (file: File) => string
  /** For every upload of the list. */
  readonly upload?: ItemOptions
}

export interface UploadList {
  subscribe(listener: () => void): () => void
  /** The same value until something changes. */
  snapshot(): UploadsState
  /** The component is there; the answer tells that it went away. */
  attach(): () => void
  /** @returns the id, or undefined when the component is gone */
  start(picked: PickedFile): Promise<string | undefined>
  /** Takes a final one off the list; others stay. */
  remove(id: string): void
}

export interface UploadsState {
  /** In the order in which they began. */
  readonly uploads: readonly UploadView[]
  /** What was interrupted before is still being looked up. */
  readonly loading: boolean
}

/** Milliseconds between two reports of progress: more often than people can see is only work. */
const PROGRESS_PERIOD = 100

/** @param options Asked each time, so that a component may pass new ones with each rendering. */
export function uploadList(options: () => UploadsOptions): UploadList {
  const { store = 'pawl' } = options()
  const kept =
    store === false
      ? undefined
      : { name: store, tokens: indexedDbStore(store), files: keptFiles(`${store}-files`) }
  const listeners = new Set<() => void>()
  const items = new Map<string, ListItem>()
  let state: UploadsState = { uploads: [], loading: kept !== undefined }
  let attached = 0
  let stopping: ReturnType<typeof setTimeout> | undefined
  let telling: ReturnType<typeof setTimeout> | undefined
  let looked = false

  const tell = (loading = state.loading) => {
    clearTimeout(telling)
    telling = undefined
    state = { uploads: [...items.values()].map((item) => item.view()), loading }
    for (const listener of [...listeners]) listener()
  }
  const changed = (what: 'progress' | 'status') => {
    if (what === 'status') tell()
    else telling ??= setTimeout(tell, PROGRESS_PERIOD)
  }
  const make = (facts: KeptFile, need: Parameters<typeof listItem>[1]): ListItem => {
    const { files, upload = {} } = options()
    const item = listItem(facts, need, { files, options: upload, kept, changed })
    items.set(facts.id, item)
    return item
  }

  const load = async () => {
    try {
      const held = kept ? await heldLocks() : new Set()
      for (const facts of (await kept?.files.list()) ?? []) {
        if (items.has(facts.id) || held.has(lockName(kept?.name ?? '', facts.id))) continue
        // Only what has a token can be gone on with.
        if ((await kept?.tokens.get(facts.id)) === undefined) await kept?.files.delete(facts.id)
        else make(facts, await needOf(facts))
      }
    } catch {
      // A browser that denies storage has nothing kept; uploads work all the same.
    }
    tell(false)
  }

  return {
    subscribe: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    snapshot: () => state,
    attach: () => {
      attached += 1
      clearTimeout(stopping)
      if (!looked) load()
      looked = true
      for (const item of items.values()) item.goOn()
      return () => {
        attached -= 1
        if (attached > 0) return
        // Later, because strict mode takes a component away only to bring it back at once.
        stopping = setTimeout(() => {
          for (const item of items.values()) item.stop()
        }, 0)
      }
    },
    start: async (picked) => {
      const file = picked instanceof File ? picked : await picked.getFile()
      if (attached === 0) return undefined
      const { key = ({ name }) => name } = options()
      const id = crypto.randomUUID()
      const handle = handleOf(picked)
      const facts = { id, key: key(file), name: file.name, size: file.size, startedAt: Date.now(), loaded: 0 }
      make({ ...facts, ...(handle === undefined ? {} : { handle }) }, 'nothing').begin(file)
      return id
    },
    remove: (id) => {
      const status = items.get(id)?.view().status
      if (status !== 'completed' && status !== 'aborted' && status !== 'error') return
      items.delete(id)
      tell()
    },
  }
}

async function needOf({ handle }: KeptFile) {
  if (handle === undefined) return 'file'
  return (await mayRead(handle).catch(() => false)) ? 'nothing' : 'permission'
}
