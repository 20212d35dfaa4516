/**
 * Makes accepted bytes durable behind the data: every 32 MiB or 2 s of an upload one `fdatasync` in the
 * background, two at a time, so that the one at the end is short and a power cut takes little.
 *
 * Where a sync fails, the system forgets which bytes did not reach the disk, and the next one would succeed. So the
 * upload is set back to what an earlier sync covered: the rest is cut off before anything more is taken, and its
 * client, who sees the offset go back, sends it again.
 */
import { type BlobStore, StoreError } from '../blobs/blob-store.ts'
import type { Catalog } from '../catalog/catalog.ts'
import { SlotMap } from '../slot-map.ts'
import type { UploadId, UploadRecord } from './upload.ts'

const SYNC_BYTES = 32 * 1024 * 1024
const SYNC_MS = 2000
/** Syncs behind the data at a time: they share few threads with reads and writes, which must not wait for them. */
const SYNCS = 2

interface Dirty {
  readonly upload: UploadRecord
  /** Bytes of the segment covered by a sync. */
  synced: number
  written: number
  timer: NodeJS.Timeout | undefined
  running: Promise<void> | undefined
  failing: boolean
}

/** How far the syncs of one upload have got, for a request that tells it. */
export interface SyncWatch {
  /** Bytes of the segment covered by a sync. */
  readonly synced: number
  /** Stops looking. */
  close(): void
}

export class Durability {
  readonly #blobs: BlobStore
  readonly #catalog: Catalog
  readonly #onError: (error: unknown) => void
  readonly #dirty = new SlotMap<string, Dirty>()
  /** Whose next sync is due. */
  readonly #due = new SlotMap<string, Dirty>()
  #syncing = 0
  readonly #watched = new SlotMap<string, { synced: number }>()
  readonly #cutTo = new Map<string, number>()
  readonly #onSetBack: (id: UploadId) => void

  /** @param onSetBack - whoever writes to the upload has to stop */
  constructor(
    blobs: BlobStore,
    catalog: Catalog,
    onError: (error: unknown) => void,
    onSetBack: (id: UploadId) => void = () => {},
  ) {
    this.#blobs = blobs
    this.#catalog = catalog
    this.#onError = onError
    this.#onSetBack = onSetBack
  }

  /** Of bytes that are there up to `length`, those that count. */
  counted(id: UploadId, length: number): number {
    return Math.min(length, this.#cutTo.get(id) ?? length)
  }

  /** Where an upload was set back to; its segment still has the bytes beyond. */
  cutTo(id: UploadId): number | undefined {
    return this.#cutTo.get(id)
  }

  /**
   * Its bytes beyond what is durable do not count any more; a restart knows it by the record.
   * @param known - durable by what the caller knows: a look beside a writer may have made more so, and told it
   * @throws CatalogError
   */
  async setBack(id: UploadId, known: number): Promise<void> {
    const found = this.#catalog.findUpload(id)
    const durable = Math.max(known, (await found.catch(() => undefined))?.durable ?? 0)
    const to = Math.min(durable, this.#cutTo.get(id) ?? durable)
    this.#cutTo.set(id, to)
    this.#onSetBack(id)
    // A request with a checksum may have begun further back.
    const rollback = (await found)?.rollback ?? to
    await this.#catalog.setRollback(id, Math.min(rollback, to))
  }

  /** What did not count is cut off: bytes may come again. */
  recovered(id: UploadId): void {
    this.#cutTo.delete(id)
  }

  /** Bytes of `upload` are in its segment up to `length`. */
  note(upload: UploadRecord, length: number): void {
    if (this.#blobs.durable || this.#cutTo.has(upload.id)) return
    const dirty = this.#entry(upload, length)
    dirty.written = Math.max(dirty.written, length)
    if (dirty.running !== undefined || this.#due.has(upload.id)) return
    // After a failure only the timer tries again: a disk that is away must not be asked without end.
    if (dirty.written - dirty.synced >= SYNC_BYTES && !dirty.failing) this.#start(dirty)
    else dirty.timer ??= setTimeout(() => this.#start(dirty), SYNC_MS).unref()
  }

  /**
   * `upload` is as the catalog has it now. A watch outlives the moments in which nothing waits for a sync: a client
   * that sends a byte now and then meets mostly those.
   */
  watch(upload: UploadRecord): SyncWatch {
    const watched = { synced: upload.durable }
    this.#watched.set(upload.id, watched)
    return {
      get synced() {
        return watched.synced
      },
      close: () => {
        if (this.#watched.get(upload.id) === watched) this.#watched.delete(upload.id)
      },
    }
  }

  /** Resolves when all that was noted is durable and the catalog knows it. @throws StoreError, CatalogError */
  async settle(upload: UploadRecord): Promise<void> {
    this.refuseSetBack(upload.id)
    const dirty = this.#dirty.get(upload.id)
    if (dirty === undefined) return
    this.#unplan(dirty)
    const before = dirty.running
    const sync = (async () => {
      await before
      await this.#sync(dirty)
    })()
    // Whoever takes bytes back waits for all of it: nothing must be called durable that is gone by then.
    const running = sync.catch(() => {})
    dirty.running = running
    try {
      await sync
    } finally {
      if (dirty.running === running) this.#rest(dirty)
    }
  }

  /** @throws StoreError `unsynced` while bytes that do not count are still to be cut off */
  refuseSetBack(id: UploadId): void {
    const to = this.#cutTo.get(id)
    if (to !== undefined) throw new StoreError('unsynced', `of upload ${id} only ${to} bytes are durable`)
  }

  /** Nobody wants its bytes any more. */
  async end(id: UploadId): Promise<void> {
    await this.forget(id)
    this.recovered(id)
  }

  /** Sealing makes the rest durable, or it is taken back. */
  async forget(id: string): Promise<void> {
    const dirty = this.#dirty.get(id)
    if (dirty === undefined) return
    this.#unplan(dirty)
    this.#dirty.delete(id)
    await dirty.running
  }

  /** Makes everything durable that is not yet; a failure is reported and leaves the rest as it was. */
  async close(): Promise<void> {
    await Promise.all(
      [...this.#dirty.values()].map((dirty) =>
        this.settle(dirty.upload).catch((error) => this.#onError(error)),
      ),
    )
    this.#dirty.clear()
  }

  #entry(upload: UploadRecord, length: number): Dirty {
    const known = this.#dirty.get(upload.id)
    if (known !== undefined) return known
    const fresh: Dirty = {
      upload,
      synced: Math.min(upload.durable, length),
      written: length,
      timer: undefined,
      running: undefined,
      failing: false,
    }
    this.#dirty.set(upload.id, fresh)
    return fresh
  }

  #unplan(dirty: Dirty): void {
    clearTimeout(dirty.timer)
    dirty.timer = undefined
    this.#due.delete(dirty.upload.id)
  }

  /** In the background, as soon as others let it. */
  #start(dirty: Dirty): void {
    this.#unplan(dirty)
    this.#due.set(dirty.upload.id, dirty)
    this.#next()
  }

  #next(): void {
    const [dirty] = this.#due.values()
    if (dirty === undefined || this.#syncing === SYNCS) return
    this.#due.delete(dirty.upload.id)
    this.#syncing += 1
    const running = this.#sync(dirty)
      .then(
        () => {
          dirty.failing = false
        },
        (error) => {
          dirty.failing = true
          this.#onError(error)
        },
      )
      .finally(() => {
        this.#syncing -= 1
        if (dirty.running === running) this.#rest(dirty)
        this.#next()
      })
    dirty.running = running
    this.#next()
  }

  /** No sync runs: what was written meanwhile waits for the next one. */
  #rest(dirty: Dirty): void {
    dirty.running = undefined
    if (this.#dirty.get(dirty.upload.id) !== dirty) return
    if (this.#cutTo.has(dirty.upload.id)) this.#dirty.delete(dirty.upload.id)
    else if (dirty.written > dirty.synced) this.note(dirty.upload, dirty.written)
    else this.#dirty.delete(dirty.upload.id)
  }

  async #sync(dirty: Dirty): Promise<void> {
    if (dirty.synced >= dirty.written) return
    const durable = await this.#blobs.sync(dirty.upload.segment).catch(async (error: unknown) => {
      if (isUnsynced(error)) await this.setBack(dirty.upload.id, dirty.synced)
      throw error
    })
    await this.#catalog.advance(dirty.upload.id, { durable })
    dirty.synced = durable
    const watched = this.#watched.get(dirty.upload.id)
    if (watched !== undefined) watched.synced = durable
  }
}

/** Whether a sync failed, so that another one would prove nothing. */
export function isUnsynced(error: unknown): boolean {
  return error instanceof StoreError && error.code === 'unsynced'
}
