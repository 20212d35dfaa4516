/** The uploads in flight as the page shows them: a list that is asked for, moved on by events. Pure. */
import type { LiveEvent } from './live.ts'

export interface Flight {
  readonly id: string
  readonly face: string
  readonly state: string
  readonly bucket: string
  readonly key: string
  readonly name: string | null
  /** Bytes in all; null while the client has not said. */
  readonly size: number | null
  readonly offset: number
  /** Bytes a second; null while nothing moves. */
  readonly rate: number | null
  readonly owner: { readonly role: string; readonly sub?: string }
  readonly createdAt: string
  /** When the offset was last told: milliseconds of the page's clock. */
  readonly heard?: number
}

export type Flights = ReadonlyMap<string, Flight>

/** Without a sign for so long nothing moves, in milliseconds. */
const STILL = 3000
/** How much a new measurement of the rate counts against those before it. */
const WEIGHT = 0.3

/** A fresh list from the server; what was learned of rates is kept. */
export function listed(known: Flights, flights: readonly Flight[], now: number): Flights {
  return new Map(
    flights.map((flight) => {
      const before = known.get(flight.id)
      const rate = before?.heard !== undefined && now - before.heard < STILL ? before.rate : flight.rate
      return [
        flight.id,
        {
          ...flight,
          offset: Math.max(flight.offset, before?.offset ?? 0),
          rate,
          heard: before?.heard ?? now,
        },
      ]
    }),
  )
}

export function heard(known: Flights, { type, timestamp, data }: LiveEvent, now: number): Flights {
  const id = text(data.upload)
  if (id === undefined) return known
  const before = known.get(id)
  if (['upload.completed', 'upload.cancelled', 'upload.expired', 'upload.failed'].includes(type)) {
    if (before === undefined) return known
    const rest = new Map(known)
    rest.delete(id)
    return rest
  }
  if (type !== 'upload.created' && type !== 'upload.progressed') return known
  const flight = before ?? fromEvent(id, timestamp, data)
  const offset = typeof data.offset === 'number' ? data.offset : flight.offset
  return new Map(known).set(id, { ...flight, offset, rate: rateOf(before, offset, now), heard: now })
}

/** What has been silent for long stands still. */
export function settled(known: Flights, now: number): Flights {
  const quiet = [...known.values()].filter(
    (flight) => flight.rate !== null && now - (flight.heard ?? 0) > STILL,
  )
  if (quiet.length === 0) return known
  const next = new Map(known)
  for (const flight of quiet) next.set(flight.id, { ...flight, rate: null })
  return next
}

function rateOf(before: Flight | undefined, offset: number, now: number): number | null {
  if (before?.heard === undefined || now <= before.heard) return before?.rate ?? null
  const measured = (1000 * Math.max(0, offset - before.offset)) / (now - before.heard)
  return before.rate === null ? measured : before.rate + WEIGHT * (measured - before.rate)
}

function fromEvent(id: string, timestamp: string, data: LiveEvent['data']): Flight {
  const metadata = Object(data.metadata) as Record<string, unknown>
  const owner = Object(data.owner) as Record<string, unknown>
  const sub = text(owner.sub)
  return {
    id,
    face: '',
    state: 'open',
    bucket: text(data.bucket) ?? '',
    key: text(data.key) ?? '',
    name: text(metadata.filename) ?? text(metadata.name) ?? null,
    size: typeof data.size === 'number' ? data.size : null,
    offset: 0,
    rate: null,
    owner: { role: text(owner.role) ?? '', ...(sub === undefined ? {} : { sub }) },
    createdAt: timestamp,
  }
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}
