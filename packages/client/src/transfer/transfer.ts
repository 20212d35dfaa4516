/** What the two shapes share: one upload under way. */
import type { Call, Driver, UploadIntent } from '../driver.ts'
import { FilesError } from '../errors.ts'
import { attempt, Cut } from './attempt.ts'
import type { Desk } from './desk.ts'
import type { Road } from './payload.ts'
import { Patience, type Retry, type RetryPolicy } from './retry.ts'
import type { Verify } from './verify.ts'

export interface Transfer extends Road {
  readonly desk: Desk
  readonly driver: Driver
  readonly intent: UploadIntent
  readonly policy: RetryPolicy
  /** Milliseconds of silence after which a call is ended. */
  readonly idleTimeout: number
  readonly concurrency: number
  readonly verify: Verify
  readonly onRetry: (retry: Retry) => void
  /** Keeps the token. */
  readonly persist: (() => Promise<void>) | undefined
}

/** One refresh for all who were refused at the same time. */
const refreshing = new WeakMap<Transfer, Promise<boolean>>()

export function patienceOf(transfer: Transfer, stop: AbortSignal): Patience {
  const { driver, policy, onRetry, idleTimeout } = transfer
  const refresh = async () => {
    if (driver.refresh === undefined) return false
    const running =
      refreshing.get(transfer) ??
      attempt({ idleTimeout, stop }, async (call) => (await driver.refresh?.(call)) ?? false)
    refreshing.set(transfer, running)
    try {
      return await running
    } finally {
      refreshing.delete(transfer)
    }
  }
  return new Patience(policy, refresh, onRetry)
}

/** Makes a call that may be repeated without harm until it answers. A pause does not end it. */
export async function insist<T>(
  transfer: Transfer,
  stop: AbortSignal,
  patience: Patience,
  make: (call: Call) => Promise<T>,
): Promise<T> {
  for (;;) {
    try {
      return await attempt({ idleTimeout: transfer.idleTimeout, stop }, make)
    } catch (error) {
      await patience.after(error, stop)
    }
  }
}

/** How long a call whose outcome matters is waited for after an abort, in milliseconds. */
const GRACE = 10_000

/** A call whose outcome matters more than haste: an abort waits for it a while, so that nothing is forgotten. */
export async function unhurried<T>(
  { idleTimeout }: Transfer,
  stop: AbortSignal,
  make: (call: Call) => Promise<T>,
): Promise<T> {
  const late = new AbortController()
  let timer: ReturnType<typeof setTimeout> | undefined
  const start = () => {
    timer = setTimeout(() => late.abort(stop.reason), GRACE)
  }
  if (stop.aborted) start()
  else stop.addEventListener('abort', start)
  try {
    return await attempt({ idleTimeout, stop: late.signal }, make)
  } finally {
    clearTimeout(timer)
    stop.removeEventListener('abort', start)
  }
}

/** Waits after a failed piece until it makes sense to go on: for a pause to end, or for the next try. */
export async function recover(
  transfer: Transfer,
  stop: AbortSignal,
  patience: Patience,
  error: unknown,
): Promise<void> {
  if (!(error instanceof Cut)) await patience.after(error, stop)
  await transfer.desk.ready(stop)
}

export function sessionGone(): FilesError {
  return new FilesError('SessionGone', 'the provider no longer knows this upload; start it anew')
}

/** Runs jobs side by side. The first failure stops the others at once; it is thrown when all have ended. */
export async function together(
  stop: AbortSignal,
  jobs: readonly ((stop: AbortSignal) => Promise<void>)[],
): Promise<void> {
  const failed = new AbortController()
  const either = AbortSignal.any([stop, failed.signal])
  let first: { readonly error: unknown } | undefined
  await Promise.all(
    jobs.map((job) =>
      job(either).catch((error: unknown) => {
        first ??= { error }
        failed.abort(error)
      }),
    ),
  )
  if (first) throw first.error
}
