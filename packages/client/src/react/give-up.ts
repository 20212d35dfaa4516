import { UploadControl } from '../control.ts'
import { FilesError } from '../errors.ts'
import type { Files } from '../files.ts'
import type { UploadResult } from '../options.ts'
import type { SessionToken } from '../session.ts'

/**
 * Tells the provider that an upload is over without the file, which may not be there any more.
 * Resolves to the result if the provider turns out to have all of it.
 * @throws FilesError
 */
export async function giveUp(
  files: Files,
  key: string,
  token: SessionToken | undefined,
): Promise<UploadResult | undefined> {
  if (token === undefined) return undefined
  const control = UploadControl.from(token)
  control.pause()
  const body = { size: token.body.size, slice: () => new Uint8Array(0) }
  const ended = files.upload(key, body, { control }).catch((error: unknown) => FilesError.wrap(error))
  await control.abort()
  const outcome = await ended
  if (!(outcome instanceof FilesError)) return outcome
  if (!outcome.aborted) throw outcome
  return undefined
}
