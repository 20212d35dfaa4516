import { useEffect, useState } from 'react'
import { formatBytes } from '../format.ts'
import { type LiveEvent, listen } from './live.ts'

/** More than anyone reads. */
const MOST = 100

/** What happens while this view is open, newest first. */
export function LatestEvents() {
  const [events, setEvents] = useState<readonly LiveEvent[]>([])
  useEffect(() => {
    const stop = new AbortController()
    const onEvent = (event: LiveEvent) => {
      // How far uploads are is shown with them; here it would push everything else away.
      if (event.type !== 'upload.progressed') setEvents((known) => [event, ...known].slice(0, MOST))
    }
    void listen(stop.signal, onEvent, () => {})
    return () => stop.abort()
  }, [])
  return (
    <section className="panel" aria-labelledby="latest-title">
      <div className="panel-head">
        <h2 id="latest-title">As they happen</h2>
        <p>Since this view was opened</p>
      </div>
      {events.length === 0 ? (
        <p className="nothing">Nothing has happened yet. Upload a file, and it is told here.</p>
      ) : (
        <div className="table-frame">
          <table>
            <thead>
              <tr>
                <th scope="col" className="cell-extra">
                  When
                </th>
                <th scope="col">Event</th>
                <th scope="col">What</th>
                <th scope="col" className="number">
                  Size
                </th>
              </tr>
            </thead>
            <tbody>
              {events.map((event) => (
                <EventRow key={event.id} event={event} />
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  )
}

function EventRow({ event: { type, timestamp, data } }: { readonly event: LiveEvent }) {
  const { filename, name } = Object(data.metadata) as Record<string, unknown>
  const what = [filename, name, data.key].find((word) => typeof word === 'string')
  return (
    <tr>
      <td className="cell-extra">{new Date(timestamp).toLocaleTimeString()}</td>
      <td>
        <span className="cell-main">{type}</span>
      </td>
      <td>
        <span className="cell-main" title={what}>
          {what}
        </span>
        <span className="cell-soft">{typeof data.bucket === 'string' ? data.bucket : ''}</span>
      </td>
      <td className="number">{typeof data.size === 'number' ? formatBytes(data.size) : '–'}</td>
    </tr>
  )
}
