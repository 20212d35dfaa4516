/** What a `Files` can do, to branch on before calling. */
import type { Adapter } from '../adapter.ts'
import { FilesError } from '../errors.ts'

export interface Capabilities {
  readonly download: boolean
  readonly head: boolean
  readonly delete: boolean
  readonly copy: boolean
  readonly move: boolean
  readonly list: boolean
  readonly url: boolean
  readonly signedUploadUrl: boolean
  /** `download({ range })`. */
  readonly rangeRead: boolean
  readonly uploadProgress: boolean
  readonly delimiter: boolean
  readonly metadata: boolean
  readonly cacheControl: boolean
  /** `upload({ control })`. */
  readonly multipart: boolean
  /** A token can be taken up by another process. */
  readonly resumable: boolean
  readonly serverSideCopy: boolean
  readonly signedUrl: { readonly supported: boolean; readonly maxExpiresIn?: number }
  /** Uploads that overwrite nothing, or only one version. */
  readonly conditional: { readonly create: boolean; readonly replace: boolean }
}

export function capabilitiesOf({ traits, ...adapter }: Adapter): Capabilities {
  const has = (operation: unknown) => operation !== undefined
  return {
    download: has(adapter.download),
    head: has(adapter.head),
    delete: has(adapter.delete),
    copy: has(adapter.copy),
    move: has(adapter.move) || (has(adapter.copy) && has(adapter.delete)),
    list: has(adapter.list),
    url: has(adapter.url),
    signedUploadUrl: has(adapter.signedUploadUrl),
    rangeRead: traits.rangeRead ?? false,
    uploadProgress: true,
    delimiter: traits.delimiter ?? false,
    metadata: traits.metadata ?? false,
    cacheControl: traits.cacheControl ?? false,
    multipart: true,
    resumable: traits.resumable ?? true,
    serverSideCopy: traits.serverSideCopy ?? false,
    signedUrl: {
      supported: traits.signedUrls ?? false,
      ...(traits.maxExpiresIn === undefined ? {} : { maxExpiresIn: traits.maxExpiresIn }),
    },
    conditional: {
      create: traits.conditions?.includes('create') ?? false,
      replace: traits.conditions?.includes('replace') ?? false,
    },
  }
}

/** @throws FilesError `NotSupported` */
export function need(provider: string, what: string, has: boolean): void {
  if (!has) throw new FilesError('NotSupported', `${provider} cannot do this: ${what}`)
}
