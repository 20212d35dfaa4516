/** Buckets: made, changed and emptied by the service role, and by nobody else. */
import { z } from 'zod'
import type { Principal } from '../../access/principal.ts'
import { size } from '../../config-values.ts'
import { MEDIA_BUCKET } from '../../media/media-file.ts'
import { FILES_BUCKET } from '../../objects/bucket.ts'
import { DENIED, StorageError } from './errors.ts'
import { type Call, route } from './json-route.ts'
import { checkBucketName } from './names.ts'
import { bucketRow } from './rows.ts'

const Rules = {
  public: z.boolean().nullish(),
  file_size_limit: z.union([z.number().int().nonnegative(), z.string()]).nullish(),
  allowed_mime_types: z.array(z.string().regex(/^[^/\s]+\/[^/\s]+$|^\*$/, 'is not a media type')).nullish(),
}
const Message = z.object({ message: z.string() })
const Bucket = z.object({
  id: z.string(),
  name: z.string(),
  owner: z.string(),
  public: z.boolean(),
  type: z.string(),
  file_size_limit: z.number().nullable(),
  allowed_mime_types: z.array(z.string()).nullable(),
  created_at: z.string(),
  updated_at: z.string(),
})
const Page = z.object({
  limit: z.coerce.number().int().min(1).max(1000).default(1000),
  offset: z.coerce.number().int().min(0).default(0),
  search: z.string().optional(),
  sortColumn: z.enum(['id', 'name', 'created_at', 'updated_at']).default('id'),
  sortOrder: z.enum(['asc', 'desc']).default('asc'),
})

export const BUCKET_ROUTES = [
  route({
    method: 'POST',
    url: '/bucket',
    summary: 'Create a bucket',
    body: z.object({ id: z.string().optional(), name: z.string(), ...Rules }),
    reply: z.object({ name: z.string() }),
    async run({ face, body, caller }) {
      const owner = await operator(caller)
      const id = checkBucketName(body.id ?? body.name)
      const made = await face.buckets.create({
        id,
        owner,
        public: body.public ?? false,
        fileSizeLimit: limitFrom(body.file_size_limit) ?? undefined,
        allowedMimeTypes: body.allowed_mime_types ?? undefined,
      })
      if (!made) throw new StorageError('BucketAlreadyExists', 'The resource already exists')
      return { name: id }
    },
  }),

  route({
    method: 'GET',
    url: '/bucket',
    summary: 'List buckets; whoever is not the service role sees none',
    query: Page,
    reply: z.array(Bucket),
    async run({ face, query, caller }) {
      if ((await caller()).role !== 'service_role') return []
      const { limit, offset, search, sortColumn, sortOrder } = query
      const buckets = await face.buckets.list({
        search,
        sort: sortColumn === 'name' ? 'id' : sortColumn,
        descending: sortOrder === 'desc',
        skip: offset,
        limit,
      })
      return buckets.map(bucketRow)
    },
  }),

  route({
    method: 'GET',
    url: '/bucket/:id',
    summary: 'One bucket',
    reply: Bucket,
    async run({ face, params, caller }) {
      const { role } = await caller()
      const bucket = role === 'service_role' ? await face.buckets.find(params.id ?? '') : undefined
      if (bucket === undefined) throw noSuchBucket()
      return bucketRow(bucket)
    },
  }),

  route({
    method: 'PUT',
    url: '/bucket/:id',
    summary: 'Change the rules of a bucket; what is left out stays',
    body: z.object(Rules),
    reply: Message,
    async run({ face, params, body, caller }) {
      await operator(caller)
      const changed = await face.buckets.update(params.id ?? '', {
        public: body.public ?? undefined,
        fileSizeLimit: limitFrom(body.file_size_limit),
        allowedMimeTypes: body.allowed_mime_types,
      })
      if (!changed) throw noSuchBucket()
      return { message: 'Successfully updated' }
    },
  }),

  route({
    method: 'POST',
    url: '/bucket/:id/empty',
    summary: 'Remove every object of a bucket',
    reply: Message,
    async run(call) {
      const id = await existing(call)
      await call.face.buckets.empty(id)
      return { message: 'Successfully emptied' }
    },
  }),

  route({
    method: 'DELETE',
    url: '/bucket/:id',
    summary: 'Delete an empty bucket',
    reply: Message,
    async run(call) {
      const id = await existing(call)
      if (id === FILES_BUCKET || id === MEDIA_BUCKET) {
        throw new StorageError('InvalidRequest', `the bucket ${id} is always there`)
      }
      if ((await call.face.buckets.remove(id)) === 'not-empty') {
        throw new StorageError('BucketNotEmpty', 'The bucket you tried to delete is not empty')
      }
      return { message: 'Successfully deleted' }
    },
  }),
]

async function existing({ face, params, caller }: Call<undefined, undefined>): Promise<string> {
  await operator(caller)
  const bucket = await face.buckets.find(params.id ?? '')
  if (bucket === undefined) throw noSuchBucket()
  return bucket.id
}

/** @throws StorageError `AccessDenied` for everyone but the service role */
async function operator(caller: () => Promise<Principal>): Promise<Principal> {
  const who = await caller()
  if (who.role === 'service_role') return who
  throw new StorageError('AccessDenied', DENIED)
}

/** Bytes as a number or such as "50mb". @throws StorageError `InvalidRequest` */
function limitFrom(given: number | string | null | undefined): number | null | undefined {
  if (typeof given !== 'string') return given
  try {
    return size(given.trim(), 'file_size_limit')
  } catch {
    throw new StorageError(
      'InvalidRequest',
      'file_size_limit: must be a number of bytes, or a size such as 50mb',
    )
  }
}

function noSuchBucket(): StorageError {
  return new StorageError('NoSuchBucket', 'Bucket not found')
}
