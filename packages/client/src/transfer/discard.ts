import { FilesError } from '../errors.ts'
import type { Json } from '../json.ts'
import { attempt } from './attempt.ts'
import { patienceOf, type Transfer } from './transfer.ts'

/** Gives the session up. Resolves to the error if the provider could not be told. */
export async function discard(transfer: Transfer, session: Json): Promise<FilesError | undefined> {
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
