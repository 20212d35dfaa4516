/** Events for code in the same process: told after the commit, never in the way of an upload. */
import type { Logger } from '../log.ts'
import type { EventOf, EventType, PawlEvent } from './event.ts'

export interface Events {
  /**
   * Calls `listener` with each event of `type`, or with every one for `*`, from now on, in the order of commits.
   * A listener that throws or rejects is logged and changes nothing. Returns the function that ends it.
   *
   * Live only: what happens while the process is down, and at start-up, reaches webhooks and no listener.
   *
   * @example
   * const off = server.events.on('upload.completed', ({ data }) => console.log(data.key, data.size))
   */
  on<T extends EventType>(type: T, listener: (event: EventOf<T>) => unknown): () => void
  on(type: '*', listener: (event: PawlEvent) => unknown): () => void
}

type Listener = (event: PawlEvent) => unknown

export class Listeners implements Events {
  readonly #log: Logger
  readonly #onFirst: () => void
  readonly #byType = new Map<string, Set<Listener>>()
  #queue: PawlEvent[] = []
  #started = false

  /** @param onFirst - called once, before the first listener is added: until then no event need be made */
  constructor(log: Logger, onFirst: () => void) {
    this.#log = log
    this.#onFirst = onFirst
  }

  on<T extends EventType>(type: T | '*', listener: (event: EventOf<T>) => unknown): () => void {
    if (!this.#started) this.#onFirst()
    this.#started = true
    const listeners = this.#byType.get(type) ?? new Set()
    this.#byType.set(type, listeners)
    // Wrapped, so that the same function added twice is two listeners, each with its own end.
    const wrapped: Listener = (event) => listener(event as EventOf<T>)
    listeners.add(wrapped)
    return () => {
      listeners.delete(wrapped)
    }
  }

  wants(type: EventType): boolean {
    return this.#listenersOf(type).length > 0
  }

  /** Tells them soon, not now: the answers of the requests that caused the events go first. */
  tell(events: readonly PawlEvent[]): void {
    if (this.#queue.length === 0 && events.length > 0) setImmediate(() => this.#flush())
    this.#queue.push(...events)
  }

  #flush(): void {
    const events = this.#queue
    this.#queue = []
    for (const event of events)
      for (const listener of this.#listenersOf(event.type)) this.#call(listener, event)
  }

  #listenersOf(type: EventType): Listener[] {
    return [...(this.#byType.get(type) ?? []), ...(this.#byType.get('*') ?? [])]
  }

  #call(listener: Listener, event: PawlEvent): void {
    const failed = (error: unknown): void =>
      this.#log.error({ err: error, event: event.type }, 'a listener failed; the upload is not affected')
    try {
      Promise.resolve(listener(event)).catch(failed)
    } catch (error) {
      failed(error)
    }
  }
}
