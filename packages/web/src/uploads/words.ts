/** What the page says of an upload. Pure. */
import type { FilesError } from 'pawl'
import type { UploadView } from 'pawl/react'
import { formatBytes, formatDuration, formatPortion } from '../format.ts'

/** What stands below a row's bar, at its left and its right end. */
export interface StatusWords {
  readonly left: string
  readonly right: string
}

/** What a row knows besides its upload. */
export interface Moment {
  /** Until the next try, where one is waited for. */
  readonly seconds: number
  /** Bytes a second. */
  readonly speed: number | undefined
  readonly online: boolean
}

export function statusWords(upload: UploadView, moment: Moment): StatusWords {
  const { status, needs, error, total, loaded } = upload
  const size = formatBytes(total)
  const stored = loaded > 0 ? `${formatPortion(loaded, total)} safe on the server` : size
  switch (status) {
    case 'queued':
      return { left: stored, right: 'In line' }
    case 'paused':
      return { left: stored, right: 'Paused' }
    case 'interrupted':
      if (error !== undefined && error.code !== 'Conflict') return { left: errorWords(error), right: '' }
      return needs === 'file'
        ? { left: 'Choose the file again to go on', right: stored }
        : { left: stored, right: 'Stopped' }
    case 'error':
      return { left: error === undefined ? 'It failed' : errorWords(error), right: '' }
    case 'completed':
      return { left: size, right: '' }
    case 'aborted':
      return { left: 'Cancelled', right: '' }
    case 'uploading':
      return sendingWords(upload, moment)
  }
}

function sendingWords(upload: UploadView, { seconds, speed, online }: Moment): StatusWords {
  const { waiting, sent, total, phase } = upload
  if (waiting !== undefined) {
    const next = seconds > 0 ? `Next try in ${formatDuration(seconds)}` : 'Trying …'
    return { left: online ? errorWords(waiting.error) : 'You are offline', right: next }
  }
  const left = formatPortion(sent, total)
  if (phase === 'finishing' || sent === total) return { left, right: 'Finishing …' }
  if (phase !== 'sending') return { left, right: 'Connecting …' }
  if (speed === undefined) return { left, right: '' }
  const rest = `${formatDuration((total - sent) / speed)} left`
  return { left, right: speed < 1 ? 'Stalled' : `${formatBytes(speed)}/s · ${rest}` }
}

/** An error for people: what happened, and what to do. */
export function errorWords(error: FilesError): string {
  const { status, code } = error
  if (status === 403) return 'This server does not allow that with this key'
  if (code === 'Unauthorized') return 'This server asks for a key'
  if (status === 413) return 'The file is larger than this server takes'
  if (status === 507 || code === 'QuotaExceeded') return `There is no room for it: ${error.message}`
  if (code === 'BodyChanged') {
    return error.message.includes('cannot be read')
      ? 'The file has changed or cannot be read any more. Choose it again.'
      : 'That is another file'
  }
  if (code === 'SessionGone') return 'The server no longer has the unfinished part. Retry to begin again.'
  if (code === 'Provider' && status === undefined) return 'The server does not answer'
  if (status !== undefined && status >= 500) return `The server has a problem (${status})`
  return capital(error.message)
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}

/** What has happened between two looks at the list, for screen readers; undefined if it is nothing of note. */
export function announcement(
  before: ReadonlyMap<string, UploadView>,
  now: readonly UploadView[],
): string | undefined {
  const turned = (status: UploadView['status']) =>
    now.filter((upload) => upload.status === status && (before.get(upload.id)?.status ?? status) !== status)
  const [failed] = turned('error')
  if (failed?.error !== undefined) return `${failed.name}: ${errorWords(failed.error)}`
  const done = turned('completed')
  const open = now.some(({ status }) => status === 'queued' || status === 'uploading')
  if (done.length > 0 && !open && now.length > 1) return `All ${now.length} uploads have ended.`
  if (done.length > 1) return `${done.length} files are uploaded.`
  return done[0] && `${done[0].name} is uploaded.`
}
