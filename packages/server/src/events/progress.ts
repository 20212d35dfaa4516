/** How far uploads are, for listeners: as bytes arrive, but seldom enough that nobody pays for it. */
import type { UploadId, UploadRecord } from '../uploads/upload.ts'
import { uploadProgressed } from './event.ts'
import type { Listeners } from './listeners.ts'

/** At most 4 events per second and upload. */
const EVERY_MS = 250

interface Latest {
  readonly upload: UploadRecord
  readonly offset: number
}

export class Progress {
  readonly #listeners: Listeners
  readonly #now: () => number
  /** Uploads told of less than EVERY_MS ago, with what has happened since. */
  readonly #recent = new Map<UploadId, { timer: NodeJS.Timeout; latest: Latest | undefined }>()

  constructor(listeners: Listeners, now: () => number) {
    this.#listeners = listeners
    this.#now = now
  }

  /** Bytes of `upload` are accepted up to `offset`. */
  note(upload: UploadRecord, offset: number): void {
    const recent = this.#recent.get(upload.id)
    if (recent !== undefined) recent.latest = { upload, offset }
    else if (this.#listeners.wants('upload.progressed')) this.#tell({ upload, offset })
  }

  /** The upload has ended: what is still to be told is no longer true. */
  forget(id: UploadId): void {
    clearTimeout(this.#recent.get(id)?.timer)
    this.#recent.delete(id)
  }

  #tell({ upload, offset }: Latest): void {
    this.#listeners.tell(uploadProgressed(upload, offset, this.#now()))
    const timer = setTimeout(() => {
      const latest = this.#recent.get(upload.id)?.latest
      this.#recent.delete(upload.id)
      if (latest !== undefined) this.#tell(latest)
    }, EVERY_MS)
    this.#recent.set(upload.id, { timer: timer.unref(), latest: undefined })
  }
}
