import { useState } from 'react'
import { Notice } from '../notice.tsx'
import { ApiError, askJson } from './api.ts'
import { useAsked } from './use-asked.ts'

interface DeadEvent {
  readonly id: string
  readonly type: string
  readonly data: { readonly bucket?: string; readonly key?: string }
  readonly attempts: number
  readonly diedAt: string
  readonly reason: string
}

interface DeadEvents {
  readonly events: readonly DeadEvent[]
  readonly next: number | null
}

/** Events that wait for their webhook, and those that never reached it. */
export function EventsPanel() {
  const pending = useAsked<{ readonly count: number }>('admin/events/pending', 5000)
  const dead = useAsked<DeadEvents>('admin/events/dead?limit=500', 5000)
  const [notice, setNotice] = useState<string>()
  const replay = async (path: string) => {
    try {
      const { replayed } = await askJson<{ replayed: number }>(path, { method: 'POST' })
      setNotice(replayed === 1 ? 'One event is delivered again.' : `${replayed} events are delivered again.`)
    } catch (error) {
      setNotice(error instanceof ApiError ? error.message : String(error))
    }
    dead.refresh()
    pending.refresh()
  }
  const events = dead.value?.events ?? []
  const count = dead.value?.next === null ? `${events.length}` : `more than ${events.length}`
  return (
    <section className="panel" aria-labelledby="events-title">
      <div className="panel-head">
        <h2 id="events-title">Dead letters</h2>
        <p>
          {pending.value !== undefined && `${pending.value.count} waiting for delivery`}
          {events.length > 0 && ` · ${count} never delivered`}
        </p>
        {events.length > 0 && (
          <button type="button" className="button" onClick={() => void replay('admin/events/dead/replay')}>
            Replay all
          </button>
        )}
      </div>
      <Notice words={notice ?? dead.error?.message} onClose={() => setNotice(undefined)} />
      {events.length === 0 ? (
        <p className="nothing">No event is lost: each has reached its webhook, or none is set.</p>
      ) : (
        <div className="table-frame">
          <table>
            <thead>
              <tr>
                <th scope="col">Event</th>
                <th scope="col">Object</th>
                <th scope="col">Why it died</th>
                <th scope="col" className="number">
                  Tries
                </th>
                <th scope="col">When</th>
                <th scope="col">
                  <span className="unseen">Action</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {events.map(({ id, type, data, attempts, diedAt, reason }) => (
                <tr key={id}>
                  <td>
                    <span className="cell-main">{type}</span>
                    <code className="cell-soft">{id.slice(0, 16)}</code>
                  </td>
                  <td>
                    <span className="cell-main" title={data.key}>
                      {data.key}
                    </span>
                    <span className="cell-soft">{data.bucket}</span>
                  </td>
                  <td className="cell-wide">{reason}</td>
                  <td className="number">{attempts}</td>
                  <td>{new Date(diedAt).toLocaleString()}</td>
                  <td className="cell-action">
                    <button
                      type="button"
                      className="button-text"
                      aria-label={`Replay ${type} of ${data.key ?? id}`}
                      onClick={() => void replay(`admin/events/dead/${id}/replay`)}
                    >
                      Replay
                    </button>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  )
}
