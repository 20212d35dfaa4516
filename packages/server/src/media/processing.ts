/** Looks at files whose bytes are all there until each is READY or FAILED, a few at a time, over restarts too. */
import { Readable } from 'node:stream'
import type { Catalog } from '../catalog/catalog.ts'
import type { MediaOutcome } from '../catalog/media-records.ts'
import type { MediaTold } from '../events/event.ts'
import type { ObjectRecord } from '../objects/object.ts'
import type { Objects } from '../objects/objects.ts'
import type { Uploads } from '../uploads/uploads.ts'
import { mediaEvent } from './event-of.ts'
import type { Inspection } from './inspect/inspection.ts'
import { Inspector } from './inspect/inspector.ts'
import { MEDIA_BUCKET, type MediaFile, thumbnailKey } from './media-file.ts'
import { Settlements } from './settlements.ts'
import { storeThumbnail } from './thumbnail.ts'

export interface ProcessingOptions {
  readonly catalog: Catalog
  readonly objects: Objects
  readonly uploads: Uploads
  readonly now: () => number
  /** What stands before the path of URLs in events: empty, or the public URL. */
  readonly base: string
  /** Nothing was decided about a file; it is looked at again. */
  readonly onError: (id: string, error: unknown) => void
}

/** Each has a process while there is something to look at. */
const AT_ONCE = 2
const BATCH = 100
/** Milliseconds until a file is looked at again after a fault of the machine: longer each time. */
const AGAIN = [1000, 2000, 5000, 30_000]
/** Milliseconds between looks for a digest that is computed elsewhere: longer each time. */
const DIGEST_WAIT = [20, 50, 100, 250, 1000]

export class Processing {
  readonly settlements = new Settlements()
  readonly #options: ProcessingOptions
  readonly #waiting = new Set<string>()
  readonly #timers = new Set<NodeJS.Timeout>()
  /** How often looking at a file came to nothing. */
  readonly #faults = new Map<string, number>()
  readonly #running = new Map<Inspector, Promise<void>>()
  readonly #idle = Array.from({ length: AT_ONCE }, () => new Inspector())
  readonly #closing = new AbortController()

  constructor(options: ProcessingOptions) {
    this.#options = options
  }

  /** Takes up what an earlier process left, or another caller could not tell of. */
  async takeUp(): Promise<void> {
    let after: string | undefined
    for (;;) {
      const page = await this.#options.catalog.pendingMedia(after, BATCH)
      for (const { id, version } of page) if (version !== undefined) this.add(id)
      after = page.at(-1)?.id
      if (page.length < BATCH) return
    }
  }

  add(id: string): void {
    if (this.#closing.signal.aborted) return
    this.#waiting.add(id)
    const inspector = this.#idle.pop()
    if (inspector === undefined) return
    const work = this.#run(inspector).finally(() => {
      this.#running.delete(inspector)
      this.#idle.push(inspector)
    })
    this.#running.set(inspector, work)
  }

  async close(): Promise<void> {
    this.#closing.abort()
    this.#waiting.clear()
    for (const timer of this.#timers) clearTimeout(timer)
    for (const inspector of [...this.#idle, ...this.#running.keys()]) inspector.close()
    await Promise.all(this.#running.values())
    this.settlements.close()
  }

  async #run(inspector: Inspector): Promise<void> {
    for (const id of this.#waiting) {
      this.#waiting.delete(id)
      await this.#settle(inspector, id)
    }
  }

  async #settle(inspector: Inspector, id: string): Promise<void> {
    try {
      const { catalog } = this.#options
      const [file] = await catalog.findMedia([id])
      if (file?.status === 'PENDING' && file.version !== undefined) await this.#look(inspector, file)
      this.#faults.delete(id)
    } catch (error) {
      if (this.#closing.signal.aborted) return
      this.#options.onError(id, error)
      const faults = this.#faults.get(id) ?? 0
      this.#faults.set(id, faults + 1)
      const timer = setTimeout(
        () => {
          this.#timers.delete(timer)
          this.add(id)
        },
        AGAIN[Math.min(faults, AGAIN.length - 1)],
      ).unref()
      this.#timers.add(timer)
    }
  }

  async #look(inspector: Inspector, file: MediaFile): Promise<void> {
    const { catalog, objects, uploads, now } = this.#options
    const object = await objects.find(MEDIA_BUCKET, file.id)
    const outcome =
      object === undefined
        ? failed('RESOURCE_NOT_FOUND', 'its bytes were removed')
        : await this.#outcome(inspector, file, object)
    const { thumbnail, ...found } = outcome
    const kept = thumbnail !== undefined && (await storeThumbnail(uploads, file, thumbnail))
    const settled =
      found.kind === 'ready' && kept ? { ...found, facts: { ...found.facts, thumbnail: true } } : found
    const at = now()
    if (await catalog.settleMedia(file.id, settled, at, this.#event(file, settled, at))) {
      this.settlements.settled(file.id)
    } else if (kept) {
      // The file was removed meanwhile, and what lay beside it then.
      const left = await objects.find(MEDIA_BUCKET, thumbnailKey(file.id))
      const [standing] = await catalog.findMedia([file.id])
      if (left !== undefined && standing === undefined) await objects.remove([left])
    }
  }

  async #outcome(inspector: Inspector, file: MediaFile, object: ObjectRecord): Promise<Outcome> {
    const inspection = await inspector.inspect({
      size: object.size,
      declaredType: file.declaredType,
      read: (start, end) => bytesOf(this.#options.objects.read(object, start, end)),
    })
    if (inspection.kind === 'bad') {
      return { kind: 'failed', failure: inspection.failure, mediaType: inspection.mediaType }
    }
    return ready(inspection, await this.#digested(object))
  }

  /** Digests are computed while bytes arrive, or by one read; either way not here. */
  async #digested(object: ObjectRecord): Promise<{ md5: string; sha256: string }> {
    for (let round = 0; ; round += 1) {
      const known = await this.#options.objects.find(object.bucket, object.key)
      if (known === undefined) throw new Error('the object was removed while it was looked at')
      const { md5, 'sha-256': sha256 } = known.digests
      if (md5 !== undefined && sha256 !== undefined) return { md5, sha256 }
      await this.#sleep(DIGEST_WAIT[Math.min(round, DIGEST_WAIT.length - 1)] ?? 1000)
    }
  }

  #sleep(ms: number): Promise<void> {
    const { signal } = this.#closing
    return new Promise((resolve, reject) => {
      const end = (): void => {
        clearTimeout(timer)
        reject(signal.reason)
      }
      const timer = setTimeout(() => {
        signal.removeEventListener('abort', end)
        resolve()
      }, ms)
      if (signal.aborted) end()
      else signal.addEventListener('abort', end, { once: true })
    })
  }

  #event(file: MediaFile, { kind, ...found }: MediaOutcome, at: number): MediaTold {
    const status = kind === 'ready' ? ('READY' as const) : ('FAILED' as const)
    const settled: MediaFile = { ...file, ...found, status, importing: undefined, updatedAt: at }
    return mediaEvent(settled, this.#options.base, at)
  }
}

type Outcome = MediaOutcome & { readonly thumbnail?: Uint8Array | undefined }

function ready(
  { type, mediaType, facts, thumbnail }: Extract<Inspection, { kind: 'fine' }>,
  digests: { md5: string; sha256: string },
): Outcome {
  return { kind: 'ready', type, mediaType, facts, ...digests, thumbnail }
}

function failed(code: string, description: string): Outcome {
  return { kind: 'failed', failure: { code, description }, mediaType: 'UNKNOWN' }
}

async function bytesOf(stream: Readable): Promise<Uint8Array> {
  return Buffer.concat(await Readable.from(stream).toArray())
}
