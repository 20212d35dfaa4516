/** Paths at Box, where everything has a number: folders are looked up by name, and made where they are missing. */
import type { Call } from '../../driver.ts'
import { FilesError } from '../../errors.ts'
import { type BoxWire, boxError, conflictOf, type Fields, listOf } from './wire.ts'

/** Most items that a page of a folder may have. */
const PAGE = 1000
/** What is shown of each. */
const SHOWN = 'id,type,name,size,sha1,etag,content_modified_at'

export interface BoxFolders {
  /** The items of a folder. */
  items(id: string, call: Call): Promise<Fields[]>
  /** A folder by its path, without a slash at its end; undefined if there is none. */
  find(path: string, call: Call): Promise<string | undefined>
  /** The folder of a key; what is missing is made. */
  make(key: string, call: Call): Promise<string>
  /** What a file is at Box; undefined if there is none. */
  look(key: string, call: Call): Promise<Fields | undefined>
  /** The same. @throws FilesError `NotFound` */
  file(key: string, call: Call): Promise<Fields>
}

/** Good for one call or one upload: what it has seen may be gone later. */
export function boxFolders(wire: BoxWire, root: string): BoxFolders {
  /** Folders that were seen, by path. */
  const known = new Map<string, string>()

  async function items(id: string, call: Call): Promise<Fields[]> {
    const found: Fields[] = []
    for (let marker = ''; ; ) {
      const query = `fields=${SHOWN}&limit=${PAGE}&usemarker=true${marker && `&marker=${encodeURIComponent(marker)}`}`
      const url = `${wire.api}/folders/${id}/items?${query}`
      const { fields } = await wire.ask('listing', { method: 'GET', url }, call, 404)
      found.push(...listOf(fields.entries))
      const { next_marker: next } = fields
      if (typeof next !== 'string' || next === '' || next === marker) return found
      marker = next
    }
  }

  /** Box knows names without their case. */
  const item = async (parent: string, name: string, type: string, call: Call) =>
    (await items(parent, call)).find(
      (item) => item.type === type && String(item.name).toLowerCase() === name.toLowerCase(),
    )

  async function walk(path: string, create: boolean, call: Call): Promise<string | undefined> {
    const seen = path === '' ? root : known.get(path)
    if (seen !== undefined) return seen
    const [above, name] = split(path)
    const parent = await walk(above, create, call)
    if (parent === undefined) return undefined
    let folder = await item(parent, name, 'folder', call)
    if (folder === undefined && create) {
      const json = { name, parent: { id: parent } }
      const what = `making a folder for ${path}`
      const answer = await wire.ask(what, { method: 'POST', url: `${wire.api}/folders`, json }, call, 409)
      // Another upload may have made it meanwhile.
      const there = conflictOf(answer)
      if (answer.status === 409 && there?.type !== 'folder') throw boxError(what, answer)
      folder = there ?? answer.fields
    }
    if (folder) known.set(path, String(folder.id))
    return known.get(path)
  }

  async function look(key: string, call: Call): Promise<Fields | undefined> {
    const [above, name] = split(key)
    const folder = await walk(above, false, call)
    return folder === undefined ? undefined : item(folder, name, 'file', call)
  }

  return {
    items,
    find: (path, call) => walk(path, false, call),
    make: async (key, call) => String(await walk(split(key)[0], true, call)),
    look,
    file: async (key, call) => {
      const file = await look(key, call)
      if (file) return file
      throw new FilesError('NotFound', `there is no file ${JSON.stringify(key)}`)
    },
  }
}

/**
 * The folder of a path, without a slash at its end, and the name in it.
 * @throws FilesError `InvalidKey` if Box would not keep the names as they are
 */
export function split(path: string): [folder: string, name: string] {
  // No name is empty, a dot or two, longer than 255, or begins or ends with white space.
  const bad = /(?:^|\/)(?:\.{0,2}|\s[^/]*|[^/]*\s|[^/]{256,})(?:$|\/)|[\\\p{Cc}\p{Cs}]/u
  if (bad.test(path))
    throw new FilesError('InvalidKey', `${JSON.stringify(path.slice(0, 100))} is no path at Box`)
  const cut = path.lastIndexOf('/')
  return [path.slice(0, Math.max(cut, 0)), path.slice(cut + 1)]
}
