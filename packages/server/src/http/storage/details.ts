/** What clients say of an object besides its bytes, in the several places where they say it. */

import { isMediaType } from '../../objects/media-type.ts'
import type { ObjectHeaders, UserMetadata } from '../../objects/object.ts'
import type { Exchange } from '../exchange.ts'
import { StorageError } from './errors.ts'

export interface ObjectDetails {
  readonly headers: ObjectHeaders
  readonly userMetadata: UserMetadata | undefined
}

/** Bytes of JSON: it is in every listing. */
const MAX_METADATA = 16 * 1024
/** Whoever copies or prints it afterwards does so with a stack, which a few thousand levels would use up. */
const MAX_LEVELS = 64

/** @throws StorageError `InvalidRequest` */
export function contentTypeFrom(given: string | undefined): string {
  const type = given === undefined || given === '' ? 'application/octet-stream' : given
  if (isMediaType(type)) return type
  throw new StorageError('InvalidRequest', 'the content type is not a media type')
}

/** A number of seconds becomes `max-age`; what is none is not cached. @throws StorageError `InvalidRequest` */
export function cacheControlFrom(seconds: string | undefined): string {
  if (seconds === undefined) return 'no-cache'
  if (/^-\d/.test(seconds)) throw negativeAge()
  return /^\d{1,10}$/.test(seconds) ? `max-age=${seconds}` : 'no-cache'
}

/** As a whole header; what cannot be one is not cached. @throws StorageError `InvalidRequest` */
export function cacheControlHeaderFrom(header: string | undefined): string {
  if (header !== undefined && /=\s*-\d/.test(header)) throw negativeAge()
  return header !== undefined && /^[ -~]{1,255}$/.test(header) ? header : 'no-cache'
}

/** @throws StorageError `InvalidRequest` */
export function userMetadataFrom(json: string | undefined): UserMetadata | undefined {
  if (json === undefined || json === '') return undefined
  try {
    const parsed: unknown = JSON.parse(json)
    if (Buffer.byteLength(json) <= MAX_METADATA && isRecord(parsed) && isShallow(parsed)) return parsed
  } catch {}
  throw new StorageError(
    'InvalidRequest',
    `metadata must be a JSON object of at most ${MAX_METADATA} bytes and ${MAX_LEVELS} levels`,
  )
}

function isShallow(value: unknown, levels = MAX_LEVELS): boolean {
  if (typeof value !== 'object' || value === null) return true
  return levels > 0 && Object.values(value).every((inner) => isShallow(inner, levels - 1))
}

/** What stands in the headers of a request whose body is the object. @throws StorageError `InvalidRequest` */
export function detailsFromHeaders(exchange: Exchange): ObjectDetails {
  return {
    headers: {
      contentType: contentTypeFrom(exchange.header('content-type')),
      fileName: undefined,
      cacheControl: cacheControlHeaderFrom(exchange.header('cache-control')),
      contentEncoding: contentEncodingFrom(exchange.header('content-encoding')),
    },
    userMetadata: metadataHeader(exchange),
  }
}

/** `x-metadata`: JSON in base64. @throws StorageError `InvalidRequest` */
function metadataHeader(exchange: Exchange): UserMetadata | undefined {
  const header = exchange.header('x-metadata')
  return header === undefined ? undefined : userMetadataFrom(Buffer.from(header, 'base64').toString())
}

/** What stands in the fields of a form beside the file. @throws StorageError `InvalidRequest` */
export function detailsFromFields(
  fields: ReadonlyMap<string, string>,
  contentType: string | undefined,
): ObjectDetails {
  return {
    headers: {
      contentType: contentTypeFrom(fields.get('contentType') || contentType),
      fileName: undefined,
      cacheControl: cacheControlFrom(fields.get('cacheControl')),
      contentEncoding: contentEncodingFrom(fields.get('contentEncoding')),
    },
    userMetadata: userMetadataFrom(fields.get('metadata')),
  }
}

/** @throws StorageError `InvalidRequest` */
function contentEncodingFrom(given: string | undefined): string | undefined {
  if (given === undefined || given === '' || given === 'identity') return undefined
  if (/^[\w-]{1,32}$/.test(given)) return given
  throw new StorageError('InvalidRequest', 'the content encoding is not one')
}

function isRecord(value: unknown): value is UserMetadata {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function negativeAge(): StorageError {
  return new StorageError('InvalidRequest', 'the cache control must not be negative')
}
