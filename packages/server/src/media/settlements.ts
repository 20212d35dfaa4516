/** Lets callers wait a moment for a file to come out of PENDING. */
export class Settlements {
  readonly #waiting = new Map<string, Set<() => void>>()

  /** Resolves when the file is settled, the time is over, or the server closes: look then. */
  wait(id: string, ms: number): Promise<void> {
    return new Promise((resolve) => {
      const waiting = this.#waiting.get(id) ?? new Set()
      this.#waiting.set(id, waiting)
      const end = (): void => {
        clearTimeout(timer)
        waiting.delete(end)
        if (waiting.size === 0 && this.#waiting.get(id) === waiting) this.#waiting.delete(id)
        resolve()
      }
      const timer = setTimeout(end, ms)
      waiting.add(end)
    })
  }

  settled(id: string): void {
    for (const end of this.#waiting.get(id) ?? []) end()
  }

  close(): void {
    for (const id of this.#waiting.keys()) this.settled(id)
  }
}
