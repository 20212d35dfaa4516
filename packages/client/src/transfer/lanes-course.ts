import type { Lane, OffsetDriver } from '../driver.ts'
import { FilesError } from '../errors.ts'
import type { Course, CourseOptions } from './course.ts'
import { lanesOf } from './lanes.ts'
import { probeLanes, sendLanes } from './offset.ts'
import { payloadFor } from './payload.ts'
import type { Transfer } from './transfer.ts'

/** The course of an upload that grows from the front, in one lane or several. */
export function lanesCourse(
  transfer: Transfer,
  driver: OffsetDriver,
  { partSize, plan }: CourseOptions,
): Course {
  const { intent, concurrency } = transfer
  const lanes =
    plan?.shape === 'offset'
      ? lanesFrom(plan.lanes, intent.size)
      : lanesOf(intent.size, Math.min(concurrency, driver.maxLanes))
  let offsets: readonly number[] = lanes.map((lane) => lane.start)
  return {
    plan: () => ({ shape: 'offset', lanes: lanes.map((lane) => lane.start) }),
    begin: async (call) => {
      const size = Math.min(intent.size, driver.chunk.first)
      const { payload, land } = payloadFor(transfer, 0, size, call)
      try {
        const begun = await driver.begin(intent, lanes, payload, call)
        offsets = begun.offsets
        return begun.session
      } finally {
        land(false)
      }
    },
    locate: async (session, stop, patience) => {
      const state = await probeLanes(transfer, driver, session, lanes, stop, patience)
      if (state.state === 'complete') return state.result
      offsets = state.offsets
      return undefined
    },
    send: (session, stop) => sendLanes(transfer, driver, session, lanes, offsets, partSize, stop),
    complete: (session, _digest, call) => driver.complete(session, intent, call),
  }
}

function lanesFrom(starts: readonly number[], size: number): Lane[] {
  const lanes = starts.map((start, index) => ({ index, start, end: starts[index + 1] ?? size }))
  const ordered =
    lanes[0]?.start === 0 && lanes.every(({ start, end }) => start < end || (start === 0 && end === 0))
  if (!ordered) throw new FilesError('SessionGone', 'the lanes in the session token do not cover the body')
  return lanes
}
