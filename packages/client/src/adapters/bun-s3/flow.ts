/**
 * One upload by Bun's client: a stream that it reads from, and what became of it. A stream that fails is what makes
 * Bun abort the upload at the service; its writer would publish what it was given, whatever it is ended with.
 */
export class Flow {
  /** Bytes that Bun was given. */
  offset = 0
  /** Why it cannot go on. */
  failure: unknown
  readonly #writer: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>
  #ended: Promise<void> | undefined
  readonly #done: Promise<void>
  /** Never resolves. */
  readonly #broken: Promise<never>

  /** @param write Resolves when the object is there. */
  constructor(write: (body: Response) => Promise<unknown>) {
    const { readable, writable } = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>()
    this.#writer = writable.getWriter()
    this.#writer.closed.catch(() => {}) // `failure` tells
    const broken = Promise.withResolvers<never>()
    this.#broken = broken.promise
    this.#broken.catch(() => {}) // heard where something waits for it
    this.#done = write(new Response(readable)).then(
      () => {},
      (error: unknown) => {
        this.failure = error ?? new Error('the upload failed')
        broken.reject(this.failure)
        throw this.failure
      },
    )
    this.#done.catch(() => {}) // heard in `end`, or by `failure`
  }

  /** Resolves when Bun has taken the block. It counts from now on, whether it is waited for or not. */
  async push(block: Uint8Array<ArrayBuffer>, signal: AbortSignal): Promise<void> {
    this.offset += block.length
    const written = this.#writer.write(block)
    written.catch(() => {}) // `#broken` tells why
    const { promise, reject } = Promise.withResolvers<never>()
    const end = () => reject(signal.reason)
    signal.addEventListener('abort', end, { once: true })
    try {
      await Promise.race([written, this.#broken, promise])
    } finally {
      signal.removeEventListener('abort', end)
    }
  }

  /** Resolves when the object is there; may be asked again. */
  end(): Promise<void> {
    this.#ended ??= this.#writer.close()
    this.#ended.catch(() => {}) // `#done` tells why
    return this.#done
  }

  /** Resolves when Bun has given the upload up. */
  async giveUp(reason: Error): Promise<void> {
    await this.#writer.abort(reason).catch(() => {})
    await this.#done.catch(() => {})
  }
}
