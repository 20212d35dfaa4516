/** Files: looking at them, changing what is said of them, the trash, download URLs. */
import { z } from 'zod'
import { urlOf } from '../../media/descriptor.ts'
import { MEDIA_TYPES, type MediaFile, ROOT_FOLDER } from '../../media/media-file.ts'
import { ASSETS } from './download.ts'
import { against, invalid } from './errors.ts'
import { baseOf, describe, fileFor, idFrom } from './face.ts'
import { type MediaCall, route } from './json-route.ts'
import {
  FileDescriptor,
  Flag,
  Ids,
  Listed,
  ManyIds,
  NextCursor,
  Nothing,
  OneFile,
  PageQuery,
  pageFrom,
  pageOf,
} from './schemas.ts'
import { nameFrom } from './terms.ts'

const DEFAULT_MINUTES = 600
const MAX_MINUTES = 525_600

const HttpUrl = z
  .string()
  .max(2000)
  .refine((text) => URL.canParse(text) && /^https?:$/.test(new URL(text).protocol), 'is not an http URL')
  // It becomes a header, which takes less than a URL as people write it.
  .transform((text) => new URL(text).href)

const ListQuery = z.object({
  ...PageQuery,
  mediaTypes: Listed.optional(),
  private: Flag.optional(),
})

const VALUES = {
  name: (file: MediaFile) => file.name,
  updated: (file: MediaFile) => file.updatedAt,
  size: (file: MediaFile) => file.size ?? 0,
}

async function list({ face, query, req }: MediaCall<undefined, z.infer<typeof ListQuery>>, deleted: boolean) {
  const page = pageFrom(query, ['name', 'updated', 'size'])
  const types = (query.mediaTypes ?? []).map((name) => {
    const type = MEDIA_TYPES.find((one) => one === name)
    if (type === undefined) throw invalid('mediaTypes', `${name.slice(0, 100)} is no media type`)
    return type
  })
  const found = await face.media.listMedia({
    ...page,
    // The trash is one heap unless a folder is asked for.
    folder: query.parentFolderId ?? (deleted ? undefined : ROOT_FOLDER),
    deleted,
    types,
    private: query.private,
    limit: page.limit + 1,
  })
  const { entries, nextCursor } = pageOf(found, page.limit, VALUES[page.sort])
  return { files: entries.map((file) => describe(face, req, file)), nextCursor }
}

const FileList = z.object({ files: z.array(FileDescriptor), nextCursor: NextCursor })

export const FILE_ROUTES = [
  route({
    method: 'GET',
    url: '/files',
    summary: 'The files of a folder',
    query: ListQuery,
    reply: FileList,
    run: (call) => list(call, false),
  }),

  route({
    method: 'GET',
    url: '/trash-bin/files',
    summary: 'The files in the trash',
    query: ListQuery,
    reply: FileList,
    run: (call) => list(call, true),
  }),

  route({
    method: 'GET',
    url: '/files/get-file-by-id',
    summary: 'One file',
    query: z.object({ fileId: z.string().max(1000) }),
    reply: OneFile,
    async run({ face, query, req }) {
      return { file: describe(face, req, await fileFor(face, query.fileId)) }
    },
  }),

  route({
    method: 'POST',
    url: '/files/get-files',
    summary: 'Several files, by their ids',
    body: z.object({ fileIds: Ids }),
    reply: z.object({ files: z.array(FileDescriptor) }),
    async run({ face, body, req }) {
      const ids = body.fileIds.map(idFrom)
      const files = await face.media.findSeveral(ids)
      const missing = ids.filter((id) => !files.some((file) => file.id === id))
      if (missing.length > 0) {
        throw against('RESOURCE_NOT_FOUND', 'fileIds', 'not all of these files are there', {
          fileIds: missing,
        })
      }
      return { files: files.map((file) => describe(face, req, file)) }
    },
  }),

  route({
    method: 'PATCH',
    url: '/files/update-file-descriptor',
    summary: 'Another name, folder, or other labels for a file',
    body: z.object({
      file: z.object({
        id: z.string().min(1).max(1000),
        displayName: z.string().nullish(),
        parentFolderId: z.string().min(1).max(100).nullish(),
        labels: z.array(z.string().min(1).max(200)).max(100).nullish(),
      }),
      fieldMask: z
        .union([z.string(), z.array(z.string()), z.object({ paths: z.array(z.string()) })])
        .nullish(),
    }),
    reply: OneFile,
    async run({ face, body, req }) {
      const { displayName, parentFolderId, labels } = body.file
      const isMasked = maskOf(body.fieldMask)
      const changes = {
        name: displayName && isMasked('displayName') ? nameFrom(displayName, 'file.displayName') : undefined,
        folder: parentFolderId && isMasked('parentFolderId') ? parentFolderId : undefined,
        labels: labels && isMasked('labels') ? labels : undefined,
      }
      if (Object.values(changes).every((value) => value === undefined)) {
        throw against('FIELD_MASK_IS_EMPTY_OR_MISSING', 'file', 'nothing is to be changed')
      }
      const { id } = await fileFor(face, body.file.id, 'file.id')
      const file = await face.media.update(id, changes)
      if (file === undefined)
        throw against('RESOURCE_NOT_FOUND', 'file.parentFolderId', 'there is no such folder')
      return { file: describe(face, req, file) }
    },
  }),

  route({
    method: 'POST',
    url: '/files/generate-file-download-url',
    summary: 'URLs that give a file, private or not, to whoever has them, for a time',
    body: z.object({
      fileId: z.string().max(1000),
      downloadFileName: z.string().max(255).nullish(),
      expirationInMinutes: z.number().int().min(1).max(MAX_MINUTES).nullish(),
      expirationRedirectUrl: HttpUrl.nullish(),
      assetKeys: z.array(z.string().max(100)).max(100).nullish(),
      contentDisposition: z.enum(['ATTACHMENT', 'INLINE']).nullish(),
    }),
    reply: z.object({ downloadUrls: z.array(z.object({ url: z.string(), assetKey: z.string() })) }),
    async run({ face, body, req }) {
      const file = await fileFor(face, body.fileId)
      const keys = body.assetKeys?.length ? body.assetKeys : ['src']
      const name = body.downloadFileName ? nameFrom(body.downloadFileName, 'downloadFileName') : file.name
      const seconds = (body.expirationInMinutes ?? DEFAULT_MINUTES) * 60
      const downloadUrls = keys.map(async (key) => {
        const asset = ASSETS.find((one) => one === key)
        if (asset === undefined || (asset === 'thumbnail' && file.facts.thumbnail !== true)) {
          throw against('INVALID_ASSET_KEY', 'assetKeys', `the file has no asset ${key}`)
        }
        const saveAs = body.contentDisposition === 'INLINE' ? undefined : name
        const redirect = body.expirationRedirectUrl ?? undefined
        const token = await face.signed.signMedia({ file: file.id, asset, saveAs, redirect }, seconds)
        const place = asset === 'src' ? '' : `/${asset}`
        return { url: `${urlOf(file, baseOf(face, req))}${place}?token=${token}`, assetKey: asset }
      })
      return { downloadUrls: await Promise.all(downloadUrls) }
    },
  }),

  route({
    method: 'POST',
    url: '/bulk/files/delete',
    summary: 'Move files into the trash, or remove them for good',
    body: z.object({ fileIds: ManyIds, permanent: z.boolean().nullish() }),
    reply: Nothing,
    async run({ face, body }) {
      const ids = body.fileIds.map(idFrom)
      if (body.permanent === true) await face.media.remove(ids)
      else await face.media.trash(ids, true)
      return {}
    },
  }),

  route({
    method: 'POST',
    url: '/bulk/trash-bin/files/restore',
    summary: 'Take files out of the trash',
    body: z.object({ fileIds: ManyIds }),
    reply: Nothing,
    async run({ face, body }) {
      await face.media.trash(body.fileIds.map(idFrom), false)
      return {}
    },
  }),
]

type FieldMask = string | readonly string[] | { readonly paths: readonly string[] } | null | undefined

/** Which fields count; without a mask, those that are there. */
function maskOf(mask: FieldMask): (field: string) => boolean {
  if (mask === undefined || mask === null) return () => true
  const names = typeof mask === 'string' ? mask.split(',') : 'paths' in mask ? mask.paths : mask
  return (field) => names.some((name) => name.trim().replace(/^file\./, '') === field)
}
