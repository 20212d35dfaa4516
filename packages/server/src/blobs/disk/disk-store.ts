/**
 * Segments as files in a folder: `segments/ab/ab12…`. A segment's file is its upload's file and later its
 * object's: publishing renames and copies nothing, it is a row in the catalog.
 */
import { constants, existsSync } from 'node:fs'
import { mkdir, open, readdir, stat, statfs, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Readable } from 'node:stream'
import { SlotMap } from '../../slot-map.ts'
import type {
  BlobStore,
  SegmentId,
  SegmentPiece,
  SegmentState,
  SegmentWriter,
  StoreStart,
} from '../blob-store.ts'
import { isSegmentId, StoreError } from '../blob-store.ts'
import type { DigestAlgorithm, Digests, FollowingDigest } from '../digests.ts'
import { currentBoot } from './boot.ts'
import { datasync } from './datasync.ts'
import { DigestThread } from './digest-thread.ts'
import { DiskWriter } from './disk-writer.ts'
import { asStoreError, errnoOf } from './errno.ts'
import { FreeSpace } from './free-space.ts'
import { hasMarker, readMarker, writeMarker } from './marker.ts'
import { readSegment } from './read-segment.ts'
import { SyncedFolders } from './synced-folders.ts'

export interface DiskStoreOptions {
  /** Made when missing. */
  readonly folder: string
  /** Bytes of the disk kept free for what must always work: DELETE, the sweep, the catalog. */
  readonly reserve: number
  /** Names the machine's present boot; undefined when the system does not tell. Given by tests only. */
  readonly boot?: string | undefined
}

const HEX = '0123456789abcdef'

export class DiskStore implements BlobStore {
  readonly packs = true
  readonly readsOpen = true
  readonly durable = false
  readonly #folder: string
  readonly #segments: string
  readonly #reserve: number
  readonly #boot: string | undefined
  readonly #folders = new SyncedFolders()
  readonly #digests = new DigestThread()
  readonly #space = new FreeSpace(() => this.freeBytes())
  /** Open now, by segment: what they wrote is made durable through them. */
  readonly #writers = new SlotMap<SegmentId, DiskWriter>()
  #asking: Promise<number> | undefined
  #identity = ''
  #recordedBoot: string | null = null

  constructor(options: DiskStoreOptions) {
    this.#folder = options.folder
    this.#segments = join(options.folder, 'segments')
    this.#reserve = options.reserve
    this.#boot = 'boot' in options ? options.boot : currentBoot()
  }

  async open(): Promise<StoreStart> {
    return guard(`open the blob folder ${this.#folder}`, async () => {
      await mkdir(this.#folder, { recursive: true, mode: 0o700 })
      this.#refuseEmptied()
      await mkdir(this.#segments, { recursive: true, mode: 0o700 })
      for (const a of HEX) for (const b of HEX) await mkdir(join(this.#segments, a + b), { recursive: true })
      await this.#folders.sync(this.#segments)
      await this.#folders.sync(this.#folder)
      const { marker, fresh } = await readMarker(this.#folder)
      this.#identity = marker.identity
      this.#recordedBoot = marker.boot
      const trusted = fresh || (this.#boot !== undefined && marker.boot === this.#boot)
      return { identity: marker.identity, fresh, trusted }
    })
  }

  async trust(): Promise<void> {
    const marker = { identity: this.#identity, boot: this.#boot ?? null }
    // Nothing to write, nothing that can fail: a server on a full disk starts, so that space can be made.
    if (marker.boot === this.#recordedBoot) return
    await guard('record the boot', () => writeMarker(this.#folder, marker))
    this.#recordedBoot = marker.boot
  }

  async inspect(segment: SegmentId): Promise<SegmentState | undefined> {
    return guard(`look at segment ${segment}`, async () => {
      try {
        const { size, mtimeMs } = await stat(this.#path(segment))
        return { length: size, modifiedAt: mtimeMs }
      } catch (error) {
        if (errnoOf(error) !== 'ENOENT') throw error
        await this.#refuseOutage(segment)
        return undefined
      }
    })
  }

  async openWriter(segment: SegmentId): Promise<SegmentWriter> {
    return guard(`open segment ${segment}`, async () => {
      // Not O_APPEND: a write with a position must go exactly there.
      const handle = await open(this.#path(segment), constants.O_CREAT | constants.O_WRONLY, 0o600)
      try {
        const { size } = await handle.stat()
        const writer = new DiskWriter(handle, segment, size, this.#space, () => {
          if (this.#writers.get(segment) === writer) this.#writers.delete(segment)
        })
        this.#writers.set(segment, writer)
        return writer
      } catch (error) {
        await handle.close()
        throw error
      }
    })
  }

  async sync(segment: SegmentId): Promise<number> {
    return guard(`sync segment ${segment}`, async () => {
      const writer = this.#writers.get(segment)
      if (writer === undefined) return this.#syncClosed(segment)
      // The length first: bytes that arrive during the sync may or may not be covered by it.
      const { length } = writer
      await Promise.all([writer.sync(), this.#folders.syncOnce(this.#path(segment))])
      return length
    })
  }

  async #syncClosed(segment: SegmentId): Promise<number> {
    const handle = await open(this.#path(segment), constants.O_RDWR)
    try {
      const { size } = await handle.stat()
      await datasync(handle, segment)
      await this.#folders.syncOnce(this.#path(segment))
      return size
    } finally {
      await handle.close()
    }
  }

  async seal(segment: SegmentId, length: number): Promise<void> {
    const state = await this.inspect(segment)
    if (state === undefined) throw new StoreError('missing', `segment ${segment} is missing`)
    if (state.length !== length) {
      throw new StoreError('damaged', `segment ${segment} has ${state.length} bytes, not ${length}`)
    }
    try {
      await this.sync(segment)
    } catch (error) {
      await this.#refuseOutage(segment)
      throw error
    }
    this.#folders.forget(this.#path(segment))
  }

  async truncate(segment: SegmentId, length: number): Promise<void> {
    await guard(`cut segment ${segment}`, async () => {
      const handle = await open(this.#path(segment), constants.O_RDWR)
      try {
        // Cutting beyond the end would make a hole of zeros there.
        if ((await handle.stat()).size > length) await handle.truncate(length)
        await handle.datasync()
      } finally {
        await handle.close()
      }
    })
  }

  read(segment: SegmentId, start: number, end: number): Readable {
    return readSegment(this.#path(segment), segment, start, end)
  }

  async remove(segment: SegmentId): Promise<void> {
    await guard(`remove segment ${segment}`, async () => {
      this.#folders.forget(this.#path(segment))
      await unlink(this.#path(segment)).catch(async (error: unknown) => {
        if (errnoOf(error) !== 'ENOENT') throw error
        await this.#refuseOutage(segment)
      })
    })
  }

  async *list(): AsyncIterable<SegmentId> {
    for (const a of HEX) {
      for (const b of HEX) {
        const names = await readdir(join(this.#segments, a + b))
        yield* names.filter(isSegmentId).sort()
      }
    }
  }

  async freeBytes(): Promise<number> {
    // Requests that come together ask once.
    this.#asking ??= guard('ask for free space', async () => {
      const { bavail, bsize } = await statfs(this.#segments)
      return Math.max(0, bavail * bsize - this.#reserve)
    }).finally(() => {
      this.#asking = undefined
    })
    return this.#asking
  }

  async digest(
    pieces: readonly SegmentPiece[],
    algorithms: readonly DigestAlgorithm[],
    signal?: AbortSignal,
  ): Promise<Digests> {
    const files = pieces.map(({ segment, length, start = 0 }) => ({
      path: this.#path(segment),
      from: start,
      to: start + length,
    }))
    return this.#digests.files(files, algorithms, signal)
  }

  follow(segment: SegmentId, start: number, algorithms: readonly DigestAlgorithm[]): FollowingDigest {
    return this.#digests.follow(this.#path(segment), start, algorithms)
  }

  async close(): Promise<void> {
    await this.#digests.close()
  }

  /** A marker without the bytes it stands for: were the folder made anew, every upload would count as lost. */
  #refuseEmptied(): void {
    if (existsSync(this.#segments) || !hasMarker(this.#folder)) return
    throw new StoreError(
      'damaged',
      `the folder ${this.#segments} is gone, although uploads were kept there: is its disk mounted?`,
    )
  }

  /**
   * The folders are made at start and stay. Without them the disk is away, and no file of it is known to be
   * missing: bytes that will be back must not be taken for lost.
   */
  async #refuseOutage(segment: SegmentId): Promise<void> {
    try {
      await stat(dirname(this.#path(segment)))
    } catch (error) {
      throw new StoreError('unavailable', `the blob folder ${this.#segments} is out of reach`, error)
    }
  }

  #path(segment: SegmentId): string {
    return join(this.#segments, segment.slice(0, 2), segment)
  }
}

async function guard<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw asStoreError(what, error)
  }
}
