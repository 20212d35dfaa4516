/**
 * The last hour in memory, for charts: what a server without Prometheus can show of itself. Empty after a start,
 * and of this process alone.
 */
import type { Observer } from '../uploads/observer.ts'
import type { Transfers } from '../uploads/transfers.ts'

/** What happened in one stretch of time. */
export interface Sample {
  /** Its end: milliseconds since 1970. */
  readonly at: number
  /** Bytes of uploads that were written, each second. */
  readonly bytesPerSecond: number
  /** Requests whose bodies were being written at its end. */
  readonly active: number
  /** Uploads that became objects. */
  readonly published: number
  /** Uploads that failed at their end, and requests that met a fault of the server. */
  readonly errors: number
  /** Requests that a limit refused. */
  readonly refused: number
  /** Seconds from the last byte to the published object, mean and longest; undefined when there was none. */
  readonly latency: { readonly mean: number; readonly longest: number } | undefined
}

const EVERY_SECONDS = 5
const KEPT = 3600 / EVERY_SECONDS

export interface History extends Observer {
  /** Seconds that a sample spans. */
  readonly every: number
  /** Oldest first. */
  samples(): readonly Sample[]
  /** A request met a fault of the server. */
  fault(): void
  /** Where bodies are looked up that are not told yet; begins to sample. */
  watch(transfers: Pick<Transfers, 'active'>): void
  /** Ends one stretch of time: the clock calls this. */
  sample(): void
  close(): void
}

export function createHistory(now: () => number): History {
  let samples: Sample[] = []
  let transfers: Pick<Transfers, 'active'> | undefined
  let timer: NodeJS.Timeout | undefined
  /** Bytes of transfers that are over, since the start. */
  let ended = 0
  let shown = 0
  let current = { published: 0, errors: 0, refused: 0, latencies: [] as number[] }

  const history: History = {
    every: EVERY_SECONDS,
    samples: () => samples,
    transferred(bytes) {
      ended += bytes
    },
    waitedForLease() {},
    finished(seconds, outcome) {
      if (outcome === 'published') current.published += 1
      if (outcome === 'failed' || outcome === 'interrupted') current.errors += 1
      if (outcome === 'published' || outcome === 'sealed') current.latencies.push(seconds)
    },
    refused() {
      current.refused += 1
    },
    fault() {
      current.errors += 1
    },
    watch(watched) {
      transfers = watched
      timer = setInterval(history.sample, EVERY_SECONDS * 1000).unref()
    },
    sample() {
      let total = ended
      for (const transfer of transfers?.active ?? []) total += transfer.moved
      const { latencies, ...counts } = current
      current = { published: 0, errors: 0, refused: 0, latencies: [] }
      const sample: Sample = {
        at: now(),
        // Bytes that were taken back were never there.
        bytesPerSecond: Math.max(0, total - shown) / EVERY_SECONDS,
        active: transfers?.active.length ?? 0,
        ...counts,
        latency: latencyOf(latencies),
      }
      shown = Math.max(shown, total)
      samples = [...samples.slice(-(KEPT - 1)), sample]
    },
    close: () => clearInterval(timer),
  }
  return history
}

function latencyOf(seconds: readonly number[]): Sample['latency'] {
  if (seconds.length === 0) return undefined
  let sum = 0
  let longest = 0
  for (const each of seconds) {
    sum += each
    longest = Math.max(longest, each)
  }
  return { mean: sum / seconds.length, longest }
}
