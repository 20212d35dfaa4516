export { encodeBase64 } from './http/base64.ts'
export { decodeBase64 } from './http/base64-decode.ts'
export {
  DIGEST_BYTES,
  type DigestAlgorithm,
  formatReprDigest,
  parseReprDigest,
  parseWantReprDigest,
} from './http/digest.ts'
export { formatHttpDate, parseHttpDate } from './http/http-date.ts'
export {
  evaluatePreconditions,
  type PreconditionHeaders,
  type PreconditionResult,
  rangeApplies,
  type Validators,
} from './http/preconditions.ts'
export {
  type ByteRange,
  formatContentRange,
  formatUnsatisfiedRange,
  parseRange,
  type RangeResult,
} from './http/range.ts'
export { MalformedHeader } from './malformed.ts'
export { CLIENT_INTEROP, type Dialect, dialectOf, INTEROP_HEADER } from './resumable-http/dialect.ts'
export {
  formatUploadComplete,
  parseByteField,
  parseUploadComplete,
  parseUploadLimit,
  type UploadLimits,
} from './resumable-http/fields.ts'
export { PARTIAL_UPLOAD, PROBLEM_TYPES } from './resumable-http/problems.ts'
export {
  CHECKSUM_ALGORITHMS,
  type ChecksumAlgorithm,
  parseUploadChecksum,
  type UploadChecksum,
} from './tus/checksum.ts'
export { formatUploadConcat, parseUploadConcat, type UploadConcat } from './tus/concat.ts'
export { type DeclaredLength, parseByteCount, parseDeclaredLength, parseUploadOffset } from './tus/length.ts'
export { formatUploadMetadata, parseUploadMetadata, type UploadMetadata } from './tus/metadata.ts'
export { TUS_VERSION } from './tus/version.ts'
