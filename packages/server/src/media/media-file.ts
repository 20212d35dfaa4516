/** A media file as a record. Its states are in docs/design/media.md. */
import { randomBytes } from 'node:crypto'
import type { Principal } from '../access/principal.ts'
import type { UploadId } from '../uploads/upload.ts'

/** Holds the bytes of media files under their ids, and thumbnails under `<id>/thumbnail`; it is always there. */
export const MEDIA_BUCKET = 'site-media'

/** The folder that everything else lies in. */
export const ROOT_FOLDER = 'media-root'

export const MEDIA_TYPES = [
  'UNKNOWN',
  'IMAGE',
  'VIDEO',
  'AUDIO',
  'DOCUMENT',
  'VECTOR',
  'ARCHIVE',
  'MODEL3D',
  'OTHER',
] as const
export type MediaType = (typeof MEDIA_TYPES)[number]

type MediaStatus = 'PENDING' | 'READY' | 'FAILED'

/** What was found in the bytes. */
export interface MediaFacts {
  /** Pixels, as the picture is to be shown. */
  readonly width?: number | undefined
  readonly height?: number | undefined
  /** Exif orientation, 1 to 8, where the picture has one. */
  readonly orientation?: number | undefined
  /** Seconds. */
  readonly duration?: number | undefined
  /** Bits per second. */
  readonly bitrate?: number | undefined
  /** `mp3`, `mp4` and the like. */
  readonly format?: string | undefined
  /** There is an object `<id>/thumbnail`. */
  readonly thumbnail?: boolean | undefined
}

export interface MediaFailure {
  /** One of the vendor's rule names where there is one. */
  readonly code: string
  readonly description: string
}

/** Given back with the event that tells of the file. */
export interface ExternalInfo {
  readonly origin?: string | undefined
  readonly externalIds?: readonly string[] | undefined
}

/** What whoever asks for a file decides about it. */
export interface MediaTerms {
  /** The media type that was declared; `application/octet-stream` leaves it open. */
  readonly declaredType: string
  readonly folder: string
  /** Names of folders below `folder`, made when the file comes. */
  readonly path: readonly string[]
  readonly private: boolean
  readonly labels: readonly string[]
  readonly external?: ExternalInfo | undefined
}

export interface MediaFile extends Omit<MediaTerms, 'path'> {
  readonly id: string
  readonly owner: Principal
  readonly name: string
  readonly status: MediaStatus
  readonly deleted: boolean
  /** Milliseconds since 1970. */
  readonly createdAt: number
  /** Milliseconds since 1970. */
  readonly updatedAt: number
  /** The version of the object that holds its bytes; undefined until they are all there. */
  readonly version: string | undefined
  /** Bytes; undefined until they are all there. */
  readonly size: number | undefined
  /** `UNKNOWN` until it was looked at. */
  readonly mediaType: MediaType
  /** The media type of the bytes; undefined until they were looked at. */
  readonly type: string | undefined
  readonly facts: MediaFacts
  /** Lower-case hex. */
  readonly md5: string | undefined
  readonly sha256: string | undefined
  readonly failure: MediaFailure | undefined
  /** Where it was imported from. */
  readonly sourceUrl: string | undefined
  /** How far its import is; undefined when there is none, or none any more. */
  readonly importing: ImportState | undefined
}

export interface ImportState {
  readonly headers: Readonly<Record<string, string>>
  /** Milliseconds since 1970. */
  readonly startedAt: number
  /** The upload that gathers its bytes. */
  readonly upload: UploadId | undefined
  /** A strong ETag, or a date, that names the bytes at the source: without one they cannot be gone on with. */
  readonly validator: string | undefined
}

/** A right to upload one file: what a token stands for. */
export interface GrantRecord extends MediaTerms {
  /** The sha-256 of the token in hex. */
  readonly fingerprint: string
  readonly kind: 'resumable' | 'plain'
  readonly owner: Principal
  /** The id that the file will have. */
  readonly file: string
  readonly name: string | undefined
  /** Bytes, where they were declared. */
  readonly size: number | undefined
  /** Milliseconds since 1970: until then an upload may begin. */
  readonly expiresAt: number
  /** The file exists. */
  readonly used: boolean
}

export interface MediaFolder {
  readonly id: string
  readonly name: string
  readonly parent: string
  readonly deleted: boolean
  /** Milliseconds since 1970. */
  readonly createdAt: number
  /** Milliseconds since 1970. */
  readonly updatedAt: number
}

/** What is known of a file before its bytes were looked at. */
export const UNSEEN = {
  mediaType: 'UNKNOWN',
  type: undefined,
  facts: {},
  md5: undefined,
  sha256: undefined,
  failure: undefined,
} as const satisfies Partial<MediaFile>

export function newMediaId(): string {
  return randomBytes(16).toString('hex')
}

export function thumbnailKey(id: string): string {
  return `${id}/thumbnail`
}
