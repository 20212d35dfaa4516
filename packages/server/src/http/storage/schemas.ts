/** Shapes that several JSON routes answer with. */
import { z } from 'zod'

export const Message = z.object({ message: z.string() })

const Metadata = z.object({
  eTag: z.string(),
  size: z.number(),
  mimetype: z.string(),
  cacheControl: z.string(),
  lastModified: z.string(),
  contentLength: z.number(),
  httpStatusCode: z.number(),
})

export const ObjectRow = z.object({
  name: z.string(),
  id: z.string(),
  bucket_id: z.string(),
  owner: z.string(),
  owner_id: z.string(),
  version: z.string(),
  created_at: z.string(),
  updated_at: z.string(),
  last_accessed_at: z.string(),
  metadata: Metadata,
  user_metadata: z.record(z.string(), z.unknown()).nullable(),
})

export const FolderRow = z.object({
  name: z.string(),
  id: z.null(),
  updated_at: z.null(),
  created_at: z.null(),
  last_accessed_at: z.null(),
  metadata: z.null(),
})

export const Info = z.object({
  id: z.string(),
  name: z.string(),
  version: z.string(),
  bucket_id: z.string(),
  size: z.number(),
  content_type: z.string(),
  content_encoding: z.string().nullable(),
  cache_control: z.string(),
  etag: z.string(),
  digests: z.record(z.string(), z.string()),
  metadata: z.record(z.string(), z.unknown()),
  last_modified: z.string(),
  created_at: z.string(),
  updated_at: z.string(),
})

export const Signed = z.object({ signedURL: z.string() })
