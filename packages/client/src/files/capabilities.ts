/** What a `Files` can do, to branch on before calling. */
import type { Adapter, AdapterOperations } from '../adapter.ts'
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
  /** Fewest bytes of a file: 1 where the provider keeps no empty ones. */
  readonly minSize: number
  readonly signedUrl: { readonly supported: boolean; readonly maxExpiresIn?: number }
  /** Uploads that overwrite nothing, or only one version. */
  readonly conditional: { readonly create: boolean; readonly replace: boolean }
}

export function capabilitiesOf({ traits, ...adapter }: Adapter): Capabilities {
  const { maxExpiresIn, conditions = [] } = traits
  const has = (name: keyof AdapterOperations) => adapter[name] !== undefined
  const is = (name: 'rangeRead' | 'delimiter' | 'metadata' | 'cacheControl' | 'serverSideCopy') =>
    traits[name] ?? false
  return {
    download: has('download'),
    head: has('head'),
    delete: has('delete'),
    copy: has('copy'),
    move: has('move') || (has('copy') && has('delete')),
    list: has('list'),
    url: has('url'),
    signedUploadUrl: has('signedUploadUrl'),
    rangeRead: is('rangeRead'),
    uploadProgress: true,
    delimiter: is('delimiter'),
    metadata: is('metadata'),
    cacheControl: is('cacheControl'),
    multipart: traits.multipart ?? true,
    resumable: traits.resumable ?? true,
    serverSideCopy: is('serverSideCopy'),
    minSize: traits.minSize ?? 0,
    signedUrl: {
      supported: traits.signedUrls ?? false,
      ...(maxExpiresIn === undefined ? {} : { maxExpiresIn }),
    },
    conditional: { create: conditions.includes('create'), replace: conditions.includes('replace') },
  }
}

/** @throws FilesError `NotSupported` */
export function need(provider: string, what: string, has: boolean): void {
  if (!has) throw new FilesError('NotSupported', `${provider} cannot do this: ${what}`)
}
