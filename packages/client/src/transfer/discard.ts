import type { ProviderResult } from '../driver.ts'
import { FilesError } from '../errors.ts'
import type { Json } from '../json.ts'
import { attempt } from './attempt.ts'
import { patienceOf, type Transfer } from './transfer.ts'

/** Gives the session up, if there is one, and tells the outcome. Resolves to the result if the last byte was quicker. */
export async function discard(
  transfer: Transfer,
  session: Json | undefined,
): Promise<ProviderResult | undefined> {
  const { desk, driver, idleTimeout } = transfer
  const never = new AbortController().signal
  const patience = patienceOf(transfer, never)
  let complete: ProviderResult | undefined
  const found = (result: ProviderResult) => {
    complete = result
  }
  for (;;) {
    try {
      if (session !== undefined)
        await attempt({ idleTimeout, stop: never }, (call) => driver.discard(session, call, found))
      desk.finish(complete ? 'completed' : 'aborted')
      return complete
    } catch (error) {
      try {
        await patience.after(error, never)
      } catch (final) {
        desk.finish('aborted', FilesError.wrap(final))
        return undefined
      }
    }
  }
}
