/** Loaded into a server: at SIGUSR2 it writes how late its event loop was since the last time, in milliseconds. */
import { writeFileSync } from 'node:fs'
import { monitorEventLoopDelay } from 'node:perf_hooks'

const RESOLUTION_MS = 1
const NS_PER_MS = 1e6

export interface LoopDelay {
  readonly p99: number
  readonly max: number
}

const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
histogram.enable()
process.on('SIGUSR2', () => {
  // Its samples are whole intervals: the delay is what is more than the resolution.
  const late = (ns: number): number => Math.max(0, ns / NS_PER_MS - RESOLUTION_MS)
  const delay: LoopDelay = { p99: late(histogram.percentile(99)), max: late(histogram.max) }
  histogram.reset()
  writeFileSync(process.env.BENCH_LOOP_FILE ?? '', JSON.stringify(delay))
})
