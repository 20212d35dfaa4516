/** Where things are in the bucket, behind the prefix. */
import type { SegmentId } from '../blob-store.ts'

export const OBJECTS = 'segments/'
export const TAILS = 'tails/'

export function objectKey(segment: SegmentId): string {
  return `${OBJECTS}${segment}`
}

/** What the names of a segment's tails begin with. */
export function tailPrefix(segment: SegmentId): string {
  return `${TAILS}${segment}.`
}
