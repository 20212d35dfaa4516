/**
 * Media files, the rights to upload them, and their folders, as records. What can be told apart by one
 * transaction is one method: a file is there exactly when its token is used.
 */
import type { MediaTold } from '../events/event.ts'
import type {
  GrantRecord,
  ImportState,
  MediaFacts,
  MediaFailure,
  MediaFile,
  MediaFolder,
  MediaType,
} from '../media/media-file.ts'
import type { UploadRecord } from '../uploads/upload.ts'

export interface MediaRecords {
  /** False when the owner has `most` open grants already. */
  insertGrant(grant: GrantRecord, most: number): Promise<boolean>
  findGrant(fingerprint: string): Promise<GrantRecord | undefined>
  /** Uploads to a media file's key that have not ended. */
  openMediaUploads(id: string): Promise<UploadRecord[]>
  /**
   * Adds the file of a grant whose bytes are all there, and marks the grant as used. Without a name it has the
   * one of the grant, or of the upload.
   */
  finalizeGrant(fingerprint: string, name: string | undefined, at: number): Promise<FinalizeResult>
  /**
   * Drops grants that expired at or before `before` and have no upload that goes on, with the bytes that
   * nobody made a file of; resolves to how many.
   */
  forgetGrants(before: number, limit: number, at: number): Promise<number>

  /** Adds a file that has no bytes yet; the folders of `path` are made. */
  insertMedia(file: MediaFile, path: readonly string[]): Promise<MediaFile>
  findMedia(ids: readonly string[]): Promise<MediaFile[]>
  listMedia(request: ListMediaRequest): Promise<MediaFile[]>
  /** Undefined when there is no such file, or the folder is none. */
  updateMedia(id: string, changes: MediaChanges, at: number): Promise<MediaFile | undefined>
  /** Files in state PENDING by id, after `after`. */
  pendingMedia(after: string | undefined, limit: number): Promise<MediaFile[]>
  /** Records how far an import is. */
  noteImport(id: string, importing: ImportState): Promise<void>
  /** Takes up the object under the file's key as its bytes; undefined when there is none, or no such file. */
  mediaArrived(id: string, at: number): Promise<MediaFile | undefined>
  /** Ends PENDING, and tells `event` with it; false when it was not PENDING any more. */
  settleMedia(id: string, outcome: MediaOutcome, at: number, event: MediaTold): Promise<boolean>
  /** Moves files into the trash or out of it; resolves to how many. What has no folder any more goes to the root. */
  trashMedia(ids: readonly string[], deleted: boolean, at: number): Promise<number>
  /** Removes files with their bytes, in the trash or not; resolves to how many. */
  removeMedia(ids: readonly string[], at: number): Promise<number>

  /** False when the parent is no folder. */
  insertFolder(folder: MediaFolder): Promise<boolean>
  findFolders(ids: readonly string[]): Promise<MediaFolder[]>
  listFolders(request: ListFoldersRequest): Promise<MediaFolder[]>
  /** `missing` when there is none, or no such parent; `cycle` when it would lie in itself. */
  updateFolder(id: string, changes: FolderChanges, at: number): Promise<MediaFolder | 'missing' | 'cycle'>
  /** Moves folders with everything below them into the trash or out of it. */
  trashFolders(ids: readonly string[], deleted: boolean, at: number): Promise<number>
  /** Removes folders and at most `limit` files below them; a folder goes when it is empty. False while more is left. */
  removeFolders(ids: readonly string[], limit: number, at: number): Promise<boolean>
}

export type FinalizeResult =
  | { readonly kind: 'finalized' | 'again'; readonly file: MediaFile }
  /** There is no such grant. */
  | { readonly kind: 'unknown' }
  /** Not all of its bytes are there. */
  | { readonly kind: 'incomplete' }
  /** It has another number of bytes than was declared, or none. */
  | { readonly kind: 'size'; readonly actual: number; readonly declared: number | undefined }

export type MediaOutcome =
  | {
      readonly kind: 'ready'
      readonly type: string
      readonly mediaType: MediaType
      readonly facts: MediaFacts
      readonly md5: string
      readonly sha256: string
    }
  | { readonly kind: 'failed'; readonly failure: MediaFailure; readonly mediaType: MediaType }

export interface MediaChanges {
  readonly name?: string | undefined
  readonly folder?: string | undefined
  readonly labels?: readonly string[] | undefined
}

export interface FolderChanges {
  readonly name?: string | undefined
  readonly parent?: string | undefined
}

type MediaSort = 'name' | 'updated' | 'size'

export interface ListMediaRequest {
  /** Undefined: those of all folders. */
  readonly folder: string | undefined
  readonly deleted: boolean
  /** Empty: all. */
  readonly types: readonly MediaType[]
  readonly private: boolean | undefined
  readonly sort: MediaSort
  readonly descending: boolean
  /** Where the page before ended: the value that is sorted by, and the id. */
  readonly after: readonly [string | number, string] | undefined
  readonly limit: number
}

interface ListFoldersRequest extends Pick<ListMediaRequest, 'deleted' | 'descending' | 'after' | 'limit'> {
  /** Undefined: those of all folders. */
  readonly parent: string | undefined
  readonly sort: Exclude<MediaSort, 'size'>
}
