import 'uplot/dist/uPlot.min.css'
import { useEffect, useId, useRef, useState } from 'react'
import uPlot from 'uplot'
import type { Sample } from './charts.tsx'

interface ChartProps {
  readonly title: string
  readonly samples: readonly Sample[]
  readonly of: (sample: Sample) => number | null
  readonly format: (value: number) => string
  /** The scale reaches at least so far. */
  readonly least: number
  /** What it counts should not happen. */
  readonly bad?: boolean
}

const HEIGHT = 120
/** What a chart reaches back to, in seconds: all that there is, at least the first and at most the second. */
const SPAN = [300, 3600] as const
/** Steps of a scale of things that are counted. */
const WHOLE = [1, 2, 5]
  .flatMap((step) => Array.from({ length: 12 }, (_, zeros) => step * 10 ** zeros))
  .sort((a, b) => a - b)

/** One number over the last hour; its newest and its largest value as words, for those who see no picture. */
export function Chart({ title, samples, of, format, least, bad = false }: ChartProps) {
  const place = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot>(undefined)
  const scheme = useColorScheme()
  const id = useId()
  const values = samples.map(of)
  const known = values.filter((value) => value !== null)
  const last = values.at(-1) ?? known.at(-1)

  // biome-ignore lint/correctness/useExhaustiveDependencies: the colours are those of the scheme
  useEffect(() => {
    const { current } = place
    if (current === null) return
    const made = new uPlot(optionsOf(current, format, least), [[], []], current)
    plot.current = made
    const observer = new ResizeObserver(([entry]) => {
      if (entry !== undefined) made.setSize({ width: entry.contentRect.width, height: HEIGHT })
    })
    observer.observe(current)
    return () => {
      observer.disconnect()
      made.destroy()
    }
  }, [scheme, format, least])

  // biome-ignore lint/correctness/useExhaustiveDependencies: a new plot wants its data
  useEffect(() => {
    const times = samples.map(({ at }) => Date.parse(at) / 1000)
    const now = times.at(-1) ?? Date.now() / 1000
    plot.current?.setData([times, samples.map(of)], false)
    const [least, most] = SPAN
    const span = Math.min(most, Math.max(least, now - (times[0] ?? now)))
    plot.current?.setScale('x', { min: now - span, max: now })
  }, [samples, of, scheme])

  return (
    <figure className={bad ? 'chart chart-bad' : 'chart'} aria-labelledby={id}>
      <figcaption id={id}>
        <span className="chart-title">{title}</span>
        <span className="chart-now">{last === undefined || last === null ? '–' : format(last)}</span>
        <span className="chart-most">
          {known.length === 0 ? 'no samples yet' : `peak ${format(Math.max(...known))}`}
        </span>
      </figcaption>
      <div ref={place} className="chart-plot" aria-hidden="true" />
    </figure>
  )
}

function optionsOf(place: HTMLElement, format: ChartProps['format'], least: number): uPlot.Options {
  const { color, backgroundColor, borderColor, outlineColor } = getComputedStyle(place)
  const axis = { stroke: outlineColor, ticks: { show: false }, font: '11px system-ui, sans-serif' }
  return {
    width: place.clientWidth,
    height: HEIGHT,
    legend: { show: false },
    cursor: { y: false, drag: { x: false } },
    padding: [8, 20, 0, 0],
    scales: { y: { range: (_, __, max) => [0, Math.max(least, max * 1.15)] } },
    axes: [
      { ...axis, size: 24, space: 80, values: (_, values) => values.map(clock), grid: { show: false } },
      {
        ...axis,
        size: 64,
        space: 36,
        ...(least >= 1 ? { incrs: WHOLE } : {}),
        values: (_, values) => values.map(format),
        grid: { stroke: borderColor, width: 1 },
      },
    ],
    series: [
      {},
      {
        stroke: color,
        fill: backgroundColor,
        width: 1.5,
        spanGaps: true,
        points: { size: 5, fill: color, show: isAlone },
      },
    ],
  }
}

/** A single value is no line: it is drawn as a point. */
function isAlone({ data }: uPlot): boolean {
  return (data[1] ?? []).filter((value) => value !== null && value !== undefined).length === 1
}

function clock(seconds: number): string {
  return new Date(seconds * 1000).toLocaleTimeString([], {
    hour: '2-digit',
    minute: '2-digit',
    hour12: false,
  })
}

/** Canvases do not follow the style sheet by themselves. */
function useColorScheme(): boolean {
  const [dark, setDark] = useState(() => matchMedia('(prefers-color-scheme: dark)').matches)
  useEffect(() => {
    const query = matchMedia('(prefers-color-scheme: dark)')
    const change = () => setDark(query.matches)
    query.addEventListener('change', change)
    return () => query.removeEventListener('change', change)
  }, [])
  return dark
}
