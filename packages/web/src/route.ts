import { useSyncExternalStore } from 'react'

export type Route = 'uploads' | 'server'

/** Which view the address asks for: in its fragment, so that the server need not know of it. */
export function useRoute(): Route {
  return useSyncExternalStore(subscribe, current)
}

function subscribe(listener: () => void): () => void {
  addEventListener('hashchange', listener)
  return () => removeEventListener('hashchange', listener)
}

function current(): Route {
  return location.hash.startsWith('#/server') ? 'server' : 'uploads'
}
