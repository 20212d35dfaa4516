/**
 * Hashes files on worker threads, so that no byte of it passes through the event loop. The bytes usually
 * still are in the page cache.
 */
import { Worker } from 'node:worker_threads'

interface Job {
  readonly request: DigestRequest
  readonly resolve: (digest: string) => void
  readonly reject: (error: unknown) => void
}

/** Files to be read one after the other, each `length` bytes. */
export type DigestRequest = readonly { readonly path: string; readonly length: number }[]
export type DigestReply = { readonly digest: string } | { readonly error: string }

/** One worker: a second would take the core that moves bytes. It is started with the first job. */
export class DigestWorkers {
  #worker: Worker | undefined
  readonly #queue: Job[] = []
  #current: Job | undefined
  #closed = false

  sha256(request: DigestRequest, signal?: AbortSignal): Promise<string> {
    return new Promise((resolve, reject) => {
      if (this.#closed) throw new Error('the blob store is closed')
      signal?.throwIfAborted()
      const job: Job = { request, resolve, reject }
      this.#queue.push(job)
      signal?.addEventListener('abort', () => {
        const at = this.#queue.indexOf(job)
        if (at >= 0) this.#queue.splice(at, 1)
        reject(signal.reason)
      })
      this.#next()
    })
  }

  async close(): Promise<void> {
    this.#closed = true
    const closed = new Error('the blob store was closed')
    for (const job of this.#queue.splice(0)) job.reject(closed)
    this.#current?.reject(closed)
    await this.#worker?.terminate()
  }

  #next(): void {
    if (this.#current !== undefined) return
    const job = this.#queue.shift()
    if (job === undefined) return
    this.#current = job
    this.#worker ??= this.#start()
    this.#worker.postMessage(job.request)
  }

  #start(): Worker {
    const worker = new Worker(new URL(`./digest-worker${extension()}`, import.meta.url))
    worker.unref()
    worker.on('message', (reply: DigestReply) => {
      const job = this.#current
      this.#current = undefined
      if ('digest' in reply) job?.resolve(reply.digest)
      else job?.reject(new Error(reply.error))
      this.#next()
    })
    worker.on('error', (error) => {
      this.#worker = undefined
      this.#current?.reject(error)
      this.#current = undefined
      if (!this.#closed) this.#next()
    })
    return worker
  }
}

/** Sources run as `.ts`, the published package as `.js`; a worker's file is named at run time. */
function extension(): string {
  return import.meta.url.slice(import.meta.url.lastIndexOf('.'))
}
