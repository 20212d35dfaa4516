import type { OffsetDriver } from '../driver.ts'
import type { Course, CourseOptions } from './course.ts'
import { probeLanes, sendLanes } from './offset.ts'
import { payloadFor } from './payload.ts'
import type { Transfer } from './transfer.ts'

/** The course of an upload that grows from the front, in one lane or several. */
export async function lanesCourse(
  transfer: Transfer,
  driver: OffsetDriver,
  { partSize, plan }: CourseOptions,
): Promise<Course> {
  const { intent, concurrency } = transfer
  const wanted = Math.min(concurrency, driver.maxLanes)
  const lanes =
    plan || wanted > 1
      ? (await import('./lanes.ts')).lanesFor(intent.size, wanted, plan)
      : [{ index: 0, start: 0, end: intent.size }]
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
