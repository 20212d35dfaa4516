/** Cutting a body into parts. Pure. */
import type { PartRule } from '../driver.ts'
import { FilesError } from '../errors.ts'
import { cellSizeFor } from './cells.ts'

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
