import { type ReactNode, useEffect, useState } from 'react'
import { copyText } from './copy.ts'
import { FilePicker } from './drop-zone.tsx'
import { CheckIcon, LinkIcon, PauseIcon, PlayIcon, RetryIcon } from './icons.tsx'
import type { Queue } from './queue.ts'
import type { Row } from './row.ts'

interface RowActionProps {
  readonly row: Row
  readonly queue: Queue
}

/** What can be done with a row, besides taking it away. */
export function RowAction({ row, queue }: RowActionProps): ReactNode {
  const { state, name, id } = row
  switch (state.kind) {
    case 'active':
    case 'queued':
      return (
        <>
          {state.kind === 'active' && state.stage.kind === 'holding' && (
            <IconButton label={`Try ${name} now`} title="Try now" onClick={() => queue.hurry(id)}>
              <RetryIcon />
            </IconButton>
          )}
          <IconButton key="main" label={`Pause ${name}`} title="Pause" onClick={() => queue.pause(id)}>
            <PauseIcon />
          </IconButton>
        </>
      )
    case 'paused':
      return (
        <IconButton key="main" label={`Resume ${name}`} title="Resume" onClick={() => queue.resume(id)}>
          <PlayIcon />
        </IconButton>
      )
    case 'waiting':
      return (
        <FilePicker
          className="button"
          label="Choose the file"
          describe={`Choose ${name} again`}
          single
          onFiles={(files) => void queue.add(files)}
        />
      )
    case 'failed':
      return (
        <button
          type="button"
          className="button"
          aria-label={`Retry ${name}`}
          onClick={() => queue.resume(id)}
        >
          Retry
        </button>
      )
    case 'done':
      return <CopyButton name={name} url={state.url} />
    case 'locked':
      return null
  }
}

interface IconButtonProps {
  readonly label: string
  readonly title: string
  readonly onClick: () => void
  readonly children: ReactNode
}

function IconButton({ label, title, onClick, children }: IconButtonProps) {
  return (
    <button type="button" className="button-icon" aria-label={label} title={title} onClick={onClick}>
      {children}
    </button>
  )
}

function CopyButton({ name, url }: { readonly name: string; readonly url: string }) {
  const [copied, setCopied] = useState(false)
  useEffect(() => {
    if (!copied) return
    const timer = setTimeout(() => setCopied(false), 2000)
    return () => clearTimeout(timer)
  }, [copied])
  return (
    <button
      type="button"
      className="button button-copy"
      aria-label={`Copy the link to ${name}`}
      onClick={() => void copyText(url).then(setCopied)}
    >
      {copied ? <CheckIcon /> : <LinkIcon />}
      <span aria-live="polite">{copied ? 'Copied' : 'Copy link'}</span>
    </button>
  )
}
