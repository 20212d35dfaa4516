/**
 * Fetches files that are to be imported, a few at a time, until each has its bytes or cannot get them. What is
 * to be fetched stands in the catalog: a restart goes on with it.
 */

import type { Objects } from '../../objects/objects.ts'
import type { ImportProgress } from '../descriptor.ts'
import { mediaEvent } from '../event-of.ts'
import { MEDIA_BUCKET, type MediaFailure, type MediaFile } from '../media-file.ts'
import { type Attempting, attemptImport, ImportRefused } from './attempt.ts'

export interface ImporterOptions extends Omit<Attempting, 'onProgress'> {
  readonly objects: Objects
  readonly now: () => number
  /** What stands before the path of URLs in events: empty, or the public URL. */
  readonly base: string
  /** A file has its bytes. */
  readonly onArrived: (id: string) => void
  /** A file was settled without them. */
  readonly onFailed: (id: string) => void
  readonly onError: (id: string, error: unknown) => void
  readonly limits?: ImportLimits
}

export interface ImportLimits {
  /** Milliseconds before each next attempt; the last one before all that follow. */
  readonly pauses: readonly number[]
  /** Attempts in a row that come no further than one before. */
  readonly fruitless: number
  /** Milliseconds from the wish to the last byte. */
  readonly time: number
}

const IMPORT_LIMITS: ImportLimits = {
  pauses: [1000, 2000, 5000, 15_000],
  fruitless: 5,
  time: 6 * 60 * 60 * 1000,
}

const AT_ONCE = 4
const BATCH = 100

export class Importer {
  readonly #options: ImporterOptions
  readonly #limits: ImportLimits
  readonly #waiting = new Set<string>()
  readonly #running = new Map<string, Promise<void>>()
  readonly #progress = new Map<string, ImportProgress>()
  readonly #closing = new AbortController()

  constructor(options: ImporterOptions) {
    this.#options = options
    this.#limits = options.limits ?? IMPORT_LIMITS
  }

  /** Takes up what an earlier process left. */
  async takeUp(): Promise<void> {
    let after: string | undefined
    for (;;) {
      const page = await this.#options.catalog.pendingMedia(after, BATCH)
      for (const { id, importing } of page) if (importing !== undefined) this.add(id)
      after = page.at(-1)?.id
      if (page.length < BATCH) return
    }
  }

  add(id: string): void {
    if (this.#closing.signal.aborted || this.#running.has(id)) return
    this.#waiting.add(id)
    this.#next()
  }

  /** Undefined for a file that is not being fetched now. */
  progressOf(id: string): ImportProgress | undefined {
    return this.#progress.get(id)
  }

  async close(): Promise<void> {
    this.#closing.abort(new Error('the server is closing'))
    this.#waiting.clear()
    await Promise.all(this.#running.values())
  }

  #next(): void {
    const [id] = this.#waiting
    if (id === undefined || this.#running.size >= AT_ONCE) return
    this.#waiting.delete(id)
    const work = this.#fetch(id)
      .catch((error: unknown) => {
        if (!this.#closing.signal.aborted) this.#options.onError(id, error)
      })
      .finally(() => {
        this.#running.delete(id)
        this.#progress.delete(id)
        this.#next()
      })
    this.#running.set(id, work)
    this.#next()
  }

  async #fetch(id: string): Promise<void> {
    const { pauses, fruitless, time } = this.#limits
    const { now } = this.#options
    let failures = 0
    let furthest = 0
    for (let attempt = 0; ; attempt += 1) {
      const [file] = await this.#options.catalog.findMedia([id])
      if (file?.status !== 'PENDING' || file.version !== undefined || file.importing === undefined) return
      const late = file.importing.startedAt + time - now()
      if (late <= 0)
        return this.#fail(file, { code: 'IMPORT_TIMEOUT', description: 'the source is too slow' })
      try {
        const outcome = await this.#attempt(file, late)
        if (outcome === 'whole') return await this.#arrived(file)
        failures = outcome > furthest ? 0 : failures + 1
        furthest = Math.max(furthest, outcome)
      } catch (error) {
        if (this.#closing.signal.aborted) throw error
        if (error instanceof ImportRefused) {
          return this.#fail(file, { code: error.code, description: error.message })
        }
        failures += 1
        this.#options.onError(id, error)
      }
      if (failures >= fruitless) {
        const description = 'the source does not give its bytes'
        return this.#fail(file, { code: 'IMPORT_FAILED', description })
      }
      await this.#pause(pauses[Math.min(attempt, pauses.length - 1)] ?? 0)
    }
  }

  async #attempt(file: MediaFile, late: number): Promise<'whole' | number> {
    const { importing, sourceUrl } = file
    if (importing === undefined || sourceUrl === undefined) throw new Error('it is not imported')
    const ending = new AbortController()
    const end = (): void => ending.abort(this.#closing.signal.reason)
    const timer = setTimeout(() => ending.abort(new Error('the time is over')), Math.min(late, 2 ** 31 - 1))
    this.#closing.signal.addEventListener('abort', end)
    if (this.#closing.signal.aborted) end()
    try {
      const onProgress = (id: string, receivedBytes: number, totalBytes: number | undefined): void =>
        void this.#progress.set(id, { receivedBytes, totalBytes })
      return await attemptImport(
        { ...this.#options, onProgress },
        { ...file, importing, sourceUrl },
        ending.signal,
      )
    } finally {
      clearTimeout(timer)
      this.#closing.signal.removeEventListener('abort', end)
    }
  }

  async #arrived(file: MediaFile): Promise<void> {
    const { catalog, objects, now, onArrived } = this.#options
    const arrived = await catalog.mediaArrived(file.id, now())
    if (arrived !== undefined) return onArrived(file.id)
    // The file was removed while its last bytes came: nobody will ask for them.
    const object = await objects.find(MEDIA_BUCKET, file.id)
    if (object !== undefined) await objects.remove([object])
  }

  async #fail(file: MediaFile, failure: MediaFailure): Promise<void> {
    const { catalog, base, now, onFailed } = this.#options
    const at = now()
    const failed: MediaFile = { ...file, status: 'FAILED', failure, importing: undefined, updatedAt: at }
    const outcome = { kind: 'failed', failure, mediaType: file.mediaType } as const
    await catalog.settleMedia(file.id, outcome, at, mediaEvent(failed, base, at))
    onFailed(file.id)
  }

  #pause(ms: number): Promise<void> {
    const { signal } = this.#closing
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer)
        signal.removeEventListener('abort', end)
        resolve()
      }
      const timer = setTimeout(end, ms)
      signal.addEventListener('abort', end)
      if (signal.aborted) end()
    })
  }
}
