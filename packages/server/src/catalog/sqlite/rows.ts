/** Between the catalog's rows and the engine's records; a row that makes no sense is an error, not a guess. */
import { z } from 'zod'
import type { Principal } from '../../access/principal.ts'
import type { SegmentId, SegmentPiece } from '../../blobs/blob-store.ts'
import type { Digests } from '../../blobs/digests.ts'
import type { ObjectRecord } from '../../objects/object.ts'
import type { Concat, UploadId, UploadRecord, UploadState } from '../../uploads/upload.ts'
import { CatalogError } from '../catalog.ts'

export type SqlValue = string | number | null
export type Row = Readonly<Record<string, unknown>>

export const Owner = {
  owner_role: z.enum(['anon', 'authenticated', 'service_role']),
  owner_sub: z.string().nullable(),
}

const UploadRow = z.object({
  ...Owner,
  id: z.string(),
  face: z.enum(['files', 'storage', 'media']),
  bucket: z.string(),
  key: z.string(),
  precondition: z.enum(['absent', 'none']),
  length: z.number().nullable(),
  metadata: z.string(),
  content_type: z.string(),
  file_name: z.string().nullable(),
  segment: z.string(),
  concat: z.string(),
  pieces: z.string().nullable(),
  digests: z.string(),
  rollback: z.number().nullable(),
  durable: z.number(),
  created_at: z.number(),
  expires_at: z.number(),
  state: z.enum(['open', 'finishing', 'sealed', 'complete', 'cancelled', 'expired', 'failed']),
  outcome: z.string().nullable(),
  details: z.string(),
})

const ObjectRow = z.object({
  ...Owner,
  id: z.string(),
  version: z.string(),
  bucket: z.string(),
  key: z.string(),
  size: z.number(),
  content_type: z.string(),
  file_name: z.string().nullable(),
  created_at: z.number(),
  wanted: z.string(),
  digests: z.string().nullable(),
  since: z.number(),
  details: z.string(),
})

const SegmentRow = z.object({ segment: z.string(), length: z.number() })
const Algorithm = z.enum(['sha-256', 'sha-512', 'sha', 'md5', 'crc32', 'crc32c'])
const DigestsJson = z.partialRecord(Algorithm, z.string()) as z.ZodType<Digests>
const WishesJson = z.object({
  wanted: z.array(Algorithm),
  demanded: DigestsJson,
  awaited: z.boolean().optional(),
})
const AnswerJson = z.object({
  version: z.string(),
  object: z.string().optional(),
  publishedAt: z.number(),
})
const DetailsJson = z.object({
  cacheControl: z.string().optional(),
  contentEncoding: z.string().optional(),
  userMetadata: z.record(z.string(), z.unknown()).optional(),
  maxSize: z.number().optional(),
  ending: z.enum(['word', 'said']).optional(),
  capability: z.string().optional(),
})
const FailureJson = z.union([
  z.object({
    code: z.enum(['conflict', 'bytes-lost', 'digest-mismatch', 'not-permitted', 'past-end']),
    message: z.string(),
  }),
  z.object({ code: z.literal('rejected'), status: z.number(), message: z.string() }),
])

export function uploadFromRow(row: Row): UploadRecord {
  const r = parse(UploadRow, row)
  const { cacheControl, contentEncoding, ...details } = parse(DetailsJson, JSON.parse(r.details))
  return {
    ...details,
    id: r.id as UploadId,
    face: r.face,
    owner: ownerFromRow(r),
    bucket: r.bucket,
    key: r.key,
    precondition: r.precondition,
    length: r.length ?? undefined,
    metadata: r.metadata,
    headers: {
      contentType: r.content_type,
      fileName: r.file_name ?? undefined,
      cacheControl,
      contentEncoding,
    },
    segment: r.segment as SegmentId,
    concat: concatFromRow(r.concat, r.pieces),
    digests: parse(WishesJson, JSON.parse(r.digests)),
    rollback: r.rollback ?? undefined,
    durable: r.durable,
    createdAt: r.created_at,
    expiresAt: r.expires_at,
    state: stateFromRow(r.state, r.outcome),
  }
}

export function objectFromRow(row: Row, segments: readonly Row[]): ObjectRecord {
  const r = parse(ObjectRow, row)
  const { cacheControl, contentEncoding, userMetadata } = parse(DetailsJson, JSON.parse(r.details))
  return {
    id: r.id,
    bucket: r.bucket,
    key: r.key,
    version: r.version,
    size: r.size,
    headers: {
      contentType: r.content_type,
      fileName: r.file_name ?? undefined,
      cacheControl,
      contentEncoding,
    },
    owner: ownerFromRow(r),
    createdAt: r.created_at,
    since: r.since,
    userMetadata,
    wanted: parse(z.array(Algorithm), JSON.parse(r.wanted)),
    digests: r.digests === null ? {} : parse(DigestsJson, JSON.parse(r.digests)),
    segments: segments.map((s): SegmentPiece => {
      const { segment, length } = parse(SegmentRow, s)
      return { segment: segment as SegmentId, length }
    }),
  }
}

function concatFromRow(concat: string, pieces: string | null): Concat {
  if (concat === 'whole' || concat === 'partial') return { kind: concat }
  const parsed = parse(z.array(SegmentRow), JSON.parse(pieces ?? 'null'))
  return {
    kind: 'final',
    list: concat,
    pieces: parsed.map(({ segment, length }) => ({ segment: segment as SegmentId, length })),
  }
}

export type Columns = Readonly<Record<string, SqlValue>>

export function uploadColumns(upload: UploadRecord): Columns {
  const { concat } = upload
  return {
    id: upload.id,
    face: upload.face,
    ...ownerColumns(upload.owner),
    bucket: upload.bucket,
    key: upload.key,
    precondition: upload.precondition,
    length: upload.length ?? null,
    metadata: upload.metadata,
    content_type: upload.headers.contentType,
    file_name: upload.headers.fileName ?? null,
    segment: upload.segment,
    concat: concat.kind === 'final' ? concat.list : concat.kind,
    pieces: concat.kind === 'final' ? JSON.stringify(concat.pieces) : null,
    digests: JSON.stringify(upload.digests),
    rollback: upload.rollback ?? null,
    durable: upload.durable,
    created_at: upload.createdAt,
    expires_at: upload.expiresAt,
    state: upload.state.kind,
    details: JSON.stringify({
      cacheControl: upload.headers.cacheControl,
      contentEncoding: upload.headers.contentEncoding,
      userMetadata: upload.userMetadata,
      maxSize: upload.maxSize,
      ending: upload.ending,
      capability: upload.capability,
    }),
  }
}

export function objectColumns(object: ObjectRecord): Columns {
  const { cacheControl, contentEncoding } = object.headers
  return {
    id: object.id,
    version: object.version,
    bucket: object.bucket,
    key: object.key,
    size: object.size,
    content_type: object.headers.contentType,
    file_name: object.headers.fileName ?? null,
    ...ownerColumns(object.owner),
    created_at: object.createdAt,
    since: object.since,
    details: JSON.stringify({ cacheControl, contentEncoding, userMetadata: object.userMetadata }),
    wanted: JSON.stringify(object.wanted),
    digests: object.digests['sha-256'] === undefined ? null : JSON.stringify(object.digests),
  }
}

export function ownerColumns(owner: Principal): { owner_role: string; owner_sub: string | null } {
  return { owner_role: owner.role, owner_sub: owner.role === 'authenticated' ? owner.sub : null }
}

export function ownerFromRow(row: { owner_role: Principal['role']; owner_sub: string | null }): Principal {
  return row.owner_role === 'authenticated'
    ? { role: 'authenticated', sub: row.owner_sub ?? '' }
    : { role: row.owner_role }
}

function stateFromRow(kind: UploadState['kind'], outcome: string | null): UploadState {
  switch (kind) {
    case 'complete':
      return { kind, answer: parse(AnswerJson, JSON.parse(outcome ?? 'null')) }
    case 'failed':
      return { kind, failure: parse(FailureJson, JSON.parse(outcome ?? 'null')) }
    default:
      return { kind }
  }
}

export function parse<T>(schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  throw new CatalogError(
    'damaged',
    'a row of the catalog makes no sense: restore it from a backup',
    result.error,
  )
}
