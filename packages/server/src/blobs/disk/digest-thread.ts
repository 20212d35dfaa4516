/**
 * Hashes files on a worker thread, so that no byte of it passes through the event loop. A file that is being
 * written is read behind its writer, from the page cache.
 */
import { Worker } from 'node:worker_threads'
import { SlotMap } from '../../slot-map.ts'
import { StoreError } from '../blob-store.ts'
import type { DigestAlgorithm, Digests, FollowingDigest } from '../digests.ts'

export type DigestRequest =
  | { readonly kind: 'begin'; readonly id: number; readonly algorithms: readonly DigestAlgorithm[] }
  | {
      readonly kind: 'read'
      readonly id: number
      readonly path: string
      readonly from: number
      readonly to: number
    }
  | { readonly kind: 'finish'; readonly id: number }
  | { readonly kind: 'cancel'; readonly id: number }

export type DigestReply =
  | { readonly id: number; readonly digests: Digests }
  | { readonly id: number; readonly error: string }

/** Bytes of a file. */
export interface FilePiece {
  readonly path: string
  readonly from: number
  /** Exclusive. */
  readonly to: number
}

interface Waiting {
  readonly resolve: (digests: Digests) => void
  readonly reject: (error: unknown) => void
}

/** Bytes that are read at a time behind a writer; what is left at the end takes some milliseconds. */
const STRIDE = 4 * 1024 * 1024

/** One thread: a second would take the core that moves bytes. It is started with the first job. */
export class DigestThread {
  readonly #waiting = new SlotMap<number, Waiting>()
  /** Jobs of the thread that runs now; those of one that died are lost. */
  #jobs = new Set<number>()
  #worker: Worker | undefined
  #lastId = 0
  #closed = false

  /** The digests of pieces of files read one after the other. @throws StoreError */
  async files(
    pieces: readonly FilePiece[],
    algorithms: readonly DigestAlgorithm[],
    signal?: AbortSignal,
  ): Promise<Digests> {
    signal?.throwIfAborted()
    const id = this.#begin(algorithms)
    for (const { path, from, to } of pieces) {
      if (to > from) this.#send({ kind: 'read', id, path, from, to })
    }
    const cancel = (): void => this.#cancel(id, signal?.reason)
    signal?.addEventListener('abort', cancel, { once: true })
    try {
      return await this.#finish(id)
    } finally {
      signal?.removeEventListener('abort', cancel)
    }
  }

  /** A digest of a growing file from `start` on. The thread hears of it when there is enough to read. */
  follow(path: string, start: number, algorithms: readonly DigestAlgorithm[]): FollowingDigest {
    let id: number | undefined
    let at = start
    let cancelled: StoreError | undefined
    const read = (length: number): number => {
      id ??= this.#begin(algorithms)
      if (length > at) this.#send({ kind: 'read', id, path, from: at, to: length })
      at = Math.max(at, length)
      return id
    }
    return {
      // Not write by write: each message costs more than the bytes of a small one.
      advance(length) {
        if (cancelled === undefined && length - at >= STRIDE) read(length)
      },
      finish: async (length) => {
        if (cancelled !== undefined) throw cancelled
        return this.#finish(read(length))
      },
      cancel: () => {
        cancelled = new StoreError('unavailable', 'the digest was cancelled')
        if (id !== undefined) this.#cancel(id, cancelled)
      },
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#fail(new StoreError('unavailable', 'the blob store was closed'))
    await this.#worker?.terminate()
  }

  #begin(algorithms: readonly DigestAlgorithm[]): number {
    if (this.#closed) throw new StoreError('unavailable', 'the blob store is closed')
    this.#worker ??= this.#start()
    this.#lastId += 1
    this.#jobs.add(this.#lastId)
    this.#send({ kind: 'begin', id: this.#lastId, algorithms })
    return this.#lastId
  }

  #finish(id: number): Promise<Digests> {
    return new Promise((resolve, reject) => {
      if (!this.#jobs.has(id)) throw new StoreError('unavailable', 'the digest was lost')
      this.#waiting.set(id, { resolve, reject })
      this.#send({ kind: 'finish', id })
    })
  }

  #cancel(id: number, reason: unknown): void {
    if (!this.#jobs.delete(id)) return
    this.#send({ kind: 'cancel', id })
    this.#waiting.get(id)?.reject(reason)
    this.#waiting.delete(id)
  }

  #send(request: DigestRequest): void {
    if (request.kind === 'cancel' || this.#jobs.has(request.id)) this.#worker?.postMessage(request)
  }

  #start(): Worker {
    const extension = import.meta.url.slice(import.meta.url.lastIndexOf('.'))
    const worker = new Worker(new URL(`./digest-worker${extension}`, import.meta.url))
    worker.unref()
    worker.on('message', (reply: DigestReply) => {
      const waiting = this.#waiting.get(reply.id)
      this.#waiting.delete(reply.id)
      this.#jobs.delete(reply.id)
      if ('digests' in reply) waiting?.resolve(reply.digests)
      else
        waiting?.reject(new StoreError('damaged', `bytes could not be read for their digest: ${reply.error}`))
    })
    worker.on('error', (error) => {
      this.#worker = undefined
      this.#fail(new StoreError('unavailable', 'the digest thread died', error))
    })
    return worker
  }

  #fail(error: StoreError): void {
    this.#jobs = new Set()
    for (const { reject } of this.#waiting.values()) reject(error)
    this.#waiting.clear()
  }
}
