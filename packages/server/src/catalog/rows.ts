/** Between the catalog's rows and the engine's records; a row that makes no sense is an error, not a guess. */
import { z } from 'zod'
import type { Principal } from '../access/principal.ts'
import type { SegmentId, SegmentPiece } from '../blobs/blob-store.ts'
import type { Digests } from '../blobs/digests.ts'
import type { BucketRecord } from '../objects/bucket.ts'
import type { ObjectRecord } from '../objects/object.ts'
import type { Concat, UploadId, UploadRecord, UploadState } from '../uploads/upload.ts'
import {
  integer,
  oneOf,
  optionalInteger,
  optionalText,
  type Row,
  type SqlValue,
  senseless,
  text,
} from './columns.ts'

const ROLES = ['anon', 'authenticated', 'service_role'] as const
const FACES = ['files', 'storage', 'media'] as const
const PRECONDITIONS = ['absent', 'none'] as const
const STATES = ['open', 'finishing', 'sealed', 'complete', 'cancelled', 'expired', 'failed'] as const

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

/** JSON that most rows have, word for word: nothing needs to be parsed. */
const NO_DETAILS = '{}'
const NO_WISHES = JSON.stringify({ wanted: [], demanded: {} })

export function uploadFromRow(row: Row): UploadRecord {
  const { cacheControl, contentEncoding, ...details } = detailsOf(text(row, 'details'))
  const digests = text(row, 'digests')
  return {
    ...details,
    id: text(row, 'id') as UploadId,
    face: oneOf(row, 'face', FACES),
    owner: ownerFromRow(row),
    bucket: text(row, 'bucket'),
    key: text(row, 'key'),
    precondition: oneOf(row, 'precondition', PRECONDITIONS),
    length: optionalInteger(row, 'length'),
    metadata: text(row, 'metadata'),
    headers: {
      contentType: text(row, 'content_type'),
      fileName: optionalText(row, 'file_name'),
      cacheControl,
      contentEncoding,
    },
    segment: text(row, 'segment') as SegmentId,
    concat: concatFromRow(text(row, 'concat'), optionalText(row, 'pieces')),
    digests: digests === NO_WISHES ? { wanted: [], demanded: {} } : fromJson(WishesJson, digests),
    rollback: optionalInteger(row, 'rollback'),
    durable: integer(row, 'durable'),
    createdAt: integer(row, 'created_at'),
    expiresAt: integer(row, 'expires_at'),
    state: stateFromRow(oneOf(row, 'state', STATES), optionalText(row, 'outcome')),
  }
}

export function objectFromRow(row: Row, segments: readonly Row[]): ObjectRecord {
  const { cacheControl, contentEncoding, userMetadata } = detailsOf(text(row, 'details'))
  const digests = optionalText(row, 'digests')
  return {
    id: text(row, 'id'),
    bucket: text(row, 'bucket'),
    key: text(row, 'key'),
    version: text(row, 'version'),
    size: integer(row, 'size'),
    headers: {
      contentType: text(row, 'content_type'),
      fileName: optionalText(row, 'file_name'),
      cacheControl,
      contentEncoding,
    },
    owner: ownerFromRow(row),
    createdAt: integer(row, 'created_at'),
    since: integer(row, 'since'),
    userMetadata,
    wanted: fromJson(z.array(Algorithm), text(row, 'wanted')),
    digests: digests === undefined ? {} : fromJson(DigestsJson, digests),
    segments: segments.map(pieceFromRow),
  }
}

function pieceFromRow(row: Row): SegmentPiece {
  const piece = { segment: text(row, 'segment') as SegmentId, length: integer(row, 'length') }
  const start = optionalInteger(row, 'start')
  return start === undefined ? piece : { ...piece, start }
}

function detailsOf(json: string): z.infer<typeof DetailsJson> {
  return json === NO_DETAILS ? {} : fromJson(DetailsJson, json)
}

function concatFromRow(concat: string, pieces: string | undefined): Concat {
  if (concat === 'whole' || concat === 'partial') return { kind: concat }
  const parsed = fromJson(z.array(SegmentRow), pieces)
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

export function ownerFromRow(row: Row): Principal {
  const role = oneOf(row, 'owner_role', ROLES)
  return role === 'authenticated' ? { role, sub: optionalText(row, 'owner_sub') ?? '' } : { role }
}

export function bucketFromRow(row: Row): BucketRecord {
  const types = optionalText(row, 'allowed_mime_types')
  return {
    id: text(row, 'id'),
    public: integer(row, 'public') === 1,
    fileSizeLimit: optionalInteger(row, 'file_size_limit'),
    allowedMimeTypes: types === undefined ? undefined : fromJson(z.array(z.string()), types),
    owner: ownerFromRow(row),
    createdAt: integer(row, 'created_at'),
    updatedAt: integer(row, 'updated_at'),
  }
}

function stateFromRow(kind: UploadState['kind'], outcome: string | undefined): UploadState {
  switch (kind) {
    case 'complete':
      return { kind, answer: fromJson(AnswerJson, outcome) }
    case 'failed':
      return { kind, failure: fromJson(FailureJson, outcome) }
    default:
      return { kind }
  }
}

/** @throws CatalogError `damaged`, as `parse` does */
function fromJson<T>(schema: z.ZodType<T>, json: string | undefined): T {
  try {
    return schema.parse(JSON.parse(json ?? 'null'))
  } catch (error) {
    return senseless('JSON', error)
  }
}

export function parse<T>(schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value)
  return result.success ? result.data : senseless('columns', result.error)
}
