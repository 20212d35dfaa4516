import { useState } from 'react'
import { Bar } from '../bar.tsx'
import { formatAge, formatBytes, percentOf } from '../format.ts'
import { Notice } from '../notice.tsx'
import { ApiError, ask } from './api.ts'
import { ConfirmButton } from './confirm-button.tsx'
import type { Flight } from './flights.ts'

interface FlightTableProps {
  readonly flights: readonly Flight[]
  readonly error: ApiError | undefined
}

/** Rows that are drawn; more than anyone reads. */
const MOST = 200

/** Uploads that have not come to their end: who, what, how far, how fast, how old. */
export function FlightTable({ flights, error }: FlightTableProps) {
  const [notice, setNotice] = useState<string>()
  const end = async ({ id, name, key }: Flight) => {
    try {
      await ask(`admin/uploads/${id}`, { method: 'DELETE' })
      setNotice(`“${name ?? key}” was ended.`)
    } catch (thrown) {
      setNotice(thrown instanceof ApiError ? thrown.message : String(thrown))
    }
  }
  return (
    <section className="panel" aria-labelledby="flights-title">
      <div className="panel-head">
        <h2 id="flights-title">Uploads in flight</h2>
        <p>{flights.length > MOST ? `the newest ${MOST} of ${flights.length}` : ''}</p>
      </div>
      <Notice words={notice ?? error?.message} onClose={() => setNotice(undefined)} />
      {flights.length === 0 ? (
        <p className="nothing">Nothing is being uploaded.</p>
      ) : (
        <div className="table-frame">
          <table>
            <thead>
              <tr>
                <th scope="col">What</th>
                <th scope="col" className="cell-extra">
                  Who
                </th>
                <th scope="col">How far</th>
                <th scope="col" className="number">
                  Rate
                </th>
                <th scope="col" className="number cell-extra">
                  Age
                </th>
                <th scope="col">
                  <span className="unseen">Action</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {flights.slice(0, MOST).map((flight) => (
                <FlightRow key={flight.id} flight={flight} onEnd={() => void end(flight)} />
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  )
}

function FlightRow({ flight, onEnd }: { readonly flight: Flight; readonly onEnd: () => void }) {
  const { name, key, bucket, owner, offset, size, rate, createdAt, state } = flight
  const what = name ?? key
  const percent = size === null ? undefined : percentOf(offset, size, false)
  return (
    <tr>
      <td>
        <span className="cell-main" title={what}>
          {what}
        </span>
        <span className="cell-soft">{bucket}</span>
      </td>
      <td className="cell-extra">
        <span className="cell-main">{owner.sub ?? owner.role}</span>
        {owner.sub !== undefined && <span className="cell-soft">{owner.role}</span>}
      </td>
      <td className="cell-bar">
        {percent !== undefined && <Bar value={percent} label={`${what}: ${percent} %`} />}
        <span className="cell-soft">
          {state === 'open' ? '' : `${state} · `}
          {formatBytes(offset)}
          {size === null ? '' : ` of ${formatBytes(size)}`}
        </span>
      </td>
      <td className="number">{rate === null ? '–' : `${formatBytes(rate)}/s`}</td>
      <td className="number cell-extra">{formatAge(Date.now() - Date.parse(createdAt))}</td>
      <td className="cell-action">
        {state !== 'finishing' && (
          <ConfirmButton label="End" describe={`End the upload of ${what}`} onConfirm={onEnd} />
        )}
      </td>
    </tr>
  )
}
