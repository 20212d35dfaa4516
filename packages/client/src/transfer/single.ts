import type { PartsDriver, ProviderResult } from '../driver.ts'
import { proved, wholeDigest } from './finish.ts'
import { payloadFor } from './payload.ts'
import { patienceOf, type Transfer, unhurried } from './transfer.ts'

/** A small body in one request, where the provider takes it so. There is no session to keep or to leak. */
export async function putWhole(
  transfer: Transfer,
  single: NonNullable<PartsDriver['single']>,
  stop: AbortSignal,
): Promise<ProviderResult> {
  const { intent, desk, progress } = transfer
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
          land(false)
        }
      })
      progress.acknowledged(intent.size)
      return await proved(transfer, result, await wholeDigest(transfer, stop), stop)
    } catch (error) {
      stop.throwIfAborted()
      await patience.after(error, stop)
    }
  }
}
