/** One shape of upload, as the orchestrator sees it: where it stands, and how it goes on. */
import type { Digest } from '../digest.ts'
import type { Call, ProviderResult } from '../driver.ts'
import type { Json } from '../json.ts'
import type { TokenPlan } from '../session.ts'
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

/** The course of a driver's shape. Only the shape that is used is loaded. */
export async function courseOf(transfer: Transfer, options: CourseOptions): Promise<Course> {
  const { driver } = transfer
  return driver.shape === 'parts'
    ? (await import('./parts-course.ts')).partsCourse(transfer, driver, options)
    : (await import('./lanes-course.ts')).lanesCourse(transfer, driver, options)
}
