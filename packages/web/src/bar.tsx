interface BarProps {
  /** From 0 to 100. */
  readonly value: number
  readonly label: string
  readonly className?: string
}

/**
 * How far something is. What is drawn is moved, which the graphics processor does alone: a `<progress>` that changes
 * its width smoothly is laid out and painted sixty times a second for as long as bytes move.
 */
export function Bar({ value, label, className = '' }: BarProps) {
  return (
    <div className={`bar ${className}`}>
      <progress max={100} value={value} aria-label={label} />
      <div className="bar-value" style={{ transform: `translateX(${value - 100}%)` }} />
    </div>
  )
}
