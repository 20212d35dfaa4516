/**
 * A list of uploads outside of React: it lives as long as the component that made it, and is told when that
 * component appears and goes away. React's strict mode does both twice in a row; an upload survives that.
 */
import type { Files } from '../files.ts'
import { indexedDbStore } from '../stores/indexed-db-store.ts'
import { handleOf, type KeptFile, keptFiles, looksLike } from './kept-files.ts'
import { type ItemOptions, type ListItem, listItem, lockName } from './list-item.ts'
import { mayRead, type PickedFile } from './picked-file.ts'
import { tabOwner } from './tab-owner.ts'
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
  /** How many send at a time; the others are `queued`. Default: all of them. */
  readonly concurrency?: number
  /** Bytes a second of all uploads together. May change while they run. */
  readonly maxBytesPerSecond?: number
  /** What was interrupted and needs nothing goes on by itself. Default false. */
  readonly autoResume?: boolean
}

/** A file to add, and its key where it is not the one that `key` gives. */
export interface AddedFile {
  readonly picked: PickedFile
  readonly key?: string
}

/** What became of the files that were added. */
export interface Added {
  /** New uploads. */
  readonly begun: number
  /** Files that interrupted uploads had waited for. */
  readonly resumed: number
  /** Files that are on their way already. */
  readonly known: number
  /** Names of those that cannot be read. */
  readonly unreadable: readonly string[]
}

export interface UploadList {
  subscribe(listener: () => void): () => void
  /** The same value until something changes. */
  snapshot(): UploadsState
  /** The component is there; the answer tells that it went away. */
  attach(): () => void
  /** Resolves when what was interrupted before is on the list. */
  listed(): Promise<void>
  /** @returns the id, or undefined when the component is gone */
  start(picked: PickedFile): Promise<string | undefined>
  /** Begins many at once, and goes on with those that waited for one of these files. */
  add(files: readonly AddedFile[]): Promise<Added>
  /** Takes final ones off the list; others stay. */
  remove(...ids: string[]): void
  /** The options have changed. */
  applied(): void
}

export interface UploadsState {
  /** In the order in which they began. */
  readonly uploads: readonly UploadView[]
  /** What was interrupted before is still being looked up. */
  readonly loading: boolean
}

/** Milliseconds between two reports of progress: more often than people can see is only work. */
const PROGRESS_PERIOD = 100
/** The same for everything else, where much happens at once. */
const STATUS_PERIOD = 40

/** @param options Asked each time, so that a component may pass new ones with each rendering. */
export function uploadList(options: () => UploadsOptions): UploadList {
  const { store = 'pawl' } = options()
  const kept =
    store === false
      ? undefined
      : { name: store, tokens: indexedDbStore(store), files: keptFiles(`${store}-files`) }
  const owner = tabOwner(`${store}`)
  const listeners = new Set<() => void>()
  const items = new Map<string, ListItem>()
  let state: UploadsState = { uploads: [], loading: kept !== undefined }
  let attached = 0
  let stopping: ReturnType<typeof setTimeout> | undefined
  let telling: { readonly timer: ReturnType<typeof setTimeout>; readonly at: number } | undefined
  let toldAt = 0
  let looked = false
  /** One after the other: two looks at once would list an upload twice. */
  let looking = Promise.resolve()
  /** So are additions: two at once would not know of each other's files. */
  let adding: Promise<unknown> = Promise.resolve()
  let lastStart = 0
  let pumping = false

  const tell = (loading = state.loading) => {
    clearTimeout(telling?.timer)
    telling = undefined
    toldAt = performance.now()
    state = { uploads: [...items.values()].map((item) => item.view()), loading }
    for (const listener of [...listeners]) listener()
  }
  const changed = (what: 'progress' | 'status') => {
    const now = performance.now()
    const at = what === 'progress' ? now + PROGRESS_PERIOD : Math.max(now, toldAt + STATUS_PERIOD)
    if (what === 'status' && at === now) return tell()
    if (telling !== undefined && telling.at <= at) return
    clearTimeout(telling?.timer)
    telling = { at, timer: setTimeout(tell, at - now) }
  }

  /** Soon, once for all that changes now: whoever pauses all must not begin the next with each. */
  const pump = () => {
    if (pumping) return
    pumping = true
    queueMicrotask(() => {
      pumping = false
      if (attached > 0) give()
    })
  }
  /** Gives free places to those that wait, in the order of the list. */
  const give = () => {
    const { concurrency = Number.POSITIVE_INFINITY } = options()
    let busy = 0
    for (const item of items.values()) if (item.holdsPlace) busy += 1
    for (const item of items.values()) {
      if (busy >= concurrency) break
      if (item.view().status !== 'queued') continue
      item.go()
      busy += 1
    }
    share(busy)
  }
  /** What one upload leaves of the limit is not given to the others: slow enough to watch is all it has to be. */
  const share = (busy: number) => {
    const { maxBytesPerSecond } = options()
    const each = maxBytesPerSecond === undefined ? undefined : maxBytesPerSecond / Math.max(1, busy)
    for (const item of items.values()) if (item.holdsPlace) item.limit(each)
  }

  const make = (facts: KeptFile, need: Parameters<typeof listItem>[1]): ListItem => {
    const item = listItem(facts, need, {
      // Asked for each run: what it was made with may carry a key that has expired since.
      get files() {
        return options().files
      },
      get options() {
        return options().upload ?? {}
      },
      kept,
      changed,
      pump,
    })
    items.set(facts.id, item)
    return item
  }

  const load = () => {
    looking = looking.then(look)
    return looking
  }
  /** A component that is gone must not take over what the next one is to find. */
  const whenGone = (name: string) => owner.whenGone(name, () => void (attached > 0 && load()))
  const look = async () => {
    try {
      const held = kept ? await heldLocks() : new Set()
      const found = (await kept?.files.list()) ?? []
      const needs = await Promise.all(found.map(needOf))
      // Whatever they say themselves: a tab may have died when it had written the token, and not yet that it has.
      const begun = new Set((await kept?.tokens.list())?.map(({ id }) => id))
      const ours: KeptFile[] = []
      for (const [index, facts] of found.entries()) {
        // What is this tab's own is on the list, or has just come to its end.
        if (items.has(facts.id) || facts.owner === owner.name) continue
        // A tab that dies lets go of its locks one by one: each that still holds is waited for.
        const locks = [facts.owner, lockName(kept?.name ?? '', facts.id)]
        const busy = locks.find((name) => name !== undefined && held.has(name))
        if (busy !== undefined) whenGone(busy)
        // Its token was cleared: it came to its end.
        else if (facts.begun && !begun.has(facts.id)) await kept?.files.delete(facts.id)
        else {
          const own = { ...facts, owner: owner.name, begun: begun.has(facts.id) }
          ours.push(own)
          make(own, needs[index] ?? 'file')
        }
      }
      if (ours.length > 0) {
        await owner.hold()
        await kept?.files.put(...ours)
      }
      if (options().autoResume)
        for (const item of items.values()) {
          const { status, needs: need, resume } = item.view()
          if (status === 'interrupted' && need === 'nothing' && !item.facts.paused) resume()
        }
    } catch {
      // A browser that denies storage has nothing kept; uploads work all the same.
    }
    tell(false)
  }

  /** Now, and behind everything before it: what is added together keeps its order. */
  const later = () => {
    lastStart = Math.max(Date.now(), lastStart + 0.001)
    return lastStart
  }
  const factsOf = (picked: PickedFile, file: File, key: string | undefined): KeptFile => {
    const { key: keyOf = ({ name }) => name } = options()
    const handle = handleOf(picked)
    return {
      id: randomId(),
      key: key ?? keyOf(file),
      name: file.name,
      size: file.size,
      lastModified: file.lastModified,
      startedAt: later(),
      loaded: 0,
      owner: owner.name,
      ...(handle === undefined ? {} : { handle }),
    }
  }
  /** Written down before anything is sent; where that is denied, it is sent all the same. */
  const begin = async (added: readonly { readonly facts: KeptFile; readonly file: File }[]) => {
    await owner.hold()
    await kept?.files.put(...added.map(({ facts }) => facts)).catch(() => {})
    for (const { facts, file } of added) make(facts, 'nothing').queue(file)
    tell()
  }

  const addNow = async (files: readonly AddedFile[]): Promise<Added> => {
    // What waits for one of these files may not be on the list yet.
    await looking
    const unreadable: string[] = []
    const fresh: { facts: KeptFile; file: File }[] = []
    let resumed = 0
    let known = 0
    const byKey = Map.groupBy(items.values(), ({ facts }) => facts.key)
    for (const { picked, key } of files) {
      const file = picked instanceof File ? picked : await picked.getFile().catch(() => undefined)
      if (file === undefined) {
        unreadable.push(picked.name)
        continue
      }
      const facts = factsOf(picked, file, key)
      const same = byKey.get(facts.key)?.find((item) => looksLike(item.facts, file) && !isFinal(item))
      const status = same?.view().status
      if (same === undefined) fresh.push({ facts, file })
      else if (status === 'interrupted' || status === 'error' || status === 'paused') {
        same.view().resume(picked)
        resumed += 1
      } else known += 1
    }
    if (attached > 0) await begin(fresh)
    return { begun: fresh.length, resumed, known, unreadable }
  }

  return {
    subscribe: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    snapshot: () => state,
    listed: () => looking,
    attach: () => {
      attached += 1
      clearTimeout(stopping)
      if (!looked) load()
      looked = true
      for (const item of items.values()) item.goOn()
      // What a tab that comes later adds is not in the list that was read.
      const deaf = owner.listen(whenGone)
      const online = () => {
        for (const item of items.values()) item.view().hurry()
      }
      globalThis.addEventListener('online', online)
      return () => {
        attached -= 1
        deaf()
        globalThis.removeEventListener('online', online)
        if (attached > 0) return
        // Later, because strict mode takes a component away only to bring it back at once.
        stopping = setTimeout(() => {
          for (const item of items.values()) item.stop()
          owner.release()
        }, 0)
      }
    },
    start: async (picked) => {
      const file = picked instanceof File ? picked : await picked.getFile()
      if (attached === 0) return undefined
      const facts = factsOf(picked, file, undefined)
      await begin([{ facts, file }])
      return facts.id
    },
    add: (files) => {
      const added = adding.then(() => addNow(files))
      adding = added.catch(() => {})
      return added
    },
    remove: (...ids) => {
      for (const id of ids) {
        const status = items.get(id)?.view().status
        if (status === 'completed' || status === 'aborted' || status === 'error') items.delete(id)
      }
      tell()
    },
    applied: pump,
  }
}

function isFinal(item: ListItem): boolean {
  const { status } = item.view()
  return status === 'completed' || status === 'aborted'
}

async function needOf({ handle }: KeptFile) {
  if (handle === undefined) return 'file'
  return (await mayRead(handle).catch(() => false)) ? 'nothing' : 'permission'
}

/** Pages on plain http have no `crypto.randomUUID`. */
function randomId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) =>
    byte.toString(16).padStart(2, '0'),
  ).join('')
}
