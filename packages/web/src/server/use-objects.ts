import { useCallback, useDeferredValue, useEffect, useState } from 'react'
import { type Folder, listObjects, type Page, type Place, type StoredObject } from './objects.ts'

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
  /** Where the next page begins. */
  readonly next: number
}

const NOTHING: Loaded = { entries: [], more: false, next: 0 }

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
          setLoaded({ ...page, next: page.entries.length })
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
    listObjects(place, folder, asked, loaded.next)
      .then(
        // Another folder may be shown by now.
        (page) => setLoaded((known) => (known === loaded ? continued(known, page) : known)),
        (thrown: Error) => setError(thrown.message),
      )
      .finally(() => setLoading(false))
  }
  const forget = useCallback(
    (key: string) =>
      setLoaded(({ entries, more: rest, next }) => ({
        more: rest,
        next: next - 1,
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

/** What came in meanwhile has moved the rest on: some of the next page is listed already. */
function continued({ entries, next }: Loaded, page: Page): Loaded {
  const known = new Set(entries.map(rowKey))
  const fresh = page.entries.filter((entry) => !known.has(rowKey(entry)))
  return { entries: [...entries, ...fresh], more: page.more, next: next + page.entries.length }
}

/** Tells the rows of a list apart. */
export function rowKey(entry: Folder | StoredObject): string {
  return entry.kind === 'folder' ? `/${entry.name}` : entry.key
}
