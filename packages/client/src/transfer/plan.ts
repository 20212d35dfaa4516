/** Cutting a body into parts or lanes. Pure. */
import type { Lane, PartRule } from '../driver.ts'
import { FilesError } from '../errors.ts'
import { cellSizeFor } from './grid.ts'

const MIB = 1024 * 1024

export interface PlannedPart {
  /** From 1. */
  readonly number: number
  readonly start: number
  readonly size: number
}

/**
 * The part size for a body: what was asked for, made to fit the provider's limits.
 * @throws FilesError `NotSupported` if no part size fits.
 */
export function planPartSize(size: number, rule: PartRule, wanted?: number): number {
  if (size > rule.maxSize) {
    throw new FilesError('NotSupported', `${size} bytes are more than this provider takes (${rule.maxSize})`)
  }
  // Parts of whole cells: each cell is then read by one part, and its CRC known without reading it again.
  const unit = lcm(rule.multiple, cellSizeFor(size))
  const least = roundUp(Math.max(rule.min, Math.ceil(size / rule.maxCount), 1), rule.multiple)
  const asked = Math.max(wanted ?? rule.preferred, least)
  const fitting = Math.min(
    roundUp(asked, asked >= unit ? unit : rule.multiple),
    roundDown(rule.max, rule.multiple),
  )
  if (fitting < least) {
    throw new FilesError('NotSupported', `no part size fits ${size} bytes into ${rule.maxCount} parts`)
  }
  return fitting
}

/** Every part of a body, in order. An empty body is one empty part. */
export function partsOf(size: number, partSize: number): PlannedPart[] {
  return Array.from({ length: Math.max(1, Math.ceil(size / partSize)) }, (_, index) => ({
    number: index + 1,
    start: index * partSize,
    size: Math.min(partSize, size - index * partSize),
  }))
}

/** Lanes of about equal length that begin on a MiB. Fewer than asked for when the body is small. */
export function lanesOf(size: number, wanted: number): Lane[] {
  const count = Math.max(1, Math.min(wanted, Math.floor(size / MIB)))
  const length = roundUp(Math.ceil(size / count), MIB)
  const starts = Array.from({ length: count }, (_, index) => index * length).filter(
    (s) => s < size || s === 0,
  )
  return starts.map((start, index) => ({ index, start, end: Math.min(start + length, size) }))
}

function roundUp(value: number, unit: number): number {
  return Math.ceil(value / unit) * unit
}

function roundDown(value: number, unit: number): number {
  return Math.floor(value / unit) * unit
}

function lcm(a: number, b: number): number {
  let [x, y] = [a, b]
  while (y > 0) [x, y] = [y, x % y]
  return (a / x) * b
}
