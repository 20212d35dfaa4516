import type { Call } from '../driver.ts'
import { attempt, graceful } from './attempt.ts'
import type { Transfer } from './transfer.ts'

/** How long a call whose outcome matters is waited for after an abort, in milliseconds. */
const GRACE = 10_000

/** A call whose outcome matters more than haste: an abort waits for it a while, so that nothing is forgotten. */
export async function unhurried<T>(
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
