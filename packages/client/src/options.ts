/** Options of the calls on `Files`. Names and meanings follow files-sdk where it has them. */
import type { ByteRange, ListQuery, SignUploadQuery, UrlQuery } from './adapter.ts'
import type { UploadControl } from './control.ts'
import type { Digest } from './digest.ts'
import type { UploadCondition } from './driver.ts'
import type { FilesError } from './errors.ts'
import type { StoredFile } from './stored-file.ts'
import type { SessionStore } from './stores/session-store.ts'
import type { UploadProgress } from './transfer/progress.ts'
import type { RetryOptions } from './transfer/retry.ts'
import type { Body } from './transfer/source.ts'
import type { Verify } from './transfer/verify.ts'

export interface OperationOptions {
  /** Ends the call. An upload's session is kept: it can be resumed with the token. */
  readonly signal?: AbortSignal
  /**
   * Milliseconds an attempt may take; 0 for no limit. For uploads it is the longest silence instead, without a
   * byte moved (default 60,000): the total duration of an upload has no limit.
   */
  readonly timeout?: number
  /** How often a failed call is tried again. Uploads: 8 times without progress in between; else 3. */
  readonly retries?: RetryOptions
}

export interface MultipartOptions {
  /** Bytes per part or chunk. Made to fit the provider's rules; without it, the size adapts where it may. */
  readonly partSize?: number
  /** How many parts are sent side by side. Default 4. */
  readonly concurrency?: number
}

export interface UploadOptions extends OperationOptions {
  readonly contentType?: string
  readonly cacheControl?: string
  readonly metadata?: Record<string, string>
  /** Overwrite nothing (`create`), or only the version with this ETag (`replace`). */
  readonly condition?: UploadCondition
  readonly multipart?: boolean | MultipartOptions
  /** Pause, resume, abort, and the token. */
  readonly control?: UploadControl
  /** Where tokens rest: an upload that was interrupted is found, taken up and cleared by itself. */
  readonly resume?: SessionStore
  /**
   * How the body is compared with a token, default `sampled`. With `full` a SHA digest that the provider reports
   * is compared too, at the price of reading the body once more.
   */
  readonly verify?: Verify
  /** Bytes a second. `control.maxBytesPerSecond` changes it while the upload runs. */
  readonly maxBytesPerSecond?: number
  readonly onProgress?: (progress: UploadProgress) => void
}

export interface UploadResult {
  readonly key: string
  readonly size: number
  readonly contentType: string
  readonly etag?: string
  /** The provider's digest of the object, compared with ours where both are known. */
  readonly digest?: Digest
  /** tus: the upload's URL. */
  readonly url?: string
}

export interface DownloadOptions extends OperationOptions {
  readonly range?: ByteRange
  /** Accepted for files-sdk's sake: the content is never read before it is asked for. */
  readonly as?: 'blob' | 'stream'
}

export type ListOptions = OperationOptions & ListQuery
export type UrlOptions = OperationOptions & UrlQuery
export type SignUploadOptions = OperationOptions & SignUploadQuery

export interface ListResult {
  readonly items: StoredFile[]
  readonly prefixes?: string[]
  readonly cursor?: string
}

/** Options of the array forms. */
export interface BulkOptions extends OperationOptions {
  /** How many at a time. Default 8; 1 with `stopOnError`. */
  readonly concurrency?: number
  /** Stop at the first failure instead of collecting failures. */
  readonly stopOnError?: boolean
}

export interface BulkError {
  readonly key: string
  readonly error: FilesError
}

export interface UploadManyItem {
  readonly key: string
  readonly body: Body
  readonly contentType?: string
  readonly cacheControl?: string
  readonly metadata?: Record<string, string>
  readonly multipart?: boolean | MultipartOptions
}

export interface UploadManyOptions extends BulkOptions {
  readonly resume?: SessionStore
  readonly verify?: Verify
  readonly onProgress?: (progress: UploadProgress & { readonly key: string }) => void
}

export interface UploadManyResult {
  readonly uploaded: UploadResult[]
  readonly errors?: BulkError[]
}

export interface DownloadManyResult {
  readonly downloaded: StoredFile[]
  readonly errors?: BulkError[]
}

export interface HeadManyResult {
  readonly files: StoredFile[]
  readonly errors?: BulkError[]
}

export interface ExistsManyResult {
  readonly existing: string[]
  readonly missing: string[]
  readonly errors?: BulkError[]
}

export interface DeleteManyResult {
  readonly deleted: string[]
  readonly errors?: BulkError[]
}
