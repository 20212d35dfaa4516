/**
 * Objects of a bucket in order, a page at a time.
 *
 * What a page costs: by name it is the entries skipped and shown, and one seek for each folder among them,
 * whatever the bucket holds. By time it is the same, and with `folders` the keys directly under the prefix
 * are walked for their folders first. With `search` all of them are walked.
 */
import type { ObjectRecord } from '../objects/object.ts'

export interface Listing {
  listObjects(request: ListRequest): Promise<ListPage>
}

export interface ListRequest {
  readonly bucket: string
  /** What keys begin with. */
  readonly prefix: string
  /** Fold keys that have a `/` after the prefix into folders. */
  readonly folders: boolean
  /** By name, bytewise in UTF-8; by time, folders come first. */
  readonly sort: 'name' | 'created' | 'updated'
  readonly descending: boolean
  /** Only entries whose name after the prefix begins with it; case does not matter. */
  readonly search: string | undefined
  /** The entry that this page begins behind. */
  readonly after: ListPosition | undefined
  /** Entries to pass over. */
  readonly skip: number
  readonly limit: number
}

export interface ListPosition {
  /** The key of an object, or a folder with the `/` at its end. */
  readonly name: string
  /** Milliseconds since 1970: an object's time, where the order is by time. */
  readonly at?: number | undefined
}

export type ListEntry =
  | { readonly kind: 'folder'; readonly name: string }
  | { readonly kind: 'object'; readonly object: ObjectRecord }

export interface ListPage {
  readonly entries: readonly ListEntry[]
  /** There are entries behind these. */
  readonly more: boolean
}
