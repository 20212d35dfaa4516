/** One shape of upload, as the orchestrator sees it: where it stands, and how it goes on. */
import type { Digest } from '../digest.ts'
import type { Call, Driver, Lane, OffsetDriver, PartsDriver, ProviderResult } from '../driver.ts'
import { FilesError } from '../errors.ts'
import type { Json } from '../json.ts'
import type { TokenPlan } from '../session.ts'
import { probeLanes, sendLanes } from './offset.ts'
import { type Held, probeParts, sendParts } from './parts.ts'
import { payloadFor } from './payload.ts'
import { lanesOf, planPartSize } from './plan.ts'
import type { Patience } from './retry.ts'
import type { Transfer } from './transfer.ts'

export interface Course {
  /** How the body is cut, for the token. */
  plan(): TokenPlan
  begin(call: Call): Promise<Json>
  /** Asks the provider where the upload stands. Resolves to the result if it is complete already. */
  locate(session: Json, stop: AbortSignal, patience: Patience): Promise<ProviderResult | undefined>
  /** Sends what is missing. Resolves to the result if it turned out to be complete. */
  send(session: Json, stop: AbortSignal): Promise<ProviderResult | undefined>
  complete(session: Json, digest: Digest | undefined, call: Call): Promise<ProviderResult>
}

export interface CourseOptions {
  /** Part or chunk size that was asked for. */
  readonly partSize: number | undefined
  /** How the body was cut when the session began. */
  readonly plan: TokenPlan | undefined
}

export function courseOf(transfer: Transfer, driver: Driver, options: CourseOptions): Course {
  return driver.shape === 'parts'
    ? partsCourse(transfer, driver, options)
    : lanesCourse(transfer, driver, options)
}

function partsCourse(
  transfer: Transfer,
  driver: PartsDriver,
  { partSize: wanted, plan }: CourseOptions,
): Course {
  if (plan && plan.shape !== 'parts') throw wrongShape()
  const { intent } = transfer
  const partSize = plan?.partSize ?? planPartSize(intent.size, driver.part, wanted)
  let held: Held = new Map(plan?.parts?.map((part) => [part.number, part]))
  return {
    plan: () => ({
      shape: 'parts',
      partSize,
      // A provider that can be asked is asked; only for one that cannot must the token remember.
      ...(driver.probe ? {} : { parts: [...held.values()] }),
    }),
    begin: (call) => driver.begin(intent, partSize, call),
    locate: async (session, stop, patience) => {
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

function lanesCourse(transfer: Transfer, driver: OffsetDriver, { partSize, plan }: CourseOptions): Course {
  if (plan && plan.shape !== 'offset') throw wrongShape()
  const { intent, concurrency } = transfer
  const lanes = plan
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
        land()
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

function wrongShape(): FilesError {
  return new FilesError('SessionGone', 'the session token was made by a provider of another shape')
}
