import type { UploadIntent } from '../driver.ts'
import { FilesError } from '../errors.ts'

/** For providers that keep no empty files. @throws FilesError `NotSupported` */
export function refuseEmpty(provider: string, { key, size }: UploadIntent): void {
  if (size > 0) return
  throw new FilesError(
    'NotSupported',
    `${provider} keeps no empty files: ${JSON.stringify(key)} has no bytes`,
  )
}
