/** Objects of the plain endpoint: their keys are ids, and no other face lists them. */
import { z } from 'zod'
import type { ObjectRecord } from '../../objects/object.ts'
import type { Objects } from '../../objects/objects.ts'
import { UPLOAD_ID } from '../../uploads/upload.ts'
import { Refusal } from './parse.ts'
import { type AdminRoute, route } from './route.ts'

export interface PlainObjectsAdmin {
  readonly objects: Pick<Objects, 'find' | 'list' | 'remove'>
}

const BUCKET = 'files'

const Key = z.string().regex(UPLOAD_ID, 'is not the id of an upload')

const PlainObject = z.object({
  /** The id of its upload: the object is at `/files/{key}`. */
  key: z.string(),
  /** As its client called the file; null when it did not say. */
  name: z.string().nullable(),
  type: z.string(),
  /** Bytes. */
  size: z.number(),
  createdAt: z.string(),
  owner: z.object({ role: z.string(), sub: z.string().optional() }),
  /** Hex; null until it is computed. */
  sha256: z.string().nullable(),
})

export function plainObjectRoutes({ objects }: PlainObjectsAdmin): AdminRoute[] {
  return [
    route({
      method: 'GET',
      url: '/objects',
      summary: 'Objects of the plain endpoint, the newest first',
      query: z.strictObject({
        skip: z.coerce.number().int().min(0).max(1_000_000).default(0),
        limit: z.coerce.number().int().min(1).max(500).default(100),
      }),
      reply: z.object({ objects: z.array(PlainObject), more: z.boolean() }),
      async run({ query: { skip, limit } }) {
        const { entries, more } = await objects.list({
          bucket: BUCKET,
          prefix: '',
          folders: false,
          sort: 'created',
          descending: true,
          search: undefined,
          after: undefined,
          skip,
          limit,
        })
        const found = entries.flatMap((entry) => (entry.kind === 'object' ? [shown(entry.object)] : []))
        return { objects: found, more }
      },
    }),
    route({
      method: 'DELETE',
      url: '/objects/:key',
      summary: 'Removes an object of the plain endpoint',
      params: z.object({ key: Key }),
      reply: z.object({ removed: z.string() }),
      async run({ params: { key } }) {
        const object = await objects.find(BUCKET, key)
        if (object === undefined || (await objects.remove([object])).length === 0)
          throw new Refusal(404, 'there is no such object')
        return { removed: key }
      },
    }),
  ]
}

function shown(object: ObjectRecord): z.input<typeof PlainObject> {
  return {
    key: object.key,
    name: object.headers.fileName ?? null,
    type: object.headers.contentType,
    size: object.size,
    createdAt: new Date(object.createdAt).toISOString(),
    owner: object.owner,
    sha256: object.digests['sha-256'] ?? null,
  }
}
