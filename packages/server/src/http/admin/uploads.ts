/** Uploads that have not come to their end: who sends what, how far it is, and how to end one. */
import { z } from 'zod'
import { UploadError, type UploadErrorCode } from '../../uploads/errors.ts'
import type { InFlight } from '../../uploads/in-flight.ts'
import { readMetadata } from '../../uploads/metadata.ts'
import { parseUploadId, type UploadId, type UploadRecord } from '../../uploads/upload.ts'
import type { Uploads } from '../../uploads/uploads.ts'
import { Refusal } from './parse.ts'
import { type AdminRoute, route } from './route.ts'

export interface UploadsAdmin {
  readonly uploads: Pick<Uploads, 'cancel'>
  readonly inFlight: (after: UploadId | undefined, limit: number) => Promise<InFlight[]>
}

const Id = z.string().transform((text, context) => {
  const id = parseUploadId(text)
  if (id !== undefined) return id
  context.addIssue({ code: 'custom', message: 'is not the id of an upload' })
  return z.NEVER
})

const Upload = z.object({
  id: z.string(),
  state: z.enum(['open', 'finishing', 'sealed']),
  face: z.enum(['files', 'storage', 'media']),
  bucket: z.string(),
  key: z.string(),
  /** As its client calls the file; null when it has not said. */
  name: z.string().nullable(),
  type: z.string(),
  /** Bytes in all; null while the client has not said. */
  size: z.number().nullable(),
  /** Bytes accepted so far. */
  offset: z.number(),
  /** Bytes a second of the request that writes now; null when none does. */
  rate: z.number().nullable(),
  owner: z.object({ role: z.string(), sub: z.string().optional() }),
  createdAt: z.string(),
  /** When it is given up if nothing more comes; the newest bytes put it off. */
  expiresAt: z.string(),
})

export function uploadRoutes({ uploads, inFlight }: UploadsAdmin): AdminRoute[] {
  return [
    route({
      method: 'GET',
      url: '/uploads',
      summary: 'Uploads that have not come to their end, a page at a time',
      query: z.strictObject({
        after: Id.optional(),
        limit: z.coerce.number().int().min(1).max(500).default(100),
      }),
      reply: z.object({ uploads: z.array(Upload), next: z.string().nullable() }),
      async run({ query: { after, limit } }) {
        const found = await refusable(() => inFlight(after, limit))
        return {
          uploads: found.map(shown),
          // What `after` goes on from; null on the last page.
          next: found.length < limit ? null : (found.at(-1)?.upload.id ?? null),
        }
      },
    }),
    route({
      method: 'DELETE',
      url: '/uploads/:id',
      summary: 'Ends an upload: its transfer is cut, its bytes are removed',
      params: z.object({ id: Id }),
      reply: z.object({ ended: z.string() }),
      async run({ params: { id } }) {
        await refusable(() => uploads.cancel(id, () => true))
        return { ended: id }
      },
    }),
  ]
}

function shown({ upload, state, offset, rate }: InFlight): z.input<typeof Upload> {
  return {
    id: upload.id,
    state,
    face: upload.face,
    bucket: upload.bucket,
    key: upload.key,
    name: nameOf(upload),
    type: upload.headers.contentType,
    size: upload.length ?? null,
    offset,
    rate: rate ?? null,
    owner: upload.owner,
    createdAt: new Date(upload.createdAt).toISOString(),
    expiresAt: new Date(upload.expiresAt).toISOString(),
  }
}

/** At the plain endpoint keys are ids: the name is in what the client tells beside the bytes. */
function nameOf({ metadata }: UploadRecord): string | null {
  try {
    const { filename, name } = readMetadata(metadata)
    return filename ?? name ?? null
  } catch {
    return null
  }
}

const STATUS: Partial<Record<UploadErrorCode, number>> = {
  'not-found': 404,
  gone: 410,
  complete: 409,
  finishing: 409,
  busy: 409,
}

async function refusable<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    const status = error instanceof UploadError ? STATUS[error.code] : undefined
    throw status === undefined ? error : new Refusal(status, (error as UploadError).message)
  }
}
