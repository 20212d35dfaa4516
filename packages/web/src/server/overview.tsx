import { useCallback, useState } from 'react'
import { formatBytes } from '../format.ts'
import { Charts } from './charts.tsx'
import { FlightTable } from './flight-table.tsx'
import { useAsked } from './use-asked.ts'
import { useFlights } from './use-flights.ts'

interface Part {
  readonly state: 'ok' | 'failed'
  readonly milliseconds: number
  readonly problem?: string
}

interface Health {
  readonly catalog: Part
  readonly blobs: Part & { readonly freeBytes: number | null }
}

/** How the server is now, and what is under way. */
export function Overview() {
  const [told, setTold] = useState(0)
  const onEvent = useCallback(() => setTold((count) => count + 1), [])
  const { flights, live, error } = useFlights(onEvent)
  const health = useAsked<Health>('admin/health', 5000)
  const rate = flights.reduce((sum, flight) => sum + (flight.rate ?? 0), 0)
  return (
    <>
      <section className="facts" aria-label="State of the server">
        <Fact label="Catalog" part={health.value?.catalog} unreachable={health.error !== undefined} />
        <Fact
          label="Blobs"
          part={health.value?.blobs}
          unreachable={health.error !== undefined}
          more={freeWords(health.value?.blobs.freeBytes)}
        />
        <div className="fact">
          <p className="fact-label">In flight</p>
          <p className="fact-value">{flights.length}</p>
          <p className="fact-more">{rate > 0 ? `${formatBytes(rate)}/s` : 'nothing moves'}</p>
        </div>
        <div className="fact">
          <p className="fact-label">Live</p>
          <p className={`fact-value${live ? ' fact-ok' : ''}`}>{live ? 'On' : 'Connecting'}</p>
          <p className="fact-more">{told === 1 ? '1 event' : `${told.toLocaleString('en')} events`}</p>
        </div>
      </section>
      <Charts />
      <FlightTable flights={flights} error={error} />
    </>
  )
}

interface FactProps {
  readonly label: string
  readonly part: Part | undefined
  readonly unreachable: boolean
  readonly more?: string | undefined
}

function Fact({ label, part, unreachable, more }: FactProps) {
  const bad = unreachable || part?.state === 'failed'
  const said = unreachable ? 'the server does not answer' : part?.problem
  return (
    <div className="fact">
      <p className="fact-label">{label}</p>
      <p className={`fact-value ${bad ? 'fact-bad' : part === undefined ? '' : 'fact-ok'}`}>
        {bad ? 'Failed' : part === undefined ? '…' : 'OK'}
      </p>
      <p className="fact-more">{said ?? more ?? (part && `answers in ${part.milliseconds} ms`) ?? ''}</p>
    </div>
  )
}

function freeWords(bytes: number | null | undefined): string | undefined {
  return typeof bytes === 'number' ? `${formatBytes(bytes)} free` : undefined
}
