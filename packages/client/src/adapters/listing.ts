/** Listing for providers that give all their keys: pages, prefixes and folders are made here. */
import type { ListPage, ListQuery } from '../adapter.ts'
import type { StoredFile } from '../stored-file.ts'

const MOST = 1000

/** One page of `keys`. The cursor is the last entry that was given, so that a changing folder skips nothing. */
export async function listPage(
  keys: readonly string[],
  query: ListQuery,
  fileOf: (key: string) => StoredFile | undefined | Promise<StoredFile | undefined>,
): Promise<ListPage> {
  const { prefix = '', delimiter, cursor, limit = MOST } = query
  const entries = new Set<string>()
  for (const key of keys) {
    if (!key.startsWith(prefix)) continue
    const cut = delimiter === undefined ? -1 : key.indexOf(delimiter, prefix.length)
    entries.add(cut < 0 || delimiter === undefined ? key : key.slice(0, cut + delimiter.length))
  }
  const isPrefix = (entry: string) => delimiter !== undefined && entry.indexOf(delimiter, prefix.length) >= 0
  const rest = [...entries].sort().filter((entry) => cursor === undefined || entry > cursor)
  const page = rest.slice(0, Math.max(1, Math.min(limit, MOST)))
  const files = await Promise.all(page.filter((entry) => !isPrefix(entry)).map(fileOf))
  const prefixes = page.filter(isPrefix)
  const last = page.at(-1)
  return {
    items: files.filter((file) => file !== undefined),
    ...(prefixes.length === 0 ? {} : { prefixes }),
    ...(last === undefined || rest.length === page.length ? {} : { cursor: last }),
  }
}
