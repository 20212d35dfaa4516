import type { UploadView } from 'pawl/react'
import { type MouseEvent, memo } from 'react'
import { Bar } from '../bar.tsx'
import { extensionOf, percentOf } from '../format.ts'
import { AlertIcon, CheckIcon, CloseIcon, FileIcon } from '../icons.tsx'
import { readKey } from '../key.ts'
import { downloadWithKey } from './download.ts'
import { focusNeighbour, useKeptFocus } from './kept-focus.ts'
import { RowAction } from './row-action.tsx'
import { Spark } from './spark.tsx'
import { recent } from './speeds.ts'
import type { Check } from './use-checks.ts'
import { useCountdown } from './use-countdown.ts'
import { statusWords } from './words.ts'

interface UploadRowProps {
  readonly upload: UploadView
  readonly check: Check | undefined
  readonly samples: readonly number[] | undefined
  /** Its place in the list, from 1, and how many there are: not all of them are in the document. */
  readonly place: number
  readonly of: number
  readonly onRemove: (upload: UploadView) => void
  readonly onNote: (words: string) => void
}

export const UploadRow = memo(function UploadRow(props: UploadRowProps) {
  const { upload, check, samples = [], place, of, onRemove, onNote } = props
  const { status, name, key, waiting } = upload
  const item = useKeptFocus(status)
  const seconds = useCountdown(waiting?.until)
  const done = status === 'completed'
  const percent = percentOf(upload.sent, upload.total, done)
  const words = statusWords(upload, {
    seconds,
    speed: recent(samples) ?? (upload.speed > 0 ? upload.speed : undefined),
    online: navigator.onLine,
  })
  return (
    <li
      ref={item}
      className={`row row-${toneOf(upload, check)}`}
      data-state={status}
      data-needs={status === 'interrupted' ? upload.needs : undefined}
      aria-posinset={place}
      aria-setsize={of}
    >
      <Tile upload={upload} check={check} />
      <div className="row-main">
        <div className="row-head">
          <Name upload={upload} onNote={onNote} />
          {key !== name && <span className="row-folder">{key.slice(0, -name.length - 1)}</span>}
          {!done && status !== 'queued' && <span className="row-percent">{percent} %</span>}
        </div>
        {!done && (
          <Bar
            value={upload.total === 0 ? 0 : Math.min(99.9, (100 * upload.sent) / upload.total)}
            label={`${name}: ${percent} %`}
          />
        )}
        <p className="row-status">
          <span className="row-words">{words.left}</span>
          {done && <Verdict check={check} />}
          <span className="row-rate">{words.right}</span>
        </p>
      </div>
      <div className="row-actions">
        {status === 'uploading' && waiting === undefined && <Spark samples={samples} className="row-spark" />}
        <RowAction upload={upload} />
        <button
          key="remove"
          type="button"
          className="button-icon"
          aria-label={done ? `Take ${name} off the list` : `Cancel ${name}`}
          title={done ? 'Take off the list' : 'Cancel'}
          onClick={(event) => {
            focusNeighbour(event.currentTarget)
            onRemove(upload)
          }}
        >
          <CloseIcon />
        </button>
      </div>
    </li>
  )
})

/** The sha-256, and whether the file has the same. */
function Verdict({ check }: { readonly check: Check | undefined }) {
  switch (check?.kind) {
    case undefined:
    case 'checking':
      return <span className="row-rate">Verifying …</span>
    case 'verified':
      return (
        <>
          <span className="row-verified">Verified</span>
          <code className="row-digest" title={`sha-256 ${check.sha256}`}>
            {check.sha256}
          </code>
        </>
      )
    case 'different':
      return <span className="row-words">The server holds other bytes than this file. Upload it again.</span>
    case 'unknown':
      return <code className="row-digest">{check.sha256 ?? 'Uploaded, not verified'}</code>
  }
}

interface NameProps {
  readonly upload: UploadView
  readonly onNote: (words: string) => void
}

function Name({ upload: { name, key, status, result }, onNote }: NameProps) {
  const url = status === 'completed' ? result?.url : undefined
  if (url === undefined) {
    return (
      <span className="row-name" title={key}>
        {name}
      </span>
    )
  }
  const open = (event: MouseEvent) => {
    const key = readKey()
    if (key === null) return
    event.preventDefault()
    void downloadWithKey(url, name, key).then((words) => words !== undefined && onNote(words))
  }
  return (
    <a className="row-name" href={url} target="_blank" rel="noreferrer" title={key} onClick={open}>
      {name}
    </a>
  )
}

function Tile({ upload, check }: { readonly upload: UploadView; readonly check: Check | undefined }) {
  const { status, name } = upload
  const extension = extensionOf(name)
  const bad = status === 'error' || check?.kind === 'different'
  return (
    <span className="tile" aria-hidden="true">
      {bad ? (
        <AlertIcon />
      ) : check?.kind === 'verified' ? (
        <CheckIcon />
      ) : extension === '' ? (
        <FileIcon />
      ) : (
        <span>{extension}</span>
      )}
    </span>
  )
}

type Tone = 'calm' | 'busy' | 'held' | 'bad' | 'done' | 'verified'

function toneOf({ status, waiting, error }: UploadView, check: Check | undefined): Tone {
  switch (status) {
    case 'uploading':
      return waiting === undefined ? 'busy' : 'held'
    case 'interrupted':
      return error === undefined ? 'held' : 'bad'
    case 'error':
      return error?.code === 'Unauthorized' ? 'held' : 'bad'
    case 'completed':
      return check?.kind === 'different' ? 'bad' : check?.kind === 'verified' ? 'verified' : 'done'
    case 'queued':
    case 'paused':
    case 'aborted':
      return 'calm'
  }
}
