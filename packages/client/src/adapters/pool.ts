/** Connections that one caller uses at a time, kept for a moment because making one costs several round trips. */

/** Milliseconds that an idle connection is kept. It does not keep the process alive. */
const KEEP = 5000

export interface Connection {
  readonly closed: boolean
  close(): void
  /** Whether the process has to stay alive for it. */
  hold(on: boolean): void
}

export class Pool<T extends Connection> {
  readonly #open: (signal: AbortSignal) => Promise<T>
  readonly #idle = new Map<T, ReturnType<typeof setTimeout>>()

  /** @param open Closes what it has opened when `signal` ends before it is done. */
  constructor(open: (signal: AbortSignal) => Promise<T>) {
    this.#open = open
  }

  /**
   * Runs a call over a connection of its own. It is closed when `signal` ends, and when the call fails: then nobody
   * knows what the server is still doing on it.
   */
  async use<R>(signal: AbortSignal, run: (connection: T) => Promise<R>): Promise<R> {
    signal.throwIfAborted()
    const connection = this.#kept() ?? (await this.#open(signal))
    const end = () => connection.close()
    signal.addEventListener('abort', end, { once: true })
    try {
      signal.throwIfAborted()
      const result = await run(connection)
      this.#keep(connection)
      return result
    } catch (error) {
      connection.close()
      signal.throwIfAborted()
      throw error
    } finally {
      signal.removeEventListener('abort', end)
    }
  }

  #kept(): T | undefined {
    for (const [connection, timer] of this.#idle) {
      this.#idle.delete(connection)
      clearTimeout(timer)
      if (connection.closed) continue
      connection.hold(true)
      return connection
    }
    return undefined
  }

  #keep(connection: T): void {
    if (connection.closed) return
    connection.hold(false)
    const timer = setTimeout(() => {
      this.#idle.delete(connection)
      connection.close()
    }, KEEP)
    timer.unref?.()
    this.#idle.set(connection, timer)
  }
}
