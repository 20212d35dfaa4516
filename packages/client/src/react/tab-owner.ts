/** Whose list an upload is on: a lock that a tab holds for as long as it lives, and the browser lets go of. */
import { takeUploadLock, type UploadLock } from './upload-lock.ts'

export interface TabOwner {
  /** The name of its lock. */
  readonly name: string
  /** From now on what it adds is nobody else's. */
  hold(): Promise<void>
  release(): void
  /** Calls with the lock of each tab that begins to hold one; the answer ends that. */
  listen(begun: (name: string) => void): () => void
  /** Calls once, when the tab that holds the lock `name` has died or let it go. */
  whenGone(name: string, then: () => void): void
}

export function tabOwner(store: string): TabOwner {
  const name = `pawl:${store}:tab:${Date.now().toString(36)}${Math.random().toString(36).slice(2)}`
  const open = () => {
    try {
      return new BroadcastChannel(`pawl:${store}`)
    } catch {
      // Where storage is denied there may be no channels either, and nothing to tell.
      return undefined
    }
  }
  const awaited = new Set<string>()
  let lock: Promise<UploadLock | undefined> | undefined
  return {
    name,
    hold: async () => {
      lock ??= takeUploadLock(name).then((held) => {
        const channel = open()
        channel?.postMessage(name)
        channel?.close()
        return held
      })
      await lock
    },
    listen: (begun) => {
      const channel = open()
      channel?.addEventListener('message', ({ data }) => {
        if (data !== name) begun(String(data))
      })
      return () => channel?.close()
    },
    release: () => {
      lock?.then((held) => held?.release())
      lock = undefined
    },
    whenGone: (other, then) => {
      if (awaited.has(other)) return
      awaited.add(other)
      globalThis.navigator.locks
        ?.request(other, { mode: 'shared' }, () => void awaited.delete(other))
        .then(then)
        .catch(() => {})
    },
  }
}
