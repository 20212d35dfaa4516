/** A media file as the vendor's clients read it, with the sha-256 and the progress of an import beside. */
import { mediaTypeOf, plainType } from './inspect/types.ts'
import type { ExternalInfo, MediaFile, MediaFolder } from './media-file.ts'

/** Where the media face is mounted. */
export const MEDIA_PREFIX = '/site-media/v1'

/** One server is one site. */
const SITE = 'pawl'

export interface ImportProgress {
  readonly receivedBytes: number
  /** Undefined while the source has not said. */
  readonly totalBytes: number | undefined
}

export type Descriptor = Readonly<Record<string, unknown>>

/** @param base - what stands before the path in a URL: scheme and host, or the public URL */
export function descriptorOf(file: MediaFile, base: string, progress?: ImportProgress): Descriptor {
  const url = urlOf(file, base)
  const { facts } = file
  return {
    id: file.id,
    displayName: file.name,
    url,
    parentFolderId: file.folder,
    hash: file.md5 ?? '',
    sha256: file.sha256,
    sizeInBytes: sizeText(file),
    private: file.private,
    mediaType: kindOf(file),
    media: file.status === 'READY' ? mediaOf(file, url) : undefined,
    operationStatus: file.status,
    sourceUrl: file.sourceUrl,
    thumbnailUrl:
      facts.thumbnail === true ? `${url}/thumbnail` : file.mediaType === 'IMAGE' ? url : undefined,
    labels: file.labels,
    createdDate: new Date(file.createdAt).toISOString(),
    updatedDate: new Date(file.updatedAt).toISOString(),
    siteId: SITE,
    state: file.deleted ? 'DELETED' : 'OK',
    error: file.failure,
    importProgress: progress,
  }
}

export function folderDescriptorOf(folder: MediaFolder): Descriptor {
  return {
    id: folder.id,
    displayName: folder.name,
    parentFolderId: folder.parent,
    createdDate: new Date(folder.createdAt).toISOString(),
    updatedDate: new Date(folder.updatedAt).toISOString(),
    state: folder.deleted ? 'DELETED' : 'OK',
    siteId: SITE,
  }
}

export function externalInfoOf(external: ExternalInfo | undefined): Descriptor | undefined {
  return external && { ...external }
}

export function urlOf({ id }: MediaFile, base: string): string {
  return `${base}${MEDIA_PREFIX}/media/${id}`
}

/** Until the bytes were looked at, what was declared. */
function kindOf({ status, mediaType, declaredType }: MediaFile): string {
  if (status !== 'PENDING') return mediaType
  const declared = plainType(declaredType)
  return declared === 'application/octet-stream' ? 'UNKNOWN' : mediaTypeOf(declared)
}

function sizeText({ size }: MediaFile): string | undefined {
  return size === undefined ? undefined : String(size)
}

function mediaOf(file: MediaFile, url: string): Descriptor | undefined {
  const { id, name: filename, mediaType, facts } = file
  const { width, height, duration, bitrate, format, orientation } = facts
  const common = { id, url, filename, sizeInBytes: sizeText(file) }
  switch (mediaType) {
    case 'IMAGE':
      return { image: { image: { ...common, height, width, orientation }, faces: [] } }
    case 'VECTOR':
      return { vector: { image: { ...common, height, width }, faces: [] } }
    case 'VIDEO':
      return {
        video: {
          ...common,
          ...{ width, height, posters: [] },
          durationInMilliseconds: duration === undefined ? undefined : Math.round(duration * 1000),
          // The original and nothing else: films are not made over here.
          resolutions: [{ url, width, height, format: `${height ?? 0}p.${format}` }],
        },
      }
    case 'AUDIO':
      return { audio: { ...common, assets: [{ ...common, format }], bitrate, format, duration } }
    case 'DOCUMENT':
      return { document: common }
    case 'ARCHIVE':
      return { archive: common }
    case 'MODEL3D':
      return { model3d: common }
    default:
      return undefined
  }
}
