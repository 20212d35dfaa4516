/**
 * Everything that can go wrong with an upload, as one closed set. Each face maps the codes to its wire in
 * one table.
 */

/** Outcomes of finishing that are final: they are stored, and a repeat of the last request gets them again. */
export type UploadFailure =
  | {
      readonly code: 'conflict' | 'bytes-lost' | 'digest-mismatch' | 'not-permitted' | 'past-end'
      readonly message: string
    }
  /** A hook of the operator said no; `status` is 400 to 499. */
  | { readonly code: 'rejected'; readonly status: number; readonly message: string }

/** `past-end` also: the request would go past the end of the upload. */
export type UploadErrorCode =
  | UploadFailure['code']
  /** No such upload, or not one that the caller may see. */
  | 'not-found'
  /** It expired, or finishing failed for good. */
  | 'gone'
  /** The request's offset is not where the upload stands; `offset` tells. */
  | 'offset-mismatch'
  /** Another request is writing and alive; `offset` tells how far it is. */
  | 'busy'
  /** All bytes are there and publishing has not ended yet. */
  | 'finishing'
  /** Over the limit for one upload; `limit` tells. */
  | 'too-large'
  /** A length was given that differs from the one already known, or lies below the offset. */
  | 'length-conflict'
  /** The bytes of this request do not have the checksum it named; none of them are kept. */
  | 'checksum-mismatch'
  /** A final upload is made of others: it takes no bytes itself. */
  | 'final'
  /** A partial upload that a final one names is not complete yet. */
  | 'partial-open'
  /** A partial upload that a final one names belongs to someone else. */
  | 'partial-foreign'
  /** What a final upload names is not a partial upload, or is no longer there. */
  | 'partial-unknown'
  /** It is complete and can no longer be changed. */
  | 'complete'
  /** More bytes than the owner or the bucket may hold. */
  | 'over-quota'
  /** The owner has as many unfinished uploads as one may have. */
  | 'too-many-open'
  /** As many transfers as the server may move at a time. */
  | 'overloaded'
  /** The disk is full, or would be. */
  | 'no-space'
  /** Catalog or blob store out of reach, or the server is closing: nothing was lost, try again. */
  | 'unavailable'

export interface UploadErrorDetails {
  /** Bytes accepted so far, where the caller may know them. */
  readonly offset?: number
  /** Bytes allowed. */
  readonly limit?: number
  /** The upload came to its end, and this is its outcome. */
  readonly outcome?: boolean
  /** HTTP status that a hook wants the client to see, 400 to 499. */
  readonly status?: number
  readonly cause?: unknown
}

export class UploadError extends Error {
  readonly code: UploadErrorCode
  readonly offset: number | undefined
  readonly limit: number | undefined
  readonly status: number | undefined
  readonly outcome: boolean

  constructor(code: UploadErrorCode, message: string, details: UploadErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.name = 'UploadError'
    this.code = code
    this.offset = details.offset
    this.limit = details.limit
    this.status = details.status
    this.outcome = details.outcome === true
  }
}

/** The error that a stored failure is to whoever repeats the last request. */
export function failureError(failure: UploadFailure): UploadError {
  return failure.code === 'rejected'
    ? new UploadError('rejected', failure.message, { status: failure.status, outcome: true })
    : new UploadError(failure.code, failure.message, { outcome: true })
}
