/** What S3 answers when something goes wrong, in the words of a store. */
import { S3ServiceException } from '@aws-sdk/client-s3'
import { StoreError, type StoreErrorCode } from '../blob-store.ts'

/** @param what - was to be done: begins the message */
export function asStoreError(what: string, error: unknown): StoreError {
  if (error instanceof StoreError) return error
  const why = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  return new StoreError(codeOf(error), `could not ${what}: ${why}`, error)
}

function codeOf(error: unknown): StoreErrorCode {
  if (isMissing(error)) return 'missing'
  if (!(error instanceof S3ServiceException)) return 'unavailable'
  if (error.$metadata.httpStatusCode === 507 || error.name === 'QuotaExceeded') return 'no-space'
  return error.name === 'InvalidRange' ? 'damaged' : 'unavailable'
}

/** No object of that key. A bucket that is not there is something else: nothing is known to be missing then. */
export function isMissing(error: unknown): boolean {
  if (!(error instanceof S3ServiceException) || error.name === 'NoSuchBucket') return false
  // The answer to a HEAD has no body that could name the error.
  return error.name === 'NoSuchKey' || (error.name === 'NotFound' && error.$metadata.httpStatusCode === 404)
}

/** The multipart upload was completed or aborted. Ceph says NoSuchKey to some requests for one that is gone. */
export function isEnded(error: unknown): boolean {
  return error instanceof S3ServiceException && (error.name === 'NoSuchUpload' || isMissing(error))
}

/** The server does not know what was asked of it. */
export function isUnknown(error: unknown): boolean {
  return error instanceof S3ServiceException && error.$metadata.httpStatusCode === 501
}

/** Of a call that failed: what it named is not there any more, be it an object or a multipart upload. */
export function wasGone(error: unknown): boolean {
  return error instanceof StoreError && (error.code === 'missing' || isEnded(error.cause))
}

/** Of completing: the parts that were named are not those that are there. */
export function isRefusedPart(error: unknown): boolean {
  return (
    error instanceof StoreError &&
    error.cause instanceof S3ServiceException &&
    error.cause.name === 'InvalidPart'
  )
}
