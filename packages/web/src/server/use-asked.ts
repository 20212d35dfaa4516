import { useCallback, useEffect, useState } from 'react'
import { ApiError, askJson } from './api.ts'

export interface Asked<T> {
  readonly value: T | undefined
  readonly error: ApiError | undefined
  /** Asks again now. */
  refresh(): void
}

/** What the server says at a path, asked again after `every` milliseconds. */
export function useAsked<T>(path: string, every?: number): Asked<T> {
  const [answer, setAnswer] = useState<{ path: string; value?: T; error?: ApiError }>({ path })
  const [turn, setTurn] = useState(0)
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new turn asks again
  useEffect(() => {
    const stop = new AbortController()
    const look = () =>
      askJson<T>(path, { signal: stop.signal }).then(
        (value) => !stop.signal.aborted && setAnswer({ path, value }),
        (error: unknown) => {
          if (stop.signal.aborted || !(error instanceof ApiError)) return
          setAnswer((known) => (known.path === path ? { ...known, error } : { path, error }))
        },
      )
    void look()
    const timer = every === undefined ? undefined : setInterval(look, every)
    return () => {
      stop.abort()
      clearInterval(timer)
    }
  }, [path, every, turn])
  const refresh = useCallback(() => setTurn((count) => count + 1), [])
  const current = answer.path === path
  return { value: current ? answer.value : undefined, error: current ? answer.error : undefined, refresh }
}
