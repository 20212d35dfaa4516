import { PassThrough } from 'node:stream'
import type { WriteStream } from 'node:tty'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { barReporter } from './bars.ts'
import type { Row } from './reporter.ts'

beforeEach(() => vi.useFakeTimers())
afterEach(() => vi.useRealTimers())

const MB = 1e6

function rowOf(id: string, size: number, before: number) {
  const control = { loaded: before, sent: before, speed: 0, eta: undefined, phase: 'sending' as const }
  const row: Row = { id, name: id, file: id, destination: id, size, before, startedAt: Date.now(), control }
  return { row, control }
}

test('the speed of the whole is that of this run, whatever earlier runs and the provider had', () => {
  let shown = ''
  const terminal = new PassThrough() as unknown as WriteStream
  terminal.columns = 120
  terminal.on('data', (chunk: Buffer) => {
    shown = chunk.toString()
  })
  const reporter = barReporter(terminal, 2, 2000 * MB)
  const fresh = rowOf('fresh', 1000 * MB, 0)
  const resumed = rowOf('resumed', 1000 * MB, 400 * MB)
  reporter.begin(fresh.row)
  for (let second = 1; second <= 8; second++) {
    if (second === 3) {
      reporter.begin(resumed.row)
      // The provider had taken more than the session knew.
      Object.assign(resumed.control, { loaded: 600 * MB, sent: 600 * MB })
      reporter.progress(resumed.row)
    }
    fresh.control.sent += 10 * MB
    reporter.progress(fresh.row)
    vi.advanceTimersByTime(1000)
    if (second < 2) continue
    const speed = Number(/ ([\d.]+) MB\/s/.exec(shown.slice(shown.indexOf('of 2 files')))?.[1])
    expect(speed).toBeLessThanOrEqual(12)
    expect(speed).toBeGreaterThan(5)
  }
  reporter.end({ done: 0, failed: 0, resumable: [], interrupted: false })
})

test('a terminal that tells no width loses nothing above what is drawn', () => {
  let shown = ''
  const terminal = new PassThrough() as unknown as WriteStream
  terminal.columns = 0
  terminal.on('data', (chunk: Buffer) => {
    shown += chunk.toString()
  })
  const reporter = barReporter(terminal, 1, 10 * MB)
  const { row, control } = rowOf('one', 10 * MB, 0)
  reporter.begin(row)
  control.sent = MB
  reporter.progress(row)
  vi.advanceTimersByTime(1000)
  reporter.end({ done: 0, failed: 0, resumable: [], interrupted: false })
  // biome-ignore lint/suspicious/noControlCharactersInRegex: what moves the cursor up
  const rises = [...shown.matchAll(/\u001b\[(\d+)A/g)].map(([, rows]) => Number(rows))
  expect(rises.length).toBeGreaterThan(0)
  expect(Math.max(...rises)).toBeLessThanOrEqual(2)
})
