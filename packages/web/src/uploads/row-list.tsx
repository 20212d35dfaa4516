import { type ReactNode, useLayoutEffect, useRef, useState } from 'react'
import { type RowWindow, rowsInSight } from './window-rows.ts'

interface RowListProps {
  readonly count: number
  /** Draws the row at a place, from 0. */
  readonly row: (index: number) => ReactNode
  readonly labelledBy: string
}

/** Until the first row was measured. */
const GUESS = 76

/** A list of rows of one height of which only those in the window are in the document. */
export function RowList({ count, row, labelledBy }: RowListProps) {
  const list = useRef<HTMLUListElement>(null)
  const [height, setHeight] = useState(GUESS)
  const [{ from, to }, setSight] = useState<RowWindow>({ from: 0, to: 30 })

  useLayoutEffect(() => {
    const look = () => {
      const { current } = list
      if (current === null) return
      const first = current.querySelector('li')
      const measured = first?.getBoundingClientRect().height ?? 0
      const rowHeight = measured > 0 ? measured : height
      setHeight(rowHeight)
      const next = rowsInSight(count, rowHeight, current.getBoundingClientRect().top, innerHeight)
      setSight((known) => (known.from === next.from && known.to === next.to ? known : next))
    }
    look()
    const stop = new AbortController()
    const options = { signal: stop.signal, passive: true }
    addEventListener('scroll', look, options)
    addEventListener('resize', look, options)
    // What is above the list can grow and shrink: then the list is elsewhere.
    const observer = new ResizeObserver(look)
    observer.observe(document.body)
    return () => {
      stop.abort()
      observer.disconnect()
    }
  }, [count, height])

  const last = Math.min(to, count)
  return (
    <ul
      ref={list}
      className="rows"
      aria-labelledby={labelledBy}
      style={{ paddingBlock: `${from * height}px ${Math.max(0, count - last) * height}px` }}
    >
      {Array.from({ length: Math.max(0, last - from) }, (_, index) => row(from + index))}
    </ul>
  )
}
