import { useCallback, useDeferredValue, useEffect, useState } from 'react'
import { type Folder, listObjects, type Place, type StoredObject } from './objects.ts'

export interface Objects {
  readonly entries: readonly (Folder | StoredObject)[]
  readonly loading: boolean
  readonly error: string | undefined
  /** Lists the next page too; undefined on the last one. */
  readonly more: (() => void) | undefined
  /** One is gone. */
  forget(key: string): void
}

interface Loaded {
  readonly entries: readonly (Folder | StoredObject)[]
  readonly more: boolean
}

const NOTHING: Loaded = { entries: [], more: false }

/** Objects of a folder, as far as they were asked for. */
export function useObjects(place: Place, folder: string, typed: string): Objects {
  const search = useDeferredValue(typed.trim())
  // Where the server cannot search, what is listed is filtered.
  const asked = place.kind === 'plain' ? '' : search
  const [loaded, setLoaded] = useState(NOTHING)
  const [loading, setLoading] = useState(true)
  const [error, setError] = useState<string>()

  useEffect(() => {
    let current = true
    setLoading(true)
    listObjects(place, folder, asked, 0)
      .then(
        (page) => {
          if (!current) return
          setLoaded(page)
          setError(undefined)
        },
        (thrown: Error) => current && setError(thrown.message),
      )
      .finally(() => current && setLoading(false))
    return () => {
      current = false
    }
  }, [place, folder, asked])

  const more = () => {
    setLoading(true)
    listObjects(place, folder, asked, loaded.entries.length)
      .then(
        (page) => setLoaded((known) => ({ ...page, entries: [...known.entries, ...page.entries] })),
        (thrown: Error) => setError(thrown.message),
      )
      .finally(() => setLoading(false))
  }
  const forget = useCallback(
    (key: string) =>
      setLoaded(({ entries, more: rest }) => ({
        more: rest,
        entries: entries.filter((entry) => entry.kind === 'folder' || entry.key !== key),
      })),
    [],
  )
  const words = search.toLowerCase()
  const entries =
    place.kind === 'plain'
      ? loaded.entries.filter(({ name }) => name.toLowerCase().includes(words))
      : loaded.entries
  return { entries, loading, error, more: loaded.more ? more : undefined, forget }
}
