/** Problem types (RFC 9457) that Resumable Uploads for HTTP and the digest fields use. */
const REGISTRY = 'https://iana.org/assignments/http-problem-types'

export const PROBLEM_TYPES = {
  mismatchingOffset: `${REGISTRY}#mismatching-upload-offset`,
  inconsistentLength: `${REGISTRY}#inconsistent-upload-length`,
  /** Drafts -04 to -08. */
  completedUpload: `${REGISTRY}#completed-upload`,
  mismatchingDigest: `${REGISTRY}#digest-mismatching-values`,
} as const

/** The media type of an append's content. */
export const PARTIAL_UPLOAD = 'application/partial-upload'
