/**
 * One upload from beginning to end: the session is begun or taken up again, what is missing is sent, the
 * provider completes, the outcome is told once.
 */
import { deskOf, type UploadControl } from '../control.ts'
import type { Driver, ProviderResult, UploadIntent } from '../driver.ts'
import { abortedError, FilesError } from '../errors.ts'
import type { Json } from '../json.ts'
import type { SessionToken } from '../session.ts'
import { Budget } from './budget.ts'
import { type Course, courseOf } from './course.ts'
import { finish, proved } from './finish.ts'
import type { Grid } from './grid.ts'
import { Pace } from './pace.ts'
import { Progress, type UploadProgress } from './progress.ts'
import type { Retry, RetryPolicy } from './retry.ts'
import type { Source } from './source.ts'
import { adopt, tokenOf } from './token.ts'
import { insist, patienceOf, type Transfer, wholeDigest } from './transfer.ts'
import { unhurried } from './unhurried.ts'
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
  const { driver, intent, source } = job
  const desk = deskOf(job.control)
  const { token } = desk
  const stop = AbortSignal.any([desk.aborted, ...job.signals])
  const bare: Transfer = {
    ...job,
    desk,
    grid: undefined,
    running: undefined,
    pace: new Pace(() => desk.maxBytesPerSecond),
    progress: new Progress(desk, intent.size, job.onProgress),
    memory: new Budget(MEMORY),
  }
  let session: Json | undefined
  // What is known of the session is kept whatever happens next: only so can it be discarded, or resumed.
  const keep = (made: Json) => {
    session = made
  }
  try {
    if (token) keep(adopt(job, token))
    const grid = await gridFor(job, token)
    const transfer: Transfer = {
      ...bare,
      grid,
      running: driver.digest && (await import('./running.ts')).runningDigest(driver.digest),
    }
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
        desk.snapshot = () => (session === undefined ? undefined : tokenOf(job, grid, course, session))
      }
      if (!token) verified()
      result =
        token && session !== undefined
          ? await goOn(job, transfer, course, token, session, stop, verified)
          : await finish(transfer, course, await begin(job, transfer, course, stop, keep), stop)
    }
    desk.finish('completed')
    return result
  } catch (thrown) {
    if (!desk.aborted.aborted) {
      desk.finish(stop.aborted ? 'aborted' : 'error')
      throw stop.aborted ? abortedError('the upload', stop.reason) : FilesError.wrap(thrown)
    }
    const given = session
    session = undefined
    const failure =
      given === undefined ? undefined : await (await import('./discard.ts')).discard(bare, given)
    desk.finish('aborted', failure)
    throw abortedError('the upload', desk.aborted.reason)
  } finally {
    await source.close?.()
  }
}

/** The grid, if anybody can ask for a token or if the provider will report a digest. */
async function gridFor(
  { driver, intent, resumable }: UploadJob,
  token: SessionToken | undefined,
): Promise<Grid | undefined> {
  if (!resumable && !token && driver.digest !== 'crc32') return undefined
  const { Grid } = await import('./grid.ts')
  return new Grid(intent.size, token?.body.size === intent.size ? token.body.cells : [])
}

/**
 * Goes on with a token: the body is proved first, then the provider asked, then what is missing sent.
 * @param verified Until then the token stays as it was: one made of a wrong body would let that body pass next time.
 */
async function goOn(
  job: UploadJob,
  transfer: Transfer,
  course: Course,
  token: SessionToken,
  session: Json,
  stop: AbortSignal,
  verified: () => void,
): Promise<ProviderResult> {
  transfer.desk.enter('verifying')
  const { verifyBody } = await import('./verify.ts')
  if (transfer.grid) await verifyBody(job.source, token, transfer.grid, job.verify, stop)
  verified()
  const found = await course.locate(session, stop, patienceOf(transfer, stop))
  if (found) return proved(transfer, found, await wholeDigest(transfer, { signal: stop }), stop)
  return finish(transfer, course, session, stop)
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
  for (;;) {
    try {
      const session = await unhurried(transfer, stop, (call) => course.begin(call))
      made(session)
      transfer.desk.tell('session')
      await job.persist?.()
      return session
    } catch (error) {
      stop.throwIfAborted()
      await patience.after(error, stop)
    }
  }
}
