/** Whether a request to an upload that takes no more bytes brings any: then its answer cannot be a repeated one. */
import type { AppendRequest } from './append.ts'

/** How long a body of unknown size that nobody needs may take to show whether there is anything in it. */
const FIRST_BYTE_MS = 10_000

/** A body that does not declare its size is read until it shows. */
export async function brings({ declared, open, signal }: AppendRequest): Promise<boolean> {
  if (declared !== undefined) return declared > 0
  const body = open()
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(FIRST_BYTE_MS)])
  if (deadline.aborted) return true
  return new Promise((resolve) => {
    const settle = (content: boolean): void => {
      body.pause()
      body.off('data', some).off('end', none).off('close', none).off('error', none)
      deadline.removeEventListener('abort', some)
      resolve(content)
    }
    const some = (): void => settle(true)
    const none = (): void => settle(false)
    body.on('data', some).on('end', none).on('close', none).on('error', none)
    deadline.addEventListener('abort', some)
  })
}
