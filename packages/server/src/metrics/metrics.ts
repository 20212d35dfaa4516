/**
 * What the server measures of itself, for Prometheus. One registry per server: two in one process do not mix.
 * Nothing is measured per chunk; what would need that is looked up when somebody asks.
 */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { UnfinishedState } from '../catalog/catalog.ts'
import type { Observer, RefusalReason, TransferOutcome } from '../uploads/observer.ts'
import type { Transfers } from '../uploads/transfers.ts'

interface MetricsSources {
  readonly unfinished: () => Promise<Readonly<Record<UnfinishedState, number>>>
  readonly transfers: Transfers
  /** Connections that are open now. */
  readonly connections: () => Promise<number>
}

export interface Metrics extends Observer {
  /** The catalog wrote a group of operations as one transaction. */
  readonly committed: (operations: number, seconds: number) => void
  /** Where to look up what is not told; called once, when all parts are there. */
  watch(sources: MetricsSources): void
  /** In Prometheus' text format, with its content type. */
  render(): Promise<{ readonly type: string; readonly text: string }>
}

const MIB = 1024 * 1024
const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]
/** A body may take hours. */
const LONG_SECONDS = [...SECONDS, 300, 1800, 7200]

export function createMetrics(): Metrics {
  const registry = new Registry()
  const registers = [registry]
  let defaults = false

  const appendSeconds = new Histogram({
    name: 'pawl_append_seconds',
    help: 'How long the body of one request took, the client included',
    labelNames: ['outcome'],
    buckets: LONG_SECONDS,
    registers,
  })
  const appendBytes = new Histogram({
    name: 'pawl_append_bytes',
    help: 'Bytes that one request brought',
    labelNames: ['outcome'],
    buckets: [
      1024,
      16 * 1024,
      256 * 1024,
      MIB,
      4 * MIB,
      16 * MIB,
      64 * MIB,
      256 * MIB,
      1024 * MIB,
      8192 * MIB,
    ],
    registers,
  })
  const leaseWait = new Histogram({
    name: 'pawl_lease_wait_seconds',
    help: 'How long a request waited that found another one writing, and what came of it',
    labelNames: ['outcome'],
    buckets: SECONDS,
    registers,
  })
  const handovers = new Counter({
    name: 'pawl_lease_handovers_total',
    help: 'Transfers that were ended because another request came for the same upload',
    registers,
  })
  const finishSeconds = new Histogram({
    name: 'pawl_finish_seconds',
    help: 'From the last byte to the published object',
    labelNames: ['outcome'],
    buckets: SECONDS,
    registers,
  })
  const commitOperations = new Histogram({
    name: 'pawl_catalog_commit_operations',
    help: 'Operations that wrote to the catalog in one transaction',
    buckets: [1, 2, 4, 8, 16, 32, 64, 128, 256, 512],
    registers,
  })
  const commitSeconds = new Histogram({
    name: 'pawl_catalog_commit_seconds',
    help: 'How long one transaction of the catalog took, with its fsync where it had one',
    buckets: SECONDS,
    registers,
  })
  const refused = new Counter({
    name: 'pawl_refused_total',
    help: 'Requests that a limit refused',
    labelNames: ['reason'],
    registers,
  })
  let ended = 0

  return {
    transferred(bytes, seconds, outcome: TransferOutcome) {
      ended += bytes
      appendSeconds.observe({ outcome }, seconds)
      appendBytes.observe({ outcome }, bytes)
      if (outcome === 'displaced') handovers.inc()
    },
    waitedForLease(seconds, tookOver) {
      leaseWait.observe({ outcome: tookOver ? 'took-over' : 'refused' }, seconds)
    },
    finished: (seconds, outcome) => finishSeconds.observe({ outcome }, seconds),
    refused: (reason: RefusalReason) => refused.inc({ reason }),
    committed(operations, seconds) {
      commitOperations.observe(operations)
      commitSeconds.observe(seconds)
    },
    watch({ unfinished, transfers, connections }) {
      const uploads = new Gauge({
        name: 'pawl_uploads',
        help: 'Uploads that have not come to their end, by state',
        labelNames: ['state'],
        registers,
        async collect() {
          for (const [state, count] of Object.entries(await unfinished())) uploads.set({ state }, count)
        },
      })
      let shown = 0
      const received = new Counter({
        name: 'pawl_received_bytes_total',
        help: 'Bytes of uploads that were written, those of transfers under way included',
        registers,
        collect() {
          let sum = ended
          for (const transfer of transfers.active) sum += transfer.moved
          // Bytes that were taken back must not look like a counter that began anew.
          received.inc(Math.max(0, sum - shown))
          shown = Math.max(shown, sum)
        },
      })
      const active: Gauge = new Gauge({
        name: 'pawl_transfers_active',
        help: 'Requests whose bodies are being written now',
        registers,
        collect() {
          active.set(transfers.active.length)
        },
      })
      const open = new Gauge({
        name: 'pawl_connections',
        help: 'Connections of clients that are open now',
        registers,
        async collect() {
          open.set(await connections())
        },
      })
    },
    async render() {
      // Measuring the process begins when somebody wants to know.
      if (!defaults) collectDefaultMetrics({ register: registry })
      defaults = true
      return { type: registry.contentType, text: await registry.metrics() }
    },
  }
}
