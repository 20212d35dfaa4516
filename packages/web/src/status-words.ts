import { useEffect, useState } from 'react'
import { formatBytes, formatDuration, formatPortion } from './format.ts'
import type { Row } from './row.ts'

/** What stands below a row's bar, at its left and its right end. */
export interface StatusWords {
  readonly left: string
  readonly right: string
}

export function useStatusWords(row: Row): StatusWords {
  const { state } = row
  const until = state.kind === 'active' && state.stage.kind === 'holding' ? state.stage.until : undefined
  const secondsLeft = useCountdown(until)
  const size = formatBytes(row.size)
  const stored = row.accepted > 0 ? `${formatPortion(row.accepted, row.size)} safe on the server` : size
  switch (state.kind) {
    case 'queued':
      return { left: size, right: 'In line' }
    case 'paused':
      return { left: stored, right: 'Paused' }
    case 'waiting':
      return { left: 'Choose the file again to go on', right: stored }
    case 'locked':
      return { left: 'Waiting for a key', right: stored }
    case 'failed':
      return { left: state.words, right: '' }
    case 'done':
      return { left: `${size} · uploaded`, right: '' }
    case 'active':
      return activeWords(row, state.stage.kind === 'holding' ? state.stage.words : undefined, secondsLeft)
  }
}

function activeWords(row: Row, holding: string | undefined, secondsLeft: number): StatusWords {
  if (holding !== undefined) {
    return {
      left: holding,
      right: secondsLeft > 0 ? `Next try in ${formatDuration(secondsLeft)}` : 'Trying …',
    }
  }
  const stage = row.state.kind === 'active' ? row.state.stage.kind : undefined
  const left = formatPortion(row.sent, row.size)
  if (stage === 'connecting') return { left, right: 'Connecting …' }
  if (stage === 'finishing') return { left, right: 'Finishing …' }
  if (row.speed === undefined) return { left, right: '' }
  const speed = `${formatBytes(row.speed)}/s`
  return {
    left,
    right: row.speed < 1 ? 'Stalled' : `${speed} · ${formatDuration((row.size - row.sent) / row.speed)} left`,
  }
}

/** Seconds until a time, counting down; 0 when there is none. */
function useCountdown(until: number | undefined): number {
  const [, tick] = useState(0)
  useEffect(() => {
    if (until === undefined) return
    const timer = setInterval(() => tick((count) => count + 1), 500)
    return () => clearInterval(timer)
  }, [until])
  return until === undefined ? 0 : Math.max(0, (until - Date.now()) / 1000)
}
