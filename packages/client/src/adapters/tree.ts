/** Listing for providers that have folders and list one at a time. */
import type { ListPage, ListQuery } from '../adapter.ts'
import type { StoredFile } from '../stored-file.ts'
import { PART_SUFFIX } from './file-key.ts'
import { listPage } from './listing.ts'

export interface Entry {
  readonly name: string
  readonly isFolder: boolean
  readonly size: number
  /** Milliseconds since 1970. */
  readonly lastModified?: number | undefined
}

/**
 * One page of what lies below a prefix. With the delimiter `/` no folder but that of the prefix is read; one that is
 * empty is then given as a prefix all the same.
 * @param folder Lists a folder, given as the keys in it begin: empty, or ending with a slash.
 */
export async function pageOf(
  query: ListQuery,
  folder: (path: string) => Promise<readonly Entry[]>,
  fileOf: (key: string, entry: Entry) => StoredFile,
): Promise<ListPage> {
  const { prefix = '', delimiter } = query
  const found = new Map<string, Entry | undefined>()
  const walk = async (path: string): Promise<void> => {
    for (const entry of await folder(path)) {
      const key = path + entry.name
      // A name that is none would lead elsewhere.
      if (/^\.{0,2}$|\//.test(entry.name)) continue
      if (!entry.isFolder) {
        if (!key.endsWith(PART_SUFFIX)) found.set(key, entry)
      } else if (delimiter === '/') found.set(`${key}/`, undefined)
      else if (`${key}/`.startsWith(prefix)) await walk(`${key}/`)
    }
  }
  await walk(prefix.slice(0, prefix.lastIndexOf('/') + 1))
  return listPage([...found.keys()], query, (key) => {
    const entry = found.get(key)
    return entry && fileOf(key, entry)
  })
}
