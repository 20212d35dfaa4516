import { UploadControl } from '../control.ts'
import { FilesError } from '../errors.ts'
import type { Files } from '../files.ts'
import type { SessionToken } from '../session.ts'

/** Tells the provider that an upload is over without the file, which may not be there any more. @throws FilesError */
export async function giveUp(files: Files, key: string, token: SessionToken | undefined): Promise<void> {
  if (token === undefined) return
  const control = UploadControl.from(token)
  control.pause()
  const body = { size: token.body.size, slice: () => new Uint8Array(0) }
  const ended = files.upload(key, body, { control }).catch((error: unknown) => error)
  await control.abort()
  const error = await ended
  if (error instanceof FilesError && !error.aborted) throw error
}
