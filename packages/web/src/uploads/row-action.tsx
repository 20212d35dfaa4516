import { pickFiles, type UploadView } from 'pawl/react'
import { type ReactNode, useEffect, useState } from 'react'
import { copyText } from '../copy.ts'
import { IconButton } from '../icon-button.tsx'
import { CheckIcon, LinkIcon, PauseIcon, PlayIcon, RetryIcon } from '../icons.tsx'

/** What can be done with a row, besides taking it away. */
export function RowAction({ upload }: { readonly upload: UploadView }): ReactNode {
  const { status, name, needs, waiting, error, result } = upload
  switch (status) {
    case 'queued':
    case 'uploading':
      return (
        <>
          {waiting !== undefined && (
            <IconButton label={`Try ${name} now`} title="Try now" onClick={upload.hurry}>
              <RetryIcon />
            </IconButton>
          )}
          <IconButton key="main" label={`Pause ${name}`} title="Pause" onClick={upload.pause}>
            <PauseIcon />
          </IconButton>
        </>
      )
    case 'paused':
      return <ResumeButton key="main" upload={upload} />
    case 'interrupted':
      return needs === 'file' ? <PickAgain upload={upload} /> : <ResumeButton key="main" upload={upload} />
    case 'error':
      // The key panel goes on with all of these.
      return error?.code === 'Unauthorized' ? null : (
        <button type="button" className="button" aria-label={`Retry ${name}`} onClick={() => upload.resume()}>
          Retry
        </button>
      )
    case 'completed':
      return result?.url === undefined ? null : <CopyButton name={name} url={result.url} />
    case 'aborted':
      return null
  }
}

function ResumeButton({ upload }: { readonly upload: UploadView }) {
  return (
    <IconButton label={`Resume ${upload.name}`} title="Resume" onClick={() => upload.resume()}>
      <PlayIcon />
    </IconButton>
  )
}

function PickAgain({ upload }: { readonly upload: UploadView }) {
  const pick = async () => {
    const [picked] = await pickFiles()
    if (picked !== undefined) upload.resume(picked)
  }
  return (
    <button
      type="button"
      className="button"
      aria-label={`Choose the file ${upload.name} again`}
      onClick={() => void pick()}
    >
      Choose the file
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
      aria-label={`${copied ? 'Copied' : 'Copy'} link to ${name}`}
      onClick={() => void copyText(url).then(setCopied)}
    >
      {copied ? <CheckIcon /> : <LinkIcon />}
      <span aria-live="polite">{copied ? 'Copied' : 'Copy link'}</span>
    </button>
  )
}
