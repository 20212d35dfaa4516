import { useEffect, useState } from 'react'
import { ApiError, askJson } from './api.ts'
import { type Flight, type Flights, heard, listed, settled } from './flights.ts'
import { type LiveEvent, listen } from './live.ts'

/** How often the list is asked for although events move it, in milliseconds. */
const CORRECT = 10_000
/** The same while no stream is open. */
const POLL = 2000
/** Rows are drawn at most this often, in milliseconds. */
const DRAW = 250

export interface InFlight {
  readonly flights: readonly Flight[]
  readonly live: boolean
  readonly error: ApiError | undefined
}

/** @param onEvent Told of every event too. */
export function useFlights(onEvent: (event: LiveEvent) => void): InFlight {
  const [shown, setShown] = useState<InFlight>({ flights: [], live: false, error: undefined })
  useEffect(() => {
    const stop = new AbortController()
    let flights: Flights = new Map()
    let live = false
    let error: ApiError | undefined
    let timer: ReturnType<typeof setTimeout>
    const look = async () => {
      try {
        const { uploads } = await askJson<{ uploads: Flight[] }>('admin/uploads?limit=500', {
          signal: stop.signal,
        })
        flights = listed(flights, uploads, Date.now())
        error = undefined
      } catch (thrown) {
        if (thrown instanceof ApiError) error = thrown
      }
      if (!stop.signal.aborted) timer = setTimeout(look, live ? CORRECT : POLL)
    }
    const draw = setInterval(() => {
      flights = settled(flights, Date.now())
      setShown((known) => {
        const next = [...flights.values()].sort((a, b) => b.createdAt.localeCompare(a.createdAt))
        const same =
          known.live === live &&
          known.error === error &&
          next.length === known.flights.length &&
          next.every((flight, index) => flight === known.flights[index])
        return same ? known : { flights: next, live, error }
      })
    }, DRAW)
    void look()
    void listen(
      stop.signal,
      (event) => {
        flights = heard(flights, event, Date.now())
        onEvent(event)
      },
      (now) => {
        live = now
      },
    )
    return () => {
      stop.abort()
      clearTimeout(timer)
      clearInterval(draw)
    }
  }, [onEvent])
  return shown
}
