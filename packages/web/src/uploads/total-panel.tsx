import { Fragment } from 'react'
import { Bar } from '../bar.tsx'
import { formatBytes, formatDuration, formatPortion, percentOf } from '../format.ts'
import { Spark } from './spark.tsx'
import { recent } from './speeds.ts'
import type { Totals } from './totals.ts'

interface TotalPanelProps {
  readonly totals: Totals
  readonly samples: readonly number[]
  readonly slow: boolean
  readonly onSlow: (slow: boolean) => void
  readonly onPause: () => void
  readonly onResume: () => void
  readonly onCancel: () => void
  readonly onClear: () => void
}

/** All uploads as one: how far, how fast, how long still, and what can be done with all of them. */
export function TotalPanel(props: TotalPanelProps) {
  const { totals, samples, slow, onSlow, onPause, onResume, onCancel, onClear } = props
  const { count, done, busy, failed, paused, asking, sent, size } = totals
  const ended = done === count
  const percent = percentOf(sent, size, ended)
  const stopped = paused + failed + asking
  return (
    <div className="total">
      <div className="total-head">
        <h2 id="list-title">{ended ? 'All uploaded' : `${percent} %`}</h2>
        <p className="total-words">
          {totalWords(totals, recent(samples)).map((words, index, { length }) => (
            <Fragment key={words}>
              <span>{index < length - 1 ? `${words} ·` : words}</span>{' '}
            </Fragment>
          ))}
        </p>
      </div>
      <Spark samples={samples} className="total-spark" />
      <Bar
        className="bar-total"
        value={ended ? 100 : size === 0 ? 0 : Math.min(99.9, (100 * sent) / size)}
        label={`All uploads: ${percent} %`}
      />
      <div className="total-actions">
        {busy > 0 && (
          <button type="button" className="button-text" onClick={onPause}>
            Pause all
          </button>
        )}
        {stopped > 0 && (
          <button type="button" className="button-text" onClick={onResume}>
            {resumeLabel(totals)}
          </button>
        )}
        {done < count && (
          <button type="button" className="button-text" onClick={onCancel}>
            Cancel all
          </button>
        )}
        {done > 0 && (
          <button type="button" className="button-text" onClick={onClear}>
            Clear finished
          </button>
        )}
        <label className="switch">
          <input
            type="checkbox"
            role="switch"
            aria-checked={slow}
            checked={slow}
            onChange={({ target }) => onSlow(target.checked)}
          />
          <span className="switch-track" aria-hidden="true" />
          Slow network
        </label>
      </div>
    </div>
  )
}

function resumeLabel({ paused, failed, asking }: Totals): string {
  if (asking > 0) return `Go on with ${asking === 1 ? 'the upload' : `all ${asking + paused}`}`
  return paused === 0 && failed > 0 ? 'Retry all' : 'Resume all'
}

function totalWords(totals: Totals, speed: number | undefined): readonly string[] {
  const { count, done, sent, size, sending, failed } = totals
  if (done === count) return [files(count), formatBytes(size)]
  const parts = [`${done.toLocaleString('en')} of ${files(count)}`, formatPortion(sent, size)]
  if (sending > 0 && speed !== undefined && speed >= 1)
    parts.push(`${formatBytes(speed)}/s`, `${formatDuration((size - sent) / speed)} left`)
  if (failed > 0) parts.push(`${failed} failed`)
  return parts
}

function files(count: number): string {
  return `${count.toLocaleString('en')} ${count === 1 ? 'file' : 'files'}`
}
