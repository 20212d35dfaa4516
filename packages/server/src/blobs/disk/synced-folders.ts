/**
 * A new file survives a power cut only when its folder was synced too. That is done once per file, with its
 * first sync, and concurrent files of one folder share one sync.
 */
import { open } from 'node:fs/promises'
import { dirname } from 'node:path'

export class SyncedFolders {
  /** Files whose name is durable, while they are written to. */
  readonly #done = new Set<string>()
  /** Per folder the sync that is wanted but not yet started. */
  readonly #next = new Map<string, Promise<void>>()
  readonly #running = new Map<string, Promise<void>>()

  async syncOnce(path: string): Promise<void> {
    if (this.#done.has(path)) return
    await this.sync(dirname(path))
    this.#done.add(path)
  }

  forget(path: string): void {
    this.#done.delete(path)
  }

  /** A sync that begins after this call: one that runs already may have missed the newest file. */
  sync(folder: string): Promise<void> {
    const waiting = this.#next.get(folder)
    if (waiting !== undefined) return waiting
    const next = (async () => {
      await this.#running.get(folder)?.catch(() => {})
      this.#next.delete(folder)
      const run = syncFolder(folder)
      this.#running.set(folder, run)
      try {
        await run
      } finally {
        if (this.#running.get(folder) === run) this.#running.delete(folder)
      }
    })()
    this.#next.set(folder, next)
    return next
  }
}

export async function syncFolder(folder: string): Promise<void> {
  // Windows cannot open folders; there NTFS's own journal keeps names.
  if (process.platform === 'win32') return
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
