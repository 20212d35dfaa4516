import type { SignedUpload } from '../adapter.ts'
import type { Files } from '../files.ts'
import type {
  DownloadOptions,
  OperationOptions,
  SignUploadOptions,
  UploadOptions,
  UploadResult,
  UrlOptions,
} from '../options.ts'
import type { StoredFile } from '../stored-file.ts'
import type { Body } from '../transfer/source.ts'

/** One key of a `Files`. */
export interface FileHandle {
  readonly key: string
  upload(body: Body, options?: UploadOptions): Promise<UploadResult>
  download(options?: DownloadOptions): Promise<StoredFile>
  head(options?: OperationOptions): Promise<StoredFile>
  exists(options?: OperationOptions): Promise<boolean>
  delete(options?: OperationOptions): Promise<void>
  url(options?: UrlOptions): Promise<string>
  signedUploadUrl(options: SignUploadOptions): Promise<SignedUpload>
  copyTo(destinationKey: string, options?: OperationOptions): Promise<void>
  copyFrom(sourceKey: string, options?: OperationOptions): Promise<void>
  moveTo(destinationKey: string, options?: OperationOptions): Promise<void>
  moveFrom(sourceKey: string, options?: OperationOptions): Promise<void>
}

export function fileHandle(files: Files, key: string): FileHandle {
  return {
    key,
    upload: (body, options) => files.upload(key, body, options),
    download: (options) => files.download(key, options),
    head: (options) => files.head(key, options),
    exists: (options) => files.exists(key, options),
    delete: (options) => files.delete(key, options),
    url: (options) => files.url(key, options),
    signedUploadUrl: (options) => files.signedUploadUrl(key, options),
    copyTo: (to, options) => files.copy(key, to, options),
    copyFrom: (from, options) => files.copy(from, key, options),
    moveTo: (to, options) => files.move(key, to, options),
    moveFrom: (from, options) => files.move(from, key, options),
  }
}
