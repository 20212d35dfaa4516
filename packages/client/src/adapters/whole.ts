/**
 * Uploads to providers that take a file in one request and know no other way. Nothing can be paused or resumed
 * there, so nothing is promised: `upload({ control })` is refused before the body is looked at, and what breaks off
 * is sent again from its start.
 */
import type { Call, PartsDriver, Payload, ProviderResult, UploadIntent } from '../driver.ts'
import { FilesError } from '../errors.ts'
import { canStream } from '../http/http.ts'
import type { UploadOptions } from '../options.ts'
import { WHOLE } from '../transfer/block.ts'

/** What an adapter says of itself whose uploads are those of {@link wholeDriver}. */
export const WHOLE_TRAITS = { multipart: false, resumable: false } as const

/** For `checkUpload`. @throws FilesError `NotSupported` */
export function checkWhole(name: string): (options: UploadOptions) => void {
  return ({ control, resume }) => {
    if (control || resume)
      throw new FilesError(
        'NotSupported',
        `${name} takes a file in one request, which cannot be paused or resumed: upload without \`control\` and \`resume\`; a \`signal\` stops it`,
      )
  }
}

export interface WholeUpload {
  /** The most bytes that the provider takes. */
  readonly most: number
  readonly digest?: PartsDriver['digest']
  /** Safe to repeat: a second time it overwrites what the first one may have made. */
  put(payload: Payload, call: Call): Promise<ProviderResult>
  refresh?(): Promise<boolean>
}

export function wholeDriver(intent: UploadIntent, upload: WholeUpload): PartsDriver {
  const { size } = intent
  const what = `uploading ${JSON.stringify(intent.key)}`
  const { most, digest, refresh } = upload
  const never = (): never => {
    throw new FilesError('NotSupported', `${what}: a file goes in one request here, there is no session`)
  }

  return {
    shape: 'parts',
    part: { min: 1, max: most, maxCount: 1, maxSize: most, multiple: 1, preferred: most },
    single: {
      max: Number.POSITIVE_INFINITY,
      put: async (_intent, payload, call) => {
        if (size > most)
          throw new FilesError(
            'QuotaExceeded',
            `${what}: ${size} bytes are more than the ${most} it may have`,
          )
        if (size > WHOLE && !canStream())
          throw new FilesError(
            'NotSupported',
            `${what}: without Node, Bun or Deno a file in one request is held in memory, so it may have ${WHOLE} bytes`,
          )
        return upload.put(payload, call)
      },
    },
    begin: never,
    adopt: never,
    send: never,
    complete: never,
    discard: never,
    ...(digest && { digest }),
    ...(refresh && { refresh }),
  }
}
