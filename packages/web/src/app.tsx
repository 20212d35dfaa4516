import { useEffect, useSyncExternalStore } from 'react'
import { CopyLine } from './copy-line.tsx'
import { DropZone } from './drop-zone.tsx'
import { formatBytes, formatPortion, percentOf } from './format.ts'
import { CloseIcon, Mark } from './icons.tsx'
import { KeyPanel } from './key-panel.tsx'
import type { Queue, Snapshot } from './queue.ts'
import type { Row } from './row.ts'
import { UploadRow } from './upload-row.tsx'

interface AppProps {
  readonly queue: Queue
  readonly endpoint: string
  readonly onKey: (key: string) => void
}

export function App({ queue, endpoint, onKey }: AppProps) {
  const shown: Snapshot = useSyncExternalStore(queue.subscribe, queue.snapshot)
  const { rows, keyWanted, notice, announcement } = shown
  useTitle(rows)
  return (
    <>
      <header className="top">
        <h1>
          <Mark />
          Pawl
        </h1>
        <p>Resumable uploads</p>
      </header>
      <main>
        {keyWanted !== null && <KeyPanel words={keyWanted} onKey={onKey} />}
        <DropZone small={rows.length > 0} onFiles={(files) => void queue.add(files)} />
        <div role="status">
          {notice !== null && (
            <p className="notice">
              <span>{notice}</span>
              <button
                type="button"
                className="button-icon"
                aria-label="Close the note"
                onClick={() => queue.note(null)}
              >
                <CloseIcon />
              </button>
            </p>
          )}
        </div>
        {rows.length > 0 && <List rows={rows} queue={queue} />}
        <p className="unseen" role="status">
          {announcement}
        </p>
      </main>
      <footer className="foot">
        <CopyLine label="Endpoint" text={endpoint} />
        <CopyLine label="From a terminal" text={curlLine(endpoint)} />
      </footer>
    </>
  )
}

function List({ rows, queue }: { readonly rows: readonly Row[]; readonly queue: Queue }) {
  const done = rows.filter((row) => row.state.kind === 'done')
  return (
    <section className="list" aria-labelledby="list-title">
      <div className="list-head">
        <h2 id="list-title">Uploads</h2>
        <p className="list-sum">{summary(rows)}</p>
        {done.length > 1 && (
          <button
            type="button"
            className="button-text"
            onClick={() => queue.dismiss(done.map(({ id }) => id))}
          >
            Clear finished
          </button>
        )}
      </div>
      <ul>
        {rows.map((row) => (
          <UploadRow key={row.id} row={row} queue={queue} />
        ))}
      </ul>
    </section>
  )
}

function summary(rows: readonly Row[]): string {
  const done = rows.filter((row) => row.state.kind === 'done').length
  const { sent, size } = totals(rows)
  if (done === rows.length) return `${done} done · ${formatBytes(size)}`
  return `${done} of ${rows.length} done · ${formatPortion(sent, size)}`
}

function totals(rows: readonly Row[]): { sent: number; size: number } {
  return rows.reduce((sum, row) => ({ sent: sum.sent + row.sent, size: sum.size + row.size }), {
    sent: 0,
    size: 0,
  })
}

/** The tab's title tells how far everything is while another tab is looked at. */
function useTitle(rows: readonly Row[]): void {
  const { sent, size } = totals(rows)
  const busy = rows.some((row) => row.state.kind === 'active')
  const title = busy ? `${percentOf(sent, size, false)} % · Pawl` : 'Pawl'
  useEffect(() => {
    document.title = title
  }, [title])
}

function curlLine(endpoint: string): string {
  const headers = [
    "-H 'Tus-Resumable: 1.0.0'",
    '-H "Upload-Length: $(wc -c < photo.jpg)"',
    "-H 'Content-Type: application/offset+octet-stream'",
  ]
  return `curl -i ${headers.join(' ')} --data-binary @photo.jpg ${endpoint}`
}
