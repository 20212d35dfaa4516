/** Between the catalog's rows and the records of media files; a row that makes no sense is an error, not a guess. */
import { z } from 'zod'
import {
  type GrantRecord,
  type ImportState,
  MEDIA_TYPES,
  type MediaFile,
  type MediaFolder,
} from '../media/media-file.ts'
import type { UploadId } from '../uploads/upload.ts'
import type { Row } from './columns.ts'
import { type Columns, ownerColumns, ownerFromRow, parse } from './rows.ts'

const Owner = {
  owner_role: z.enum(['anon', 'authenticated', 'service_role']),
  owner_sub: z.string().nullable(),
}
const Flag = z.number().transform((value) => value !== 0)
const Terms = {
  declaredType: z.string(),
  labels: z.array(z.string()),
  external: z
    .object({ origin: z.string().optional(), externalIds: z.array(z.string()).optional() })
    .optional(),
}

const FileRow = z.object({
  ...Owner,
  id: z.string(),
  name: z.string(),
  folder: z.string(),
  private: Flag,
  status: z.enum(['PENDING', 'READY', 'FAILED']),
  deleted: Flag,
  media_type: z.enum(MEDIA_TYPES),
  size: z.number().nullable(),
  version: z.string().nullable(),
  created_at: z.number(),
  updated_at: z.number(),
  importing: z.string().nullable(),
  details: z.string(),
})
const FileDetails = z.object({
  ...Terms,
  type: z.string().optional(),
  facts: z.object({
    width: z.number().optional(),
    height: z.number().optional(),
    orientation: z.number().optional(),
    duration: z.number().optional(),
    bitrate: z.number().optional(),
    format: z.string().optional(),
    thumbnail: z.boolean().optional(),
  }),
  md5: z.string().optional(),
  sha256: z.string().optional(),
  failure: z.object({ code: z.string(), description: z.string() }).optional(),
  sourceUrl: z.string().optional(),
})
const ImportJson = z.object({
  headers: z.record(z.string(), z.string()),
  startedAt: z.number(),
  upload: z.string().optional(),
  validator: z.string().optional(),
})
const GrantRow = z.object({
  ...Owner,
  fingerprint: z.string(),
  file: z.string(),
  expires_at: z.number(),
  used: Flag,
  details: z.string(),
})
const GrantDetails = z.object({
  ...Terms,
  kind: z.enum(['resumable', 'plain']),
  folder: z.string(),
  path: z.array(z.string()),
  private: z.boolean(),
  name: z.string().optional(),
  size: z.number().optional(),
})
const FolderRow = z.object({
  id: z.string(),
  name: z.string(),
  parent: z.string(),
  deleted: Flag,
  created_at: z.number(),
  updated_at: z.number(),
})

export function mediaFromRow(row: Row): MediaFile {
  const r = parse(FileRow, row)
  const { type, md5, sha256, failure, sourceUrl, ...details } = parse(FileDetails, JSON.parse(r.details))
  return {
    ...details,
    id: r.id,
    owner: ownerFromRow(r),
    name: r.name,
    folder: r.folder,
    private: r.private,
    status: r.status,
    deleted: r.deleted,
    mediaType: r.media_type,
    size: r.size ?? undefined,
    version: r.version ?? undefined,
    createdAt: r.created_at,
    updatedAt: r.updated_at,
    type,
    md5,
    sha256,
    failure,
    sourceUrl,
    importing: r.importing === null ? undefined : importFromJson(r.importing),
  }
}

function importFromJson(json: string): ImportState {
  const { upload, validator, ...rest } = parse(ImportJson, JSON.parse(json))
  return { ...rest, upload: upload as UploadId | undefined, validator }
}

export function mediaColumns(file: MediaFile): Columns {
  const { declaredType, labels, external, type, facts, md5, sha256, failure, sourceUrl } = file
  return {
    id: file.id,
    ...ownerColumns(file.owner),
    name: file.name,
    folder: file.folder,
    private: file.private ? 1 : 0,
    status: file.status,
    deleted: file.deleted ? 1 : 0,
    media_type: file.mediaType,
    size: file.size ?? null,
    version: file.version ?? null,
    created_at: file.createdAt,
    updated_at: file.updatedAt,
    importing: file.importing === undefined ? null : JSON.stringify(file.importing),
    details: JSON.stringify({
      ...{ declaredType, labels, external },
      ...{ type, facts, md5, sha256, failure, sourceUrl },
    }),
  }
}

export function grantFromRow(row: Row): GrantRecord {
  const r = parse(GrantRow, row)
  const { name, size, ...details } = parse(GrantDetails, JSON.parse(r.details))
  return {
    ...details,
    name,
    size,
    fingerprint: r.fingerprint,
    owner: ownerFromRow(r),
    file: r.file,
    expiresAt: r.expires_at,
    used: r.used,
  }
}

export function grantColumns(grant: GrantRecord): Columns {
  const { fingerprint, owner, file, expiresAt, used, ...details } = grant
  return {
    fingerprint,
    ...ownerColumns(owner),
    file,
    expires_at: expiresAt,
    used: used ? 1 : 0,
    details: JSON.stringify(details),
  }
}

export function folderFromRow(row: Row): MediaFolder {
  const { created_at, updated_at, ...folder } = parse(FolderRow, row)
  return { ...folder, createdAt: created_at, updatedAt: updated_at }
}
