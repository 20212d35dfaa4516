/**
 * What a provider adapter offers. `Files` checks capabilities before it calls, so an adapter implements only
 * what its provider can do.
 */
import type { Driver, UploadCondition, UploadIntent } from './driver.ts'
import type { UploadOptions } from './options.ts'
import type { StoredFile } from './stored-file.ts'

/** A range of bytes; both ends are included, as in an HTTP `Range`. */
export interface ByteRange {
  readonly start: number
  readonly end?: number
}

export interface AdapterCall {
  readonly signal: AbortSignal
}

export interface ListQuery {
  readonly prefix?: string
  readonly cursor?: string
  /** Most items a page. */
  readonly limit?: number
  /** Keys are folded into `prefixes` at this boundary. */
  readonly delimiter?: string
}

export interface ListPage {
  readonly items: readonly StoredFile[]
  readonly prefixes?: readonly string[]
  readonly cursor?: string
}

export interface UrlQuery {
  /** Seconds. */
  readonly expiresIn?: number
  readonly responseContentDisposition?: string
}

export interface SignUploadQuery {
  /** Seconds. */
  readonly expiresIn: number
  readonly contentType?: string
  /** Bytes. */
  readonly maxSize?: number
  readonly minSize?: number
}

/** A request that uploads without credentials of one's own. */
export type SignedUpload =
  | { readonly method: 'PUT'; readonly url: string; readonly headers?: Record<string, string> }
  | { readonly method: 'POST'; readonly url: string; readonly fields: Record<string, string> }

/** Operations besides uploading. What is absent is `NotSupported`. */
export interface AdapterOperations {
  download?(key: string, range: ByteRange | undefined, call: AdapterCall): Promise<StoredFile>
  head?(key: string, call: AdapterCall): Promise<StoredFile>
  /** What is not there counts as deleted; saying `NotFound` of it is as good. */
  delete?(key: string, call: AdapterCall): Promise<void>
  copy?(from: string, to: string, call: AdapterCall): Promise<void>
  /** Absent: copied, then deleted. */
  move?(from: string, to: string, call: AdapterCall): Promise<void>
  list?(query: ListQuery, call: AdapterCall): Promise<ListPage>
  url?(key: string, query: UrlQuery, call: AdapterCall): Promise<string>
  signedUploadUrl?(key: string, query: SignUploadQuery, call: AdapterCall): Promise<SignedUpload>
}

/** What a provider can do beyond the operations it implements. */
export interface AdapterTraits {
  readonly rangeRead?: boolean
  readonly delimiter?: boolean
  readonly metadata?: boolean
  readonly cacheControl?: boolean
  readonly conditions?: readonly UploadCondition['type'][]
  readonly serverSideCopy?: boolean
  /** `url` gives access that the object itself does not grant. */
  readonly signedUrls?: boolean
  /** Longest life of a signed URL in seconds, where there is a limit. */
  readonly maxExpiresIn?: number
  /** Fewest bytes of a body, where the provider keeps no empty files: `driver` refuses what is less. */
  readonly minSize?: number
  /** `upload` takes a `control`. Default true; false for an adapter with {@link Adapter.checkUpload}. */
  readonly multipart?: boolean
  /** Whether the session of an upload outlives the process. */
  readonly resumable?: boolean
}

export interface Adapter<Raw = unknown> extends AdapterOperations {
  readonly name: string
  /** Which endpoint, bucket or folder; compared with the one in a session token. */
  readonly place: string
  /** The provider's own client, for what this package does not cover. */
  readonly raw: Raw
  readonly traits: AdapterTraits
  /** Looks at the options of an upload before anything else happens. @throws FilesError `NotSupported` */
  checkUpload?(options: UploadOptions): void
  /** @throws FilesError `InvalidKey` if the provider cannot store the key, `NotSupported` for such a body. */
  driver(intent: UploadIntent): Driver
}
