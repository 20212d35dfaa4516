/**
 * One upload from beginning to end: the session is begun or taken up again, what is missing is sent, the
 * provider completes, the outcome is told once.
 */
import { deskOf, type UploadControl } from '../control.ts'
import type { Driver, ProviderResult, UploadIntent } from '../driver.ts'
import { abortedError, FilesError } from '../errors.ts'
import type { Json } from '../json.ts'
import type { SessionToken } from '../session.ts'
import { WHOLE } from './block.ts'
import type { Budget } from './budget.ts'
import { type Course, courseOf } from './course.ts'
import { finish } from './finish.ts'
import type { Grid } from './grid.ts'
import { Pace } from './pace.ts'
import { Progress, type UploadProgress } from './progress.ts'
import type { Retry, RetryPolicy } from './retry.ts'
import type { Source } from './source.ts'
import { insist, patienceOf, type Transfer, unhurried } from './transfer.ts'
import type { Verify } from './verify.ts'

export interface UploadJob {
  readonly driver: Driver
  readonly provider: string
  readonly place: string
  readonly intent: UploadIntent
  readonly source: Source
  readonly control: UploadControl
  readonly partSize: number | undefined
  readonly concurrency: number
  readonly verify: Verify
  readonly policy: RetryPolicy
  readonly idleTimeout: number
  readonly signals: readonly AbortSignal[]
  /** Whether anyone can take a token: only then a sample of the body is read for it. */
  readonly resumable: boolean
  readonly onProgress: ((progress: UploadProgress) => void) | undefined
  readonly onRetry: (retry: Retry) => void
  /** Keeps the token; awaited before the first byte goes out. */
  readonly persist: (() => Promise<void>) | undefined
}

/** Memory for whole pieces of one upload, in bytes. */
const MEMORY = 64 * 1024 * 1024

/** Runs the upload of a claimed control, and tells the control its outcome. */
export async function runUpload(job: UploadJob): Promise<ProviderResult> {
  const { driver, intent } = job
  const desk = deskOf(job.control)
  const { token } = desk
  const stop = AbortSignal.any([desk.aborted, ...job.signals])
  const bare: Transfer = {
    ...job,
    desk,
    grid: undefined,
    pace: new Pace(() => desk.maxBytesPerSecond),
    progress: new Progress(desk, intent.size, job.onProgress),
    memory: undefined,
  }
  let session: Json | undefined
  // What is known of the session is kept whatever happens next: only so can it be discarded, or resumed.
  const keep = (made: Json) => {
    session = made
  }
  try {
    // Loaded only where somebody can have or ask for a token.
    const tokens = job.resumable || token ? await import('./token.ts') : undefined
    if (token && tokens) keep(tokens.adopt(job, token))
    const grid = await gridFor(job, token)
    const transfer: Transfer = { ...bare, grid, memory: await memoryFor(job) }
    await desk.ready(stop)
    if (driver.prepare)
      await insist(transfer, stop, patienceOf(transfer, stop), async (call) => driver.prepare?.(call))
    const single = driver.shape === 'parts' && !token ? driver.single : undefined
    let result: ProviderResult
    if (single && intent.size <= single.max) {
      result = await (await import('./single.ts')).putWhole(transfer, single, stop)
    } else {
      const course = await courseOf(transfer, { partSize: job.partSize, plan: token?.plan })
      const verified = () => {
        desk.snapshot =
          tokens && (() => (session === undefined ? undefined : tokens.tokenOf(job, grid, course, session)))
      }
      if (!token) verified()
      let at = session
      let found: ProviderResult | undefined
      if (token && at !== undefined) {
        const { goOn } = await import('./go-on.ts')
        found = await goOn(job, transfer, course, token, at, stop, verified)
      } else at = await begin(job, transfer, course, stop, keep)
      result = await finish(transfer, course, at, stop, found)
    }
    desk.finish('completed')
    return result
  } catch (thrown) {
    if (!desk.aborted.aborted) {
      desk.finish(stop.aborted ? 'aborted' : 'error')
      throw stop.aborted ? abortedError('the upload', stop.reason) : FilesError.wrap(thrown)
    }
    const given = session
    session = desk.token = undefined
    const complete = await (await import('./discard.ts')).discard(bare, given)
    if (complete) return complete
    throw abortedError('the upload', desk.aborted.reason)
  }
}

/** Kept account of where the pieces in flight could hold more together than they may. */
async function memoryFor({ concurrency }: UploadJob): Promise<Budget | undefined> {
  return concurrency * WHOLE > MEMORY ? new (await import('./budget.ts')).Budget(MEMORY) : undefined
}

/** The grid, if anybody can ask for a token or if the provider will report a digest. */
async function gridFor(
  { driver, intent, resumable }: UploadJob,
  token: SessionToken | undefined,
): Promise<Grid | undefined> {
  if (!resumable && !token && driver.digest === undefined) return undefined
  const { Grid } = await import('./grid.ts')
  return new Grid(intent.size, token?.body.size === intent.size ? token.body.cells : [])
}

/** Begins a session. `made` hears of it before anything else can fail, so that it is never forgotten. */
async function begin(
  job: UploadJob,
  transfer: Transfer,
  course: Course,
  stop: AbortSignal,
  made: (session: Json) => void,
): Promise<Json> {
  if (job.resumable && transfer.grid) {
    transfer.desk.enter('verifying')
    const { fingerprint } = await import('./verify.ts')
    await fingerprint(job.source, transfer.grid, stop)
  }
  stop.throwIfAborted()
  const patience = patienceOf(transfer, stop)
  let session: Json | undefined
  while (session === undefined) {
    try {
      session = await unhurried(transfer, stop, (call) => course.begin(call))
    } catch (error) {
      stop.throwIfAborted()
      await patience.after(error, stop)
    }
  }
  made(session)
  transfer.desk.tell('session')
  // Not tried again: another session would leave this one to nobody.
  await job.persist?.()
  return session
}
