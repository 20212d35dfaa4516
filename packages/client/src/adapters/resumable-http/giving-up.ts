/** Uploads of which nothing more will come: the server is told, so that it need not keep them. Section "State". */
import type { Call } from '../../driver.ts'
import { FilesError } from '../../errors.ts'
import { checkSize, type Known } from './limits.ts'
import type { ResumableWire } from './wire.ts'

export interface GivingUp {
  /** Ends what is under way, cancels the upload as well as can be, and throws `why`. */
  giveUp(url: string, call: Call, why: FilesError): Promise<never>
  /** Gives up what the server does not take whole. @throws FilesError `QuotaExceeded` */
  heed(url: string, size: number, call: Call): Promise<void>
  /** The offset; one that the body does not have makes the upload a failure. @throws FilesError `Corrupted` */
  within(url: string, offset: number, size: number, call: Call): Promise<number>
}

/** @param shut - ends a request that still waits for its bytes */
export function givingUp(wire: ResumableWire, known: Known, shut: () => void): GivingUp {
  async function giveUp(url: string, call: Call, why: FilesError): Promise<never> {
    shut()
    // What it cannot be told expires by itself.
    await wire.send({ method: 'DELETE', url }, call).catch(() => {})
    throw why
  }

  return {
    giveUp,
    heed: async (url, size, call) => {
      try {
        checkSize(size, known)
      } catch (error) {
        await giveUp(url, call, FilesError.wrap(error))
      }
    },
    within: async (url, offset, size, call) => {
      if (offset <= size) return offset
      const message = `the server claims to have ${offset} bytes of a body of ${size}`
      return giveUp(url, call, new FilesError('Corrupted', message, undefined, { retryable: false }))
    },
  }
}
