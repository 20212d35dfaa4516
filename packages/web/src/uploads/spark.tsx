import { SHOWN } from './speeds.ts'

interface SparkProps {
  readonly samples: readonly number[]
  readonly className?: string
}

const WIDTH = SHOWN - 1
const HEIGHT = 20

/** The last minute as a line: for the eye only, the figure stands beside it. */
export function Spark({ samples, className = '' }: SparkProps) {
  const most = Math.max(1, ...samples)
  const from = SHOWN - samples.length
  const points = samples.map(
    (value, index) => `${from + index},${(HEIGHT - 1 - (value / most) * (HEIGHT - 2)).toFixed(1)}`,
  )
  if (points.length < 2)
    return <svg className={`spark ${className}`} viewBox={`0 0 ${WIDTH} ${HEIGHT}`} aria-hidden="true" />
  const line = points.join(' ')
  return (
    <svg
      className={`spark ${className}`}
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      preserveAspectRatio="none"
      aria-hidden="true"
    >
      <polygon points={`${from},${HEIGHT} ${line} ${WIDTH},${HEIGHT}`} />
      <polyline points={line} />
    </svg>
  )
}
