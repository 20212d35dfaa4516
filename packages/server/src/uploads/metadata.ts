/**
 * What a client says about its upload: kept as the text it sent, read as plain values by hooks and events, and
 * the source of the object's own headers.
 */
import { formatUploadMetadata, parseUploadMetadata } from '@pawl/protocol'
import { isMediaType } from '../objects/media-type.ts'
import type { ObjectHeaders } from '../objects/object.ts'

/** Characters; HTTP allows more, but nobody needs it, and the catalog keeps every byte. */
export const MAX_METADATA = 16 * 1024

/** Names and values as they were sent; a name such as `__proto__` is a name like any other. */
export type Metadata = Readonly<Record<string, string>>

/** @throws MalformedHeader for a text that is no metadata */
export function readMetadata(text: string): Metadata {
  return Object.fromEntries(parseUploadMetadata(text))
}

/** @throws RangeError for a name or a value that metadata cannot carry, or more than it may have */
export function writeMetadata(metadata: Metadata): string {
  const text = formatUploadMetadata(Object.entries(metadata))
  if (text.length > MAX_METADATA) throw new RangeError(`metadata may have ${MAX_METADATA} bytes`)
  return text
}

/**
 * Looks under the names by which clients send a file's name and type.
 * @throws RangeError for a content type that is none
 */
export function objectHeadersFrom(metadata: ReadonlyMap<string, string>): ObjectHeaders {
  const type = metadata.get('filetype') || metadata.get('contentType') || metadata.get('type')
  return {
    contentType: mediaType(type || 'application/octet-stream'),
    fileName: metadata.get('filename') || metadata.get('name') || undefined,
  }
}

function mediaType(text: string): string {
  if (isMediaType(text)) return text
  throw new RangeError('the metadata names a content type that is none')
}
