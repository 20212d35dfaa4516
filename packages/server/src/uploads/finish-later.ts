/**
 * Finishes again what came to no outcome: a hook or a storage that was out of reach would otherwise leave an
 * upload whose client has gone waiting for the next start.
 */
import type { UploadId, UploadRecord } from './upload.ts'

const FIRST_MS = 15_000
const LONGEST_MS = 60 * 60 * 1000
/** Uploads finished at a time: hooks may ask services that are small. */
const AT_ONCE = 4

interface Waiting {
  readonly upload: UploadRecord
  readonly length: number
}

export class FinishLater {
  readonly #finish: (upload: UploadRecord, length: number) => Promise<unknown>
  readonly #onError: (upload: UploadRecord, error: unknown) => void
  readonly #tries = new Map<UploadId, number>()
  readonly #timers = new Map<UploadId, NodeJS.Timeout>()
  readonly #ready: Waiting[] = []
  #running = 0
  #closed = false

  /** @param finish - says itself, through `again` or `settled`, how it came out */
  constructor(
    finish: (upload: UploadRecord, length: number) => Promise<unknown>,
    onError: (upload: UploadRecord, error: unknown) => void,
  ) {
    this.#finish = finish
    this.#onError = onError
  }

  /** As soon as there is room. */
  soon(upload: UploadRecord, length: number): void {
    this.#ready.push({ upload, length })
    this.#next()
  }

  /** It came to no outcome: the longer that goes on, the later it is tried. */
  again(upload: UploadRecord, length: number): void {
    if (this.#closed || this.#timers.has(upload.id)) return
    const tries = this.#tries.get(upload.id) ?? 0
    this.#tries.set(upload.id, tries + 1)
    const timer = setTimeout(
      () => {
        this.#timers.delete(upload.id)
        this.soon(upload, length)
      },
      Math.min(LONGEST_MS, FIRST_MS * 2 ** tries),
    )
    this.#timers.set(upload.id, timer.unref())
  }

  /** It has its outcome, whoever asked for it. */
  settled(id: UploadId): void {
    clearTimeout(this.#timers.get(id))
    this.#timers.delete(id)
    this.#tries.delete(id)
  }

  /** Begins nothing more; what runs is the finisher's to wait for. */
  close(): void {
    this.#closed = true
    for (const timer of this.#timers.values()) clearTimeout(timer)
    this.#ready.length = 0
  }

  #next(): void {
    if (this.#closed || this.#running >= AT_ONCE) return
    const waiting = this.#ready.shift()
    if (waiting === undefined) return
    this.#running += 1
    this.#finish(waiting.upload, waiting.length)
      .catch((error: unknown) => this.#onError(waiting.upload, error))
      .finally(() => {
        this.#running -= 1
        this.#next()
      })
  }
}
