/** Cutting a body into lanes. Pure. */
import type { Lane } from '../driver.ts'

const MIB = 1024 * 1024

/** Lanes of about equal length that begin on a MiB. Fewer than asked for when the body is small. */
export function lanesOf(size: number, wanted: number): Lane[] {
  const count = Math.max(1, Math.min(wanted, Math.floor(size / MIB)))
  const length = Math.ceil(size / count / MIB) * MIB
  const starts = Array.from({ length: count }, (_, index) => index * length).filter(
    (s) => s < size || s === 0,
  )
  return starts.map((start, index) => ({ index, start, end: Math.min(start + length, size) }))
}
