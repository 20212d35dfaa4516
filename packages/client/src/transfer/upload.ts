/**
 * One upload from beginning to end: the session is begun or taken up again, what is missing is sent, the
 * provider completes, the outcome is told once.
 */
import { deskOf, type UploadControl } from '../control.ts'
import type { Digest } from '../digest.ts'
import type { Call, Driver, ProviderResult, UploadIntent } from '../driver.ts'
import { abortedError, FilesError } from '../errors.ts'
import type { Json } from '../json.ts'
import { type SessionToken, wrongPlace } from '../session.ts'
import { attempt, graceful } from './attempt.ts'
import { Budget } from './budget.ts'
import { type Course, courseOf } from './course.ts'
import { Grid } from './grid.ts'
import { Pace } from './pace.ts'
import { payloadFor } from './payload.ts'
import { Progress, type UploadProgress } from './progress.ts'
import type { Retry, RetryPolicy } from './retry.ts'
import type { Source } from './source.ts'
import { insist, patienceOf, type Transfer } from './transfer.ts'
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
/** How long a call whose outcome matters is waited for after an abort, in milliseconds. */
const GRACE = 10_000

/** Runs the upload of a claimed control, and tells the control its outcome. */
export async function runUpload(job: UploadJob): Promise<ProviderResult> {
  const desk = deskOf(job.control)
  const { token } = desk
  const stop = AbortSignal.any([desk.aborted, ...job.signals])
  const grid = new Grid(job.intent.size, token?.body.size === job.intent.size ? token.body.cells : [])
  const transfer: Transfer = {
    ...job,
    desk,
    grid,
    pace: new Pace(() => desk.maxBytesPerSecond),
    progress: new Progress(desk, job.intent.size, job.onProgress),
    memory: new Budget(MEMORY),
  }
  let session: Json | undefined
  try {
    if (token) session = adopt(job, token)
    await desk.ready(stop)
    if (job.driver.prepare) await prepare(transfer, stop)
    const course = courseOf(transfer, job.driver, { partSize: job.partSize, plan: token?.plan })
    desk.snapshot = () => (session === undefined ? undefined : tokenOf(job, grid, course, session))
    const whole = token ? undefined : await putWhole(transfer, stop)
    if (whole) {
      desk.finish('completed')
      return whole
    }
    const found =
      token && session !== undefined ? await takeUp(job, transfer, course, token, session, stop) : undefined
    session ??= await begin(job, transfer, course, stop, (made) => {
      session = made
    })
    const result = found ?? (await finish(transfer, course, session, stop))
    desk.finish('completed')
    return result
  } catch (thrown) {
    if (!desk.aborted.aborted) {
      desk.finish(stop.aborted ? 'aborted' : 'error')
      throw stop.aborted ? abortedError('the upload', stop.reason) : FilesError.wrap(thrown)
    }
    const given = session
    session = undefined
    desk.finish('aborted', given === undefined ? undefined : await discard(transfer, given))
    throw abortedError('the upload', desk.aborted.reason)
  } finally {
    await job.source.close?.()
  }
}

async function prepare(transfer: Transfer, stop: AbortSignal): Promise<void> {
  await insist(transfer, stop, patienceOf(transfer, stop), async (call) => transfer.driver.prepare?.(call))
}

/** A small body in one request, where the provider takes it so. There is no session to keep or to leak. */
async function putWhole(transfer: Transfer, stop: AbortSignal): Promise<ProviderResult | undefined> {
  const { driver, intent, desk, progress } = transfer
  if (driver.shape !== 'parts' || driver.single === undefined || intent.size > driver.single.max)
    return undefined
  const { single } = driver
  const patience = patienceOf(transfer, stop)
  desk.enter('sending')
  progress.acknowledged(0)
  for (;;) {
    try {
      await desk.ready(stop)
      const result = await unhurried(transfer, stop, async (call) => {
        const { payload, land } = payloadFor(transfer, 0, intent.size, call)
        try {
          return await single.put(intent, payload, call)
        } finally {
          land()
        }
      })
      progress.acknowledged(intent.size)
      return result
    } catch (error) {
      stop.throwIfAborted()
      await patience.after(error, stop)
    }
  }
}

/** Reads the token's session. It must be for the very place and key that this upload is for. */
function adopt({ driver, provider, place, intent }: UploadJob, token: SessionToken): Json {
  if (token.provider !== provider) throw wrongPlace('provider', token.provider, provider)
  if (token.place !== place) throw wrongPlace('place', token.place, place)
  if (token.key !== intent.key) throw wrongPlace('key', token.key, intent.key)
  return driver.adopt(token.session)
}

function tokenOf(job: UploadJob, grid: Grid, course: Course, session: Json): SessionToken {
  const { provider, place, intent, source } = job
  return {
    pawl: 1,
    provider,
    place,
    key: intent.key,
    contentType: intent.contentType,
    body: {
      size: intent.size,
      ...(source.lastModified === undefined ? {} : { lastModified: source.lastModified }),
      cells: grid.toRuns(),
    },
    plan: course.plan(),
    session,
  }
}

/** Goes on with a token: the body is proved first, then the provider asked. */
async function takeUp(
  job: UploadJob,
  transfer: Transfer,
  course: Course,
  token: SessionToken,
  session: Json,
  stop: AbortSignal,
): Promise<ProviderResult | undefined> {
  transfer.desk.enter('verifying')
  const { verifyBody } = await import('./verify.ts')
  await verifyBody(job.source, token, transfer.grid, job.verify, stop)
  return course.locate(session, stop, patienceOf(transfer, stop))
}

/** Begins a session. `made` hears of it before anything else can fail, so that it is never forgotten. */
async function begin(
  job: UploadJob,
  transfer: Transfer,
  course: Course,
  stop: AbortSignal,
  made: (session: Json) => void,
): Promise<Json> {
  if (job.resumable) {
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

/** Sends what is missing and has the provider complete the object, until it says so. */
async function finish(
  transfer: Transfer,
  course: Course,
  session: Json,
  stop: AbortSignal,
): Promise<ProviderResult> {
  const { desk } = transfer
  const patience = patienceOf(transfer, stop)
  for (;;) {
    stop.throwIfAborted()
    desk.enter('sending')
    const sent = await course.send(session, stop)
    if (sent) return sent
    await desk.ready(stop)
    desk.enter('finishing')
    const digest = await wholeDigest(transfer)
    try {
      const result = await unhurried(transfer, stop, (call) => course.complete(session, digest, call))
      return proved(result, digest)
    } catch (error) {
      stop.throwIfAborted()
      await patience.after(error, stop)
    }
    // Whether it completed is unknown, and what it missed too: ask, then send or complete again.
    const found = await course.locate(session, stop, patience)
    if (found) return proved(found, digest)
  }
}

async function wholeDigest({ driver, grid, source }: Transfer): Promise<Digest | undefined> {
  if (driver.digest === undefined) return undefined
  const { digestBody } = await import('./whole.ts')
  return digestBody(source, grid, driver.digest)
}

function proved(result: ProviderResult, ours: Digest | undefined): ProviderResult {
  const theirs = result.digest
  if (ours === undefined || theirs?.algorithm !== ours.algorithm || theirs.value === ours.value) return result
  throw new FilesError(
    'Corrupted',
    `the provider holds ${theirs.algorithm} ${theirs.value}, the body has ${ours.value}; delete the object and upload it anew`,
  )
}

/** A call whose outcome matters more than haste: an abort waits for it a while, so that nothing is forgotten. */
async function unhurried<T>(
  transfer: Transfer,
  stop: AbortSignal,
  make: (call: Call) => Promise<T>,
): Promise<T> {
  const late = graceful(stop, GRACE)
  try {
    return await attempt({ idleTimeout: transfer.idleTimeout, stop: late.signal }, make)
  } finally {
    late.clear()
  }
}

/** Gives the session up. Resolves to the error if the provider could not be told. */
async function discard(transfer: Transfer, session: Json): Promise<FilesError | undefined> {
  const never = new AbortController().signal
  const patience = patienceOf(transfer, never)
  for (;;) {
    try {
      await attempt({ idleTimeout: transfer.idleTimeout, stop: never }, (call) =>
        transfer.driver.discard(session, call),
      )
      return undefined
    } catch (error) {
      try {
        await patience.after(error, never)
      } catch (final) {
        return FilesError.wrap(final)
      }
    }
  }
}
