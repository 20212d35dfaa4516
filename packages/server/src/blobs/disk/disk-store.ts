/**
 * Segments as files in a folder: `segments/ab/ab12…`. A segment's file is its upload's file and later its
 * object's: publishing renames and copies nothing, it is a row in the catalog.
 */
import { constants, createReadStream } from 'node:fs'
import { mkdir, open, readdir, stat, statfs, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import type { BlobStore, SegmentId, SegmentPiece, SegmentState, SegmentWriter, StoreStart } from '../blob-store.ts'
import { isSegmentId, StoreError } from '../blob-store.ts'
import { currentBoot } from './boot.ts'
import { DigestWorkers } from './digest-workers.ts'
import { DiskWriter } from './disk-writer.ts'
import { asStoreError, errnoOf } from './errno.ts'
import { readMarker, writeMarker } from './marker.ts'
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
  readonly #folder: string
  readonly #segments: string
  readonly #reserve: number
  readonly #boot: string | undefined
  readonly #folders = new SyncedFolders()
  readonly #digests = new DigestWorkers()
  #identity = ''

  constructor(options: DiskStoreOptions) {
    this.#folder = options.folder
    this.#segments = join(options.folder, 'segments')
    this.#reserve = options.reserve
    this.#boot = 'boot' in options ? options.boot : currentBoot()
  }

  async open(): Promise<StoreStart> {
    return guard(`open the blob folder ${this.#folder}`, async () => {
      await mkdir(this.#segments, { recursive: true, mode: 0o700 })
      for (const a of HEX) for (const b of HEX) await mkdir(join(this.#segments, a + b), { recursive: true })
      await this.#folders.sync(this.#segments)
      await this.#folders.sync(this.#folder)
      const { marker, fresh } = await readMarker(this.#folder)
      this.#identity = marker.identity
      const trusted = fresh || (this.#boot !== undefined && marker.boot === this.#boot)
      return { identity: marker.identity, fresh, trusted }
    })
  }

  async trust(): Promise<void> {
    await guard('record the boot', () =>
      writeMarker(this.#folder, { identity: this.#identity, boot: this.#boot ?? null }),
    )
  }

  async create(segment: SegmentId): Promise<void> {
    await guard(`create segment ${segment}`, async () => {
      const handle = await open(this.#path(segment), constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY, 0o600)
      await handle.close()
    })
  }

  async inspect(segment: SegmentId): Promise<SegmentState | undefined> {
    return guard(`look at segment ${segment}`, async () => {
      try {
        const { size, mtimeMs } = await stat(this.#path(segment))
        return { length: size, modifiedAt: mtimeMs }
      } catch (error) {
        if (errnoOf(error) === 'ENOENT') return undefined
        throw error
      }
    })
  }

  async openWriter(segment: SegmentId): Promise<SegmentWriter> {
    return guard(`open segment ${segment}`, async () => {
      // Not O_APPEND: a write with a position must go exactly there.
      const handle = await open(this.#path(segment), constants.O_CREAT | constants.O_WRONLY, 0o600)
      try {
        const { size } = await handle.stat()
        return new DiskWriter(handle, segment, size, () => this.freeBytes())
      } catch (error) {
        await handle.close()
        throw error
      }
    })
  }

  async sync(segment: SegmentId): Promise<number> {
    return guard(`sync segment ${segment}`, async () => {
      const handle = await open(this.#path(segment), constants.O_RDWR)
      try {
        // The length first: bytes that arrive during the sync may or may not be covered by it.
        const { size } = await handle.stat()
        await handle.datasync()
        await this.#folders.syncOnce(this.#path(segment))
        return size
      } finally {
        await handle.close()
      }
    })
  }

  async seal(segment: SegmentId, length: number): Promise<void> {
    const state = await this.inspect(segment)
    if (state === undefined) throw new StoreError('missing', `segment ${segment} is missing`)
    if (state.length !== length) {
      throw new StoreError('damaged', `segment ${segment} has ${state.length} bytes, not ${length}`)
    }
    await this.sync(segment)
    this.#folders.forget(this.#path(segment))
  }

  async truncate(segment: SegmentId, length: number): Promise<void> {
    await guard(`cut segment ${segment}`, async () => {
      const handle = await open(this.#path(segment), constants.O_RDWR)
      try {
        await handle.truncate(length)
        await handle.datasync()
      } finally {
        await handle.close()
      }
    })
  }

  read(segment: SegmentId, start: number, end: number): Readable {
    // `end` of createReadStream is inclusive; an empty range would read one byte.
    return createReadStream(this.#path(segment), { start, end: end - 1, highWaterMark: 256 * 1024 })
  }

  async remove(segment: SegmentId): Promise<void> {
    await guard(`remove segment ${segment}`, async () => {
      this.#folders.forget(this.#path(segment))
      await unlink(this.#path(segment)).catch((error: unknown) => {
        if (errnoOf(error) !== 'ENOENT') throw error
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
    return guard('ask for free space', async () => {
      const { bavail, bsize } = await statfs(this.#segments)
      return Math.max(0, bavail * bsize - this.#reserve)
    })
  }

  async sha256(pieces: readonly SegmentPiece[], signal?: AbortSignal): Promise<string> {
    const files = pieces.map(({ segment, length }) => ({ path: this.#path(segment), length }))
    return guard('read bytes for their digest', () => this.#digests.sha256(files, signal))
  }

  async close(): Promise<void> {
    await this.#digests.close()
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
