/** Cutting a body into lanes. Pure. */
import type { Lane } from '../driver.ts'
import { FilesError } from '../errors.ts'
import type { TokenPlan } from '../session.ts'

const MIB = 1024 * 1024

/** Lanes of about equal length that begin on a MiB. Fewer than asked for when the body is small. */
function lanesOf(size: number, wanted: number): Lane[] {
  const count = Math.max(1, Math.floor(Math.min(wanted, size / MIB)))
  const length = Math.ceil(size / count / MIB) * MIB
  const starts = Array.from({ length: count }, (_, index) => index * length).filter(
    (s) => s < size || s === 0,
  )
  return starts.map((start, index) => ({ index, start, end: Math.min(start + length, size) }))
}

/** The lanes that a session began with, or new ones. @throws FilesError `SessionGone` */
export function lanesFor(size: number, wanted: number, plan: TokenPlan | undefined): Lane[] {
  return plan?.shape === 'offset' ? lanesFrom(plan.lanes, size) : lanesOf(size, wanted)
}

function lanesFrom(starts: readonly number[], size: number): Lane[] {
  const lanes = starts.map((start, index) => ({ index, start, end: starts[index + 1] ?? size }))
  const ordered =
    lanes[0]?.start === 0 && lanes.every(({ start, end }) => start < end || (start === 0 && end === 0))
  if (!ordered) throw new FilesError('SessionGone', 'the lanes in the session token do not cover the body')
  return lanes
}
