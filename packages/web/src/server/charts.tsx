import { formatBytes } from '../format.ts'
import { Chart } from './chart.tsx'
import { useAsked } from './use-asked.ts'

export interface Sample {
  readonly at: string
  readonly bytesPerSecond: number
  readonly active: number
  readonly published: number
  readonly errors: number
  readonly refused: number
  readonly latency: { readonly mean: number; readonly longest: number } | null
}

interface History {
  readonly everySeconds: number
  readonly samples: readonly Sample[]
}

const speed = (value: number) => `${formatBytes(value)}/s`
const count = (value: number) => value.toLocaleString('en')
const seconds = (value: number) => (value < 1 ? `${Math.round(value * 1000)} ms` : `${value.toFixed(1)} s`)

/** The last hour, in four pictures. */
export function Charts() {
  const { value } = useAsked<History>('admin/history', 5000)
  const samples = value?.samples ?? []
  return (
    <section className="charts" aria-label="The last hour">
      <Chart
        title="Throughput"
        least={1000}
        samples={samples}
        of={({ bytesPerSecond }) => bytesPerSecond}
        format={speed}
      />
      <Chart title="Active uploads" least={2} samples={samples} of={({ active }) => active} format={count} />
      <Chart
        title="Errors"
        least={2}
        samples={samples}
        of={({ errors, refused }) => errors + refused}
        format={count}
        bad
      />
      <Chart
        title="Time to publish"
        least={0.1}
        samples={samples}
        of={({ latency }) => latency?.longest ?? null}
        format={seconds}
      />
    </section>
  )
}
