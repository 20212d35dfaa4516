/** Shapes that several routes take and answer with. */
import { z } from 'zod'
import { MEDIA_TYPES } from '../../media/media-file.ts'
import { against, invalid } from './errors.ts'

const Image = z.object({
  id: z.string(),
  url: z.string(),
  height: z.number().optional(),
  width: z.number().optional(),
  filename: z.string(),
  sizeInBytes: z.string(),
  orientation: z.number().optional(),
})
const Named = z.object({ id: z.string(), url: z.string(), filename: z.string(), sizeInBytes: z.string() })
const Pictures = z.object({ image: Image, faces: z.array(z.unknown()) })

export const FileDescriptor = z.object({
  id: z.string(),
  displayName: z.string(),
  url: z.string(),
  parentFolderId: z.string(),
  hash: z.string(),
  sha256: z.string().optional(),
  sizeInBytes: z.string().optional(),
  private: z.boolean(),
  mediaType: z.enum(MEDIA_TYPES),
  media: z
    .object({
      image: Pictures,
      vector: Pictures,
      video: Named.extend({
        width: z.number().optional(),
        height: z.number().optional(),
        durationInMilliseconds: z.number().optional(),
        posters: z.array(z.unknown()),
        resolutions: z.array(
          z.object({ url: z.string(), width: z.number(), height: z.number(), format: z.string() }),
        ),
      }),
      audio: Named.extend({
        assets: z.array(Named),
        bitrate: z.number().optional(),
        duration: z.number().optional(),
        format: z.string().optional(),
      }),
      document: Named,
      archive: Named,
      model3d: Named,
    })
    .partial()
    .optional(),
  operationStatus: z.enum(['PENDING', 'READY', 'FAILED']),
  sourceUrl: z.string().optional(),
  thumbnailUrl: z.string().optional(),
  labels: z.array(z.string()),
  createdDate: z.string(),
  updatedDate: z.string(),
  siteId: z.string(),
  state: z.enum(['OK', 'DELETED']),
  error: z.object({ code: z.string(), description: z.string() }).optional(),
  importProgress: z.object({ receivedBytes: z.number(), totalBytes: z.number().optional() }).optional(),
})

export const FolderDescriptor = z.object({
  id: z.string(),
  displayName: z.string(),
  parentFolderId: z.string(),
  createdDate: z.string(),
  updatedDate: z.string(),
  state: z.enum(['OK', 'DELETED']),
  siteId: z.string(),
})

export const OneFile = z.object({ file: FileDescriptor })
export const OneFolder = z.object({ folder: FolderDescriptor })
export const Nothing = z.object({})

const Id = z.string().min(1).max(1000)
export const Ids = z.array(Id).min(1).max(100)
export const ManyIds = z.array(Id).min(1).max(1000)

/** In a query everything is text, and a list may be one text. */
export const Flag = z.enum(['true', 'false']).transform((text) => text === 'true')
export const Listed = z.union([z.string().transform((one) => [one]), z.array(z.string())])

export const PageQuery = {
  parentFolderId: z.string().max(100).optional(),
  'sort.fieldName': z.string().optional(),
  'sort.order': z.enum(['ASC', 'DESC']).optional(),
  'paging.limit': z.coerce.number().int().min(1).max(100).optional(),
  'paging.cursor': z.string().max(16_000).optional(),
}

export const NextCursor = z.object({ cursors: z.object({ next: z.string() }).partial() })

const DEFAULT_LIMIT = 50

const SORTS = { displayName: 'name', updatedDate: 'updated', sizeInBytes: 'size' } as const
type Sort = (typeof SORTS)[keyof typeof SORTS]
const Position = z.tuple([z.union([z.string(), z.number().int()]), z.string()])

const Paged = z.object(PageQuery)

/** How a listing is to be ordered, and where it goes on. @throws MediaError */
export function pageFrom<S extends Sort>(query: z.infer<typeof Paged>, sorts: readonly S[]) {
  const field = query['sort.fieldName'] ?? 'updatedDate'
  const sort = sorts.find((one) => one === SORTS[field as keyof typeof SORTS])
  if (sort === undefined)
    throw against('UNSUPPORTED_SORT_VALUE', 'sort.fieldName', 'nothing is sorted by that')
  const cursor = query['paging.cursor']
  return {
    sort,
    // The vendor's default is the newest first; a field that is named is sorted upwards.
    descending: (query['sort.order'] ?? (query['sort.fieldName'] === undefined ? 'DESC' : 'ASC')) === 'DESC',
    after: cursor === undefined || cursor === '' ? undefined : positionFrom(cursor, sort),
    limit: query['paging.limit'] ?? DEFAULT_LIMIT,
  }
}

function positionFrom(cursor: string, sort: Sort): [string | number, string] {
  try {
    const [value, id] = Position.parse(JSON.parse(Buffer.from(cursor, 'base64url').toString()))
    if (typeof value === (sort === 'name' ? 'string' : 'number')) return [value, id]
  } catch {}
  throw invalid('paging.cursor', 'is not one of this listing')
}

/** One more than was asked for tells whether there is a next page. */
export function pageOf<T extends { readonly id: string }>(
  found: readonly T[],
  limit: number,
  sortedBy: (entry: T) => string | number,
): { entries: readonly T[]; nextCursor: z.infer<typeof NextCursor> } {
  const entries = found.slice(0, limit)
  const last = entries.at(-1)
  if (found.length <= limit || last === undefined) return { entries, nextCursor: { cursors: {} } }
  const next = Buffer.from(JSON.stringify([sortedBy(last), last.id])).toString('base64url')
  return { entries, nextCursor: { cursors: { next } } }
}
