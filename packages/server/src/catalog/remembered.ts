/**
 * A catalog that keeps the records of unfinished uploads at hand, so that a look at one and the next append need
 * no trip to where records live. Only for a catalog whose every change goes through this process, and which
 * answers in the order in which it was called: then what is remembered is what is written.
 *
 * - A record is remembered when it was inserted or found, and changed only after its change was committed.
 * - While a change is under way the record of before is given: nobody has been told otherwise yet.
 * - A change that failed, or whose outcome does not follow from what is remembered, makes it forgotten; so does
 *   every end of an upload.
 * - A look that began before a change does not bring back what it saw.
 */
import { SlotMap } from '../slot-map.ts'
import type { UploadId, UploadRecord } from '../uploads/upload.ts'
import type { Catalog } from './catalog.ts'

/** Records; those unused for longest are forgotten. */
const MOST = 4096
/** Characters of a record's metadata: longer ones are looked up, so that all of them stay within a few MiB. */
const LONGEST = 2048

export function rememberUploads(catalog: Catalog, most = MOST): Catalog {
  /** In order of use. */
  const known = new SlotMap<UploadId, UploadRecord>()
  /** Changes under way, by upload. */
  const changing = new Map<UploadId, number>()
  /** The look under way at an upload that may be remembered, until a change comes. */
  const looking = new Map<UploadId, object>()

  let room = most

  const remember = (upload: UploadRecord): void => {
    known.delete(upload.id)
    if (upload.state.kind !== 'open' && upload.state.kind !== 'finishing') return
    if (upload.metadata.length > LONGEST || upload.userMetadata !== undefined) return
    known.set(upload.id, copyOf(upload))
    if (known.size <= room) return
    for (const oldest of known.keys()) {
      known.delete(oldest)
      return
    }
  }

  async function find(id: UploadId): Promise<UploadRecord | undefined> {
    const remembered = known.get(id)
    if (remembered !== undefined) {
      known.delete(id)
      known.set(id, remembered)
      return copyOf(remembered)
    }
    if (changing.has(id)) return catalog.findUpload(id)
    const look = looking.get(id) ?? {}
    looking.set(id, look)
    try {
      const found = await catalog.findUpload(id)
      if (found !== undefined && looking.get(id) === look) remember(found)
      return found
    } finally {
      if (looking.get(id) === look) looking.delete(id)
    }
  }

  /** @param changed - the record after the change; undefined when that is not for us to say */
  async function change<T>(
    id: UploadId,
    work: () => Promise<T>,
    changed: (before: UploadRecord, result: T) => UploadRecord | undefined,
  ): Promise<T> {
    looking.delete(id)
    changing.set(id, (changing.get(id) ?? 0) + 1)
    let after: UploadRecord | undefined
    try {
      const result = await work()
      const before = known.get(id)
      after = before && changed(before, result)
      return result
    } finally {
      const left = (changing.get(id) ?? 1) - 1
      if (left === 0) changing.delete(id)
      else changing.set(id, left)
      if (after === undefined) known.delete(id)
      else if (known.has(id)) known.set(id, after)
    }
  }
  const opened = (before: UploadRecord): boolean => before.state.kind === 'open'

  return {
    ...catalog,
    findUpload: find,
    async insertUpload(upload, ...terms) {
      // As with a look: a change that began meanwhile knows better.
      const look = {}
      looking.set(upload.id, look)
      try {
        const exceeded = await catalog.insertUpload(upload, ...terms)
        if (exceeded === undefined && looking.get(upload.id) === look) remember(upload)
        return exceeded
      } finally {
        if (looking.get(upload.id) === look) looking.delete(upload.id)
      }
    },
    describeUpload: (id, details) =>
      change(
        id,
        () => catalog.describeUpload(id, details),
        () => undefined,
      ),
    setEnding: (id, ending, hold) =>
      change(
        id,
        () => catalog.setEnding(id, ending, hold),
        () => undefined,
      ),
    setLength: (id, length, hold) =>
      change(
        id,
        () => catalog.setLength(id, length, hold),
        (before, holds) => (holds === undefined ? undefined : { ...before, length: holds }),
      ),
    advance: (id, progress) =>
      change(
        id,
        () => catalog.advance(id, progress),
        (before) =>
          opened(before)
            ? {
                ...before,
                durable: Math.max(before.durable, progress.durable ?? 0),
                expiresAt: Math.max(before.expiresAt, progress.expiresAt ?? 0),
              }
            : before,
      ),
    lowerDurable: (id, durable) =>
      change(
        id,
        () => catalog.lowerDurable(id, durable),
        (before) => (opened(before) ? { ...before, durable: Math.min(before.durable, durable) } : before),
      ),
    setRollback: (id, rollback, hold) =>
      change(
        id,
        () => catalog.setRollback(id, rollback, hold),
        (before) => (opened(before) ? { ...before, rollback } : before),
      ),
    beginFinish: (id, length) =>
      change(
        id,
        () => catalog.beginFinish(id, length),
        (before, finishing) =>
          finishing && opened(before)
            ? { ...before, length, rollback: undefined, state: { kind: 'finishing' } }
            : undefined,
      ),
    publish: (id, object, terms) =>
      change(
        id,
        () => catalog.publish(id, object, terms),
        () => undefined,
      ),
    seal: (id) =>
      change(
        id,
        () => catalog.seal(id),
        () => undefined,
      ),
    endUpload: (id, from, end, at) =>
      change(
        id,
        () => catalog.endUpload(id, from, end, at),
        () => undefined,
      ),
    close() {
      // What is closed answers nothing, also what it remembers.
      room = 0
      known.clear()
      return catalog.close()
    },
  }
}

/** No caller can change what is remembered. */
function copyOf(upload: UploadRecord): UploadRecord {
  const { owner, headers, concat, digests, state } = upload
  return {
    ...upload,
    owner: { ...owner },
    headers: { ...headers },
    concat: concat.kind === 'final' ? structuredClone(concat) : { ...concat },
    digests: { ...digests, wanted: [...digests.wanted], demanded: { ...digests.demanded } },
    state: { ...state },
  }
}
