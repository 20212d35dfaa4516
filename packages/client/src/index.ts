/** Uploads that never start over: pause, resume in another process, proof that the file arrived whole. */
export type {
  Adapter,
  AdapterCall,
  AdapterOperations,
  AdapterTraits,
  ByteRange,
  ListPage,
  ListQuery,
  SignedUpload,
} from './adapter.ts'
export {
  UploadControl,
  type UploadControlEvent,
  type UploadControlStatus,
  type UploadPhase,
} from './control.ts'
export type { Digest } from './digest.ts'
export type {
  Call,
  ChunkRule,
  Driver,
  Lane,
  OffsetDriver,
  OffsetState,
  PartReceipt,
  PartRule,
  PartsDriver,
  PartsState,
  Payload,
  ProviderResult,
  UploadCondition,
  UploadIntent,
} from './driver.ts'
export { FilesError, type FilesErrorCode, type FilesErrorDetails } from './errors.ts'
export type { BulkOutcome } from './files/bulk.ts'
export type { Capabilities } from './files/capabilities.ts'
export type { FileHandle } from './files/handle.ts'
export type {
  FilesActionEvent,
  FilesActionType,
  FilesErrorEvent,
  FilesHooks,
  FilesRetryEvent,
} from './files/hooks.ts'
export { Files, type FilesOptions } from './files.ts'
export type * from './options.ts'
export type { SessionToken } from './session.ts'
export type { StoredFile } from './stored-file.ts'
export type { SessionStore, StoredSession } from './stores/session-store.ts'
export type { UploadProgress } from './transfer/progress.ts'
export type { RetryOptions } from './transfer/retry.ts'
export type { Body, OpenableBody, RereadableBody, Source } from './transfer/source.ts'
export type { Verify } from './transfer/verify.ts'
