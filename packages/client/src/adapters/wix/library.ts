/**
 * Keys as paths in the media manager: folders, and in the last one a file of that name. Neither names of files nor
 * those of folders are unique there; the file that was made last counts.
 */
import type { Call } from '../../driver.ts'
import { FilesError } from '../../errors.ts'
import { remotePath } from '../file-key.ts'
import { type Fields, fieldsOf, textOf, type WixFile, type WixWire, wixFile } from './wire.ts'

const PAGE = 100
const MAX_NAME = 255

export interface Library {
  /** The files of a key, the one that was made last first. */
  named(key: string, call: Call): Promise<WixFile[]>
  /** @throws FilesError `NotFound` */
  get(key: string, call: Call): Promise<WixFile>
  /** What lies in a folder; without it nothing does. */
  inside(path: readonly string[], call: Call): Promise<{ files: WixFile[]; folders: string[] }>
  /** The id of a folder, which is made if it is not there. */
  folder(path: readonly string[], call: Call): Promise<string>
  remove(files: readonly WixFile[], call: Call): Promise<void>
}

export function libraryOf(wire: WixWire, root: string): Library {
  async function all(kind: 'files' | 'folders', parent: string, call: Call): Promise<Fields[]> {
    const found: Fields[] = []
    for (let cursor: string | undefined = ''; cursor !== undefined; ) {
      const query = new URLSearchParams({ parentFolderId: parent, 'paging.limit': String(PAGE) })
      if (cursor !== '') query.set('paging.cursor', cursor)
      const page: Fields = await wire.ask('listing', 'GET', `/${kind}?${query}`, call)
      call.touch()
      const entries = page[kind]
      if (Array.isArray(entries)) found.push(...entries.map(fieldsOf))
      cursor = textOf(fieldsOf(fieldsOf(page.nextCursor).cursors).next) || undefined
    }
    return found
  }

  /** @param make What to do where a folder is missing. */
  async function folderId(
    path: readonly string[],
    call: Call,
    make?: (name: string, parent: string) => Promise<string>,
  ): Promise<string | undefined> {
    let parent = root
    for (const name of path) {
      const found = (await all('folders', parent, call)).find(({ displayName }) => displayName === name)
      const id: string | undefined = textOf(found?.id) ?? (await make?.(name, parent))
      if (id === undefined) return undefined
      parent = id
    }
    return parent
  }

  async function filesIn(parent: string, call: Call): Promise<WixFile[]> {
    const files = (await all('files', parent, call)).map((file) => wixFile('listing', file))
    return files.filter(({ operationStatus }) => operationStatus !== 'FAILED').sort((a, b) => -order(a, b))
  }

  const library: Library = {
    named: async (key, call) => {
      const { folders, name } = placeOf(key)
      const parent = await folderId(folders, call)
      if (parent === undefined) return []
      return (await filesIn(parent, call)).filter(({ displayName }) => displayName === name)
    },
    get: async (key, call) => {
      const [file] = await library.named(key, call)
      if (file) return file
      throw new FilesError('NotFound', `there is no ${JSON.stringify(key)} in the media manager`)
    },
    inside: async (path, call) => {
      const parent = await folderId(path, call)
      if (parent === undefined) return { files: [], folders: [] }
      const [files, folders] = [await filesIn(parent, call), await all('folders', parent, call)]
      return { files, folders: folders.map(({ displayName }) => String(displayName)) }
    },
    folder: async (path, call) => {
      const make = async (displayName: string, parentFolderId: string) => {
        const body = { displayName, parentFolderId }
        const { folder } = await wire.ask('making a folder', 'POST', '/folders', call, body)
        return wixFile('making a folder', folder).id
      }
      return (await folderId(path, call, make)) ?? root
    },
    remove: async (files, call) => {
      if (files.length === 0) return
      const fileIds = files.map(({ id }) => id)
      await wire.ask('deleting', 'POST', '/bulk/files/delete', call, { fileIds })
    },
  }
  return library
}

/** Which of two files was made later: everybody who looks says the same. */
export function order(a: WixFile, b: WixFile): number {
  const made = ({ createdDate }: WixFile) => Date.parse(String(createdDate))
  return made(a) - made(b) || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0)
}

/** A key's folders, and the name in the last one. @throws FilesError `InvalidKey` */
export function placeOf(key: string): { readonly folders: readonly string[]; readonly name: string } {
  const folders = remotePath('', key).split('/').slice(1)
  const name = folders.pop() ?? ''
  // A longer one would be cut, and be another key's.
  if ([...folders, name].every((part) => part.length <= MAX_NAME)) return { folders, name }
  throw new FilesError('InvalidKey', `a name in ${JSON.stringify(key.slice(0, 100))} is too long`)
}
