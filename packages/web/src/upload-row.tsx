import { type MouseEvent, memo } from 'react'
import { downloadWithKey } from './download.ts'
import { extensionOf, percentOf } from './format.ts'
import { AlertIcon, CheckIcon, CloseIcon, FileIcon } from './icons.tsx'
import { focusNeighbour, useKeptFocus } from './kept-focus.ts'
import { readKey } from './key.ts'
import type { Queue } from './queue.ts'
import type { Row } from './row.ts'
import { RowAction } from './row-action.tsx'
import { useStatusWords } from './status-words.ts'

interface UploadRowProps {
  readonly row: Row
  readonly queue: Queue
}

export const UploadRow = memo(function UploadRow({ row, queue }: UploadRowProps) {
  const item = useKeptFocus(row.state.kind)
  const done = row.state.kind === 'done'
  const percent = percentOf(row.sent, row.size, done)
  const words = useStatusWords(row)
  return (
    <li ref={item} className={`row row-${toneOf(row)}`} data-state={row.state.kind}>
      <Tile row={row} />
      <div className="row-main">
        <div className="row-head">
          {row.state.kind === 'done' ? (
            <ObjectLink name={row.name} url={row.state.url} onTrouble={queue.note} />
          ) : (
            <span className="row-name" title={row.name}>
              {row.name}
            </span>
          )}
          {!done && <span className="row-percent">{percent} %</span>}
        </div>
        {!done && (
          <progress
            className="bar"
            max={100}
            value={row.size === 0 ? 0 : Math.min(99.9, (100 * row.sent) / row.size)}
            aria-label={`${row.name}: ${percent} %`}
          />
        )}
        <p className="row-status">
          <span className="row-words">{words.left}</span>
          <span className="row-rate">{words.right}</span>
        </p>
      </div>
      <div className="row-actions">
        <RowAction row={row} queue={queue} />
        <button
          key="remove"
          type="button"
          className="button-icon"
          aria-label={done ? `Take ${row.name} off the list` : `Cancel ${row.name}`}
          title={done ? 'Take off the list' : 'Cancel'}
          onClick={(event) => {
            focusNeighbour(event.currentTarget)
            if (done) queue.dismiss([row.id])
            else queue.cancel(row.id)
          }}
        >
          <CloseIcon />
        </button>
      </div>
    </li>
  )
})

interface ObjectLinkProps {
  readonly name: string
  readonly url: string
  readonly onTrouble: (words: string) => void
}

function ObjectLink({ name, url, onTrouble }: ObjectLinkProps) {
  const open = (event: MouseEvent) => {
    const key = readKey()
    if (key === null) return
    event.preventDefault()
    void downloadWithKey(url, name, key).then((words) => words !== undefined && onTrouble(words))
  }
  return (
    <a className="row-name" href={url} target="_blank" rel="noreferrer" title={name} onClick={open}>
      {name}
    </a>
  )
}

function Tile({ row }: { readonly row: Row }) {
  const { kind } = row.state
  const extension = extensionOf(row.name)
  return (
    <span className="tile" aria-hidden="true">
      {kind === 'done' ? (
        <CheckIcon />
      ) : kind === 'failed' ? (
        <AlertIcon />
      ) : extension === '' ? (
        <FileIcon />
      ) : (
        <span>{extension}</span>
      )}
    </span>
  )
}

type Tone = 'calm' | 'busy' | 'held' | 'bad' | 'done'

function toneOf({ state }: Row): Tone {
  switch (state.kind) {
    case 'active':
      return state.stage.kind === 'holding' ? 'held' : 'busy'
    case 'waiting':
    case 'locked':
      return 'held'
    case 'failed':
      return 'bad'
    case 'done':
      return 'done'
    case 'queued':
    case 'paused':
      return 'calm'
  }
}
