/**
 * Hashes bytes on a worker thread: those that pass on their way to S3, where they cannot be read again before
 * they are one object, and those that come back from there.
 */
import { Worker } from 'node:worker_threads'
import { SlotMap } from '../../slot-map.ts'
import { StoreError } from '../blob-store.ts'
import type { DigestAlgorithm, Digests } from '../digests.ts'

export type HashRequest =
  | { readonly kind: 'begin'; readonly id: number; readonly algorithms: readonly DigestAlgorithm[] }
  | {
      readonly kind: 'bytes'
      /** Who wants them, without the first `skip` ones. */
      readonly jobs: readonly { readonly id: number; readonly skip: number }[]
      readonly bytes: Uint8Array
    }
  | { readonly kind: 'finish' | 'cancel'; readonly id: number }

export type HashReply =
  | { readonly kind: 'hashed'; readonly bytes: number }
  | { readonly kind: 'digests'; readonly id: number; readonly digests: Digests }

interface Waiting {
  readonly resolve: (digests: Digests) => void
  readonly reject: (error: unknown) => void
}

/** Bytes on their way to the thread; who sends more waits. */
const MOST_WAITING = 32 * 1024 * 1024

export class HashThread {
  readonly #waiting = new SlotMap<number, Waiting>()
  #jobs = new Set<number>()
  #worker: Worker | undefined
  #lastId = 0
  #under = 0
  #room: (() => void)[] = []
  #closed = false

  begin(algorithms: readonly DigestAlgorithm[]): number {
    if (this.#closed) throw new StoreError('unavailable', 'the blob store is closed')
    this.#worker ??= this.#start()
    this.#lastId += 1
    this.#jobs.add(this.#lastId)
    this.#send({ kind: 'begin', id: this.#lastId, algorithms })
    return this.#lastId
  }

  /**
   * The bytes belong to the thread from now on: nobody else may use their memory.
   * Resolves when there is room for more.
   */
  async add(
    jobs: readonly { readonly id: number; readonly skip: number }[],
    bytes: Uint8Array,
  ): Promise<void> {
    const living = jobs.filter(({ id }) => this.#jobs.has(id))
    if (living.length === 0 || bytes.byteLength === 0) return
    this.#under += bytes.byteLength
    this.#send({ kind: 'bytes', jobs: living, bytes }, [bytes.buffer as ArrayBuffer])
    while (this.#under > MOST_WAITING) await new Promise<void>((resolve) => this.#room.push(resolve))
  }

  /** @throws StoreError when the job was cancelled or lost */
  finish(id: number): Promise<Digests> {
    return new Promise((resolve, reject) => {
      if (!this.#jobs.has(id)) throw new StoreError('unavailable', 'the digest was lost')
      this.#waiting.set(id, { resolve, reject })
      this.#send({ kind: 'finish', id })
    })
  }

  cancel(id: number): void {
    if (!this.#jobs.delete(id)) return
    this.#send({ kind: 'cancel', id })
    this.#waiting.get(id)?.reject(new StoreError('unavailable', 'the digest was cancelled'))
    this.#waiting.delete(id)
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#fail(new StoreError('unavailable', 'the blob store was closed'))
    await this.#worker?.terminate()
  }

  #send(request: HashRequest, transfer: ArrayBuffer[] = []): void {
    this.#worker?.postMessage(request, transfer)
  }

  #start(): Worker {
    const extension = import.meta.url.slice(import.meta.url.lastIndexOf('.'))
    const worker = new Worker(new URL(`./hash-worker${extension}`, import.meta.url))
    worker.unref()
    worker.on('message', (reply: HashReply) => {
      if (reply.kind === 'hashed') return this.#free(reply.bytes)
      this.#jobs.delete(reply.id)
      this.#waiting.get(reply.id)?.resolve(reply.digests)
      this.#waiting.delete(reply.id)
    })
    worker.on('error', (error) => {
      this.#worker = undefined
      this.#fail(new StoreError('unavailable', 'the digest thread died', error))
    })
    return worker
  }

  #free(bytes: number): void {
    this.#under -= bytes
    if (this.#under > MOST_WAITING) return
    for (const resolve of this.#room.splice(0)) resolve()
  }

  #fail(error: StoreError): void {
    this.#jobs = new Set()
    for (const { reject } of this.#waiting.values()) reject(error)
    this.#waiting.clear()
    this.#free(this.#under)
  }
}
