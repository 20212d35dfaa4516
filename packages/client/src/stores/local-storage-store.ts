/** Tokens in `localStorage`, or in anything with its methods. */
import { parseToken, type SessionToken } from '../session.ts'
import type { SessionStore, StoredSession } from './session-store.ts'

/** @param prefix Put before every key in the storage. */
export function localStorageStore(storage?: Storage, prefix = 'pawl:'): SessionStore {
  // Looked up at each call: a service worker can load this module, it only cannot use it.
  const use = () => storage ?? globalThis.localStorage
  const get = (key: string): SessionToken | undefined => {
    const text = use().getItem(key)
    try {
      return text === null ? undefined : parseToken(text)
    } catch {
      return undefined
    }
  }
  return {
    get: async (id) => get(prefix + id),
    set: async (id, token) => use().setItem(prefix + id, JSON.stringify(token)),
    delete: async (id) => use().removeItem(prefix + id),
    list: async () =>
      Array.from({ length: use().length }, (_, index) => use().key(index)).flatMap((key): StoredSession[] => {
        const token = key?.startsWith(prefix) ? get(key) : undefined
        return key && token ? [{ id: key.slice(prefix.length), token }] : []
      }),
  }
}
