import { FilesError, type FilesErrorCode } from '../../errors.ts'

const MEANINGS: Readonly<Record<string, FilesErrorCode>> = {
  NoSuchKey: 'NotFound',
  NoSuchBucket: 'NotFound',
  AccessDenied: 'Unauthorized',
  // A wrong region, which is part of the signature.
  AuthorizationHeaderMalformed: 'Unauthorized',
  ExpiredToken: 'Unauthorized',
  InvalidAccessKeyId: 'Unauthorized',
  SignatureDoesNotMatch: 'Unauthorized',
  ERR_S3_MISSING_CREDENTIALS: 'Unauthorized',
  EntityTooLarge: 'QuotaExceeded',
}

/** What Bun's client threw, as an error about `what`. */
export function bunError(what: string, cause: unknown): FilesError {
  if (cause instanceof FilesError) return cause
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : ''
  const message = cause instanceof Error ? cause.message : String(cause)
  const meaning = MEANINGS[code]
  return new FilesError(meaning ?? 'Provider', `${what}: ${code} ${message}`, cause, {
    retryable: meaning === undefined,
  })
}
