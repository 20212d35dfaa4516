/** Between the catalog's rows and the engine's records; a row that makes no sense is an error, not a guess. */
import { z } from 'zod'
import type { Principal } from '../../access/principal.ts'
import type { SegmentId, SegmentPiece } from '../../blobs/blob-store.ts'
import type { ObjectRecord } from '../../objects/object.ts'
import type { UploadId, UploadRecord, UploadState } from '../../uploads/upload.ts'
import { CatalogError } from '../catalog.ts'

export type SqlValue = string | number | null
export type Row = Readonly<Record<string, unknown>>

const Owner = {
  owner_role: z.enum(['anon', 'authenticated', 'service_role']),
  owner_sub: z.string().nullable(),
}

const UploadRow = z.object({
  ...Owner,
  id: z.string(),
  face: z.enum(['files']),
  bucket: z.string(),
  key: z.string(),
  precondition: z.enum(['absent', 'none']),
  length: z.number().nullable(),
  metadata: z.string(),
  content_type: z.string(),
  file_name: z.string().nullable(),
  segment: z.string(),
  durable: z.number(),
  created_at: z.number(),
  expires_at: z.number(),
  state: z.enum(['open', 'finishing', 'complete', 'cancelled', 'expired', 'failed']),
  outcome: z.string().nullable(),
})

const ObjectRow = z.object({
  ...Owner,
  version: z.string(),
  bucket: z.string(),
  key: z.string(),
  size: z.number(),
  content_type: z.string(),
  file_name: z.string().nullable(),
  created_at: z.number(),
  sha256: z.string().nullable(),
})

const SegmentRow = z.object({ segment: z.string(), length: z.number() })
const AnswerJson = z.object({ version: z.string(), publishedAt: z.number() })
const FailureJson = z.object({ code: z.enum(['conflict', 'bytes-lost']), message: z.string() })

export function uploadFromRow(row: Row): UploadRecord {
  const r = parse(UploadRow, row)
  return {
    id: r.id as UploadId,
    face: r.face,
    owner: ownerFromRow(r),
    bucket: r.bucket,
    key: r.key,
    precondition: r.precondition,
    length: r.length ?? undefined,
    metadata: r.metadata,
    headers: { contentType: r.content_type, fileName: r.file_name ?? undefined },
    segment: r.segment as SegmentId,
    durable: r.durable,
    createdAt: r.created_at,
    expiresAt: r.expires_at,
    state: stateFromRow(r.state, r.outcome),
  }
}

export function objectFromRow(row: Row, segments: readonly Row[]): ObjectRecord {
  const r = parse(ObjectRow, row)
  return {
    bucket: r.bucket,
    key: r.key,
    version: r.version,
    size: r.size,
    headers: { contentType: r.content_type, fileName: r.file_name ?? undefined },
    owner: ownerFromRow(r),
    createdAt: r.created_at,
    sha256: r.sha256 ?? undefined,
    segments: segments.map((s): SegmentPiece => {
      const { segment, length } = parse(SegmentRow, s)
      return { segment: segment as SegmentId, length }
    }),
  }
}

export function ownerColumns(owner: Principal): { owner_role: string; owner_sub: string | null } {
  return { owner_role: owner.role, owner_sub: owner.role === 'authenticated' ? owner.sub : null }
}

function ownerFromRow(row: { owner_role: Principal['role']; owner_sub: string | null }): Principal {
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

function parse<T>(schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  throw new CatalogError('damaged', 'a row of the catalog makes no sense: restore it from a backup', result.error)
}
