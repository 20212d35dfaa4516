/** Folders of media files. */
import { z } from 'zod'
import { folderDescriptorOf } from '../../media/descriptor.ts'
import { type MediaFolder, ROOT_FOLDER } from '../../media/media-file.ts'
import { invalid, MediaError } from './errors.ts'
import { type MediaCall, route } from './json-route.ts'
import {
  FolderDescriptor,
  Ids,
  NextCursor,
  Nothing,
  OneFolder,
  PageQuery,
  pageFrom,
  pageOf,
} from './schemas.ts'
import { nameFrom } from './terms.ts'

const ListQuery = z.object(PageQuery)
const FolderList = z.object({ folders: z.array(FolderDescriptor), nextCursor: NextCursor })

const VALUES = {
  name: (folder: MediaFolder) => folder.name,
  updated: (folder: MediaFolder) => folder.updatedAt,
}

async function list({ face, query }: MediaCall<undefined, z.infer<typeof ListQuery>>, deleted: boolean) {
  const page = pageFrom(query, ['name', 'updated'])
  const parent = query.parentFolderId ?? (deleted ? undefined : ROOT_FOLDER)
  const found = await face.media.listFolders({ ...page, parent, deleted, limit: page.limit + 1 })
  const { entries, nextCursor } = pageOf(found, page.limit, VALUES[page.sort])
  return { folders: entries.map(folderDescriptorOf), nextCursor }
}

const noFolder = (): MediaError => new MediaError('NOT_FOUND', 'there is no such folder')

export const FOLDER_ROUTES = [
  route({
    method: 'GET',
    url: '/folders',
    summary: 'The folders in a folder',
    query: ListQuery,
    reply: FolderList,
    run: (call) => list(call, false),
  }),

  route({
    method: 'GET',
    url: '/trash-bin/folders',
    summary: 'The folders in the trash',
    query: ListQuery,
    reply: FolderList,
    run: (call) => list(call, true),
  }),

  route({
    method: 'POST',
    url: '/folders',
    summary: 'Make a folder',
    body: z.object({ displayName: z.string().max(1000), parentFolderId: z.string().max(100).nullish() }),
    reply: OneFolder,
    async run({ face, body }) {
      const name = nameFrom(body.displayName, 'displayName')
      const folder = await face.media.addFolder(name, body.parentFolderId || ROOT_FOLDER)
      if (folder === undefined) throw noFolder()
      return { folder: folderDescriptorOf(folder) }
    },
  }),

  route({
    method: 'GET',
    url: '/folders/:id',
    summary: 'One folder',
    reply: OneFolder,
    async run({ face, params }) {
      const [folder] = await face.media.findFolders([params.id ?? ''])
      if (folder === undefined) throw noFolder()
      return { folder: folderDescriptorOf(folder) }
    },
  }),

  route({
    method: 'PATCH',
    url: '/folders/:id',
    summary: 'Another name or place for a folder',
    body: z.object({
      folder: z.object({
        displayName: z.string().max(1000).nullish(),
        parentFolderId: z.string().max(100).nullish(),
      }),
    }),
    reply: OneFolder,
    async run({ face, params, body }) {
      const { displayName, parentFolderId } = body.folder
      const changes = {
        name: displayName ? nameFrom(displayName, 'folder.displayName') : undefined,
        parent: parentFolderId || undefined,
      }
      const folder = await face.media.updateFolder(params.id ?? '', changes)
      if (folder === 'missing') throw noFolder()
      if (folder === 'cycle') throw invalid('folder.parentFolderId', 'lies inside of the folder')
      return { folder: folderDescriptorOf(folder) }
    },
  }),

  route({
    method: 'POST',
    url: '/bulk/folders/delete',
    summary: 'Move folders with everything in them into the trash, or remove them for good',
    body: z.object({ folderIds: Ids, permanent: z.boolean().nullish() }),
    reply: Nothing,
    async run({ face, body }) {
      if (body.permanent === true) await face.media.removeFolders(body.folderIds)
      else await face.media.trashFolders(body.folderIds, true)
      return {}
    },
  }),

  route({
    method: 'POST',
    url: '/bulk/trash-bin/folders/restore',
    summary: 'Take folders with everything in them out of the trash',
    body: z.object({ folderIds: Ids }),
    reply: Nothing,
    async run({ face, body }) {
      await face.media.trashFolders(body.folderIds, false)
      return {}
    },
  }),
]
