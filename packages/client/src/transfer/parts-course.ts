import type { PartsDriver } from '../driver.ts'
import type { Json } from '../json.ts'
import type { Course, CourseOptions } from './course.ts'
import { type Held, probeParts, sendParts } from './parts.ts'
import { planPartSize } from './plan.ts'
import type { Transfer } from './transfer.ts'

/** The course of an upload in numbered parts. */
export function partsCourse(
  transfer: Transfer,
  driver: PartsDriver,
  { partSize: wanted, plan }: CourseOptions,
): Course {
  const { intent } = transfer
  const pinned = plan?.shape === 'parts' ? plan : undefined
  let partSize = pinned?.partSize ?? planPartSize(intent.size, driver.part, wanted)
  let held: Held = new Map(pinned?.parts?.map((part) => [part.number, part]))
  /** Some providers decide only with the session. Then what it says counts, not the plan. */
  const cutAs = (session: Json) => {
    partSize = driver.partSizeOf?.(session) ?? partSize
    return session
  }
  return {
    plan: () => ({
      shape: 'parts',
      partSize,
      // A provider that can be asked is asked; only for one that cannot must the token remember.
      ...(driver.probe ? {} : { parts: [...held.values()] }),
    }),
    begin: async (call) => cutAs(await driver.begin(intent, partSize, call)),
    locate: async (session, stop, patience) => {
      cutAs(session)
      const state = await probeParts(transfer, driver, session, stop, patience)
      if (state?.state === 'complete') return state.result
      if (state) held = new Map(state.parts.map((part) => [part.number, part]))
      return undefined
    },
    send: (session, stop) => sendParts(transfer, driver, session, partSize, held, stop),
    complete: (session, digest, call) => {
      const parts = [...held.values()].sort((a, b) => a.number - b.number)
      return driver.complete(session, intent, parts, digest, call)
    },
  }
}
