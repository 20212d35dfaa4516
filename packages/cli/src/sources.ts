/** From the arguments of `pawl upload` to files and the keys they get. */
import { readdir, stat } from 'node:fs/promises'
import { basename, join, relative, resolve, sep } from 'node:path'
import type { Destination } from './destination.ts'
import { UsageError } from './exit.ts'

export interface Item {
  /** Absolute. */
  readonly file: string
  readonly key: string
  /** Bytes. */
  readonly size: number
  /** Milliseconds since 1970. */
  readonly modified: number
}

export interface Found {
  readonly items: readonly Item[]
  /** What lies in the folders and is neither a file nor a folder. */
  readonly skipped: readonly string[]
  /** What could not be looked at, and why: whatever it holds is not among the items. */
  readonly unread: readonly string[]
}

/**
 * Files keep their place below the folder that was named: `photos` gives `photos/2024/a.jpg`, `photos/.` gives
 * `2024/a.jpg`. Links to files are followed, links to folders are not: they may lead in circles.
 * @throws UsageError if two files would get one key, or if several shall become one object
 */
export async function findFiles(paths: readonly string[], destination: Destination): Promise<Found> {
  const found = { items: [] as Item[], skipped: [] as string[], unread: [] as string[] }
  const { items } = found
  const several = paths.length > 1
  for (const path of paths) {
    const facts = await stat(path).catch((error: NodeJS.ErrnoException) => {
      throw new UsageError(error.code === 'ENOENT' ? `there is no ${path}` : error.message)
    })
    if (facts.isDirectory()) {
      const within = /(^|[\\/])\.{1,2}[\\/]?$/.test(path) ? '' : `${basename(resolve(path))}/`
      const prefix = asPrefix(destination) + within
      await walk(path, prefix, found)
    } else if (facts.isFile()) {
      const named = !several && destination.key !== '' && !destination.key.endsWith('/')
      const key = named ? destination.key : asPrefix(destination) + basename(path)
      items.push({ file: resolve(path), key, size: facts.size, modified: Math.floor(facts.mtimeMs) })
    } else {
      throw new UsageError(`${path} is neither a file nor a folder`)
    }
  }
  const seen = new Map<string, string>()
  for (const { key, file } of items) {
    const other = seen.get(key)
    if (other !== undefined) throw new UsageError(`${other} and ${file} would both become ${key}`)
    seen.set(key, file)
  }
  return found
}

interface Growing {
  readonly items: Item[]
  readonly skipped: string[]
  readonly unread: string[]
}

async function walk(folder: string, prefix: string, { items, skipped, unread }: Growing): Promise<void> {
  const paths: string[] = []
  await pathsBelow(folder, paths, unread)
  for (const path of paths.sort()) {
    const facts = await stat(path).catch((error: NodeJS.ErrnoException) => {
      // A link that leads nowhere, or a file that was deleted since: there is nothing to send.
      return error.code === 'ENOENT' || error.code === 'ELOOP' ? undefined : error
    })
    if (facts instanceof Error) {
      unread.push(`${path} is not sent: ${facts.message}`)
      continue
    }
    if (facts?.isFile() !== true) {
      skipped.push(path)
      continue
    }
    const key = prefix + relative(folder, path).split(sep).join('/')
    items.push({ file: resolve(path), key, size: facts.size, modified: Math.floor(facts.mtimeMs) })
  }
}

/** Folder by folder: one that cannot be read keeps none of the others from being sent. */
async function pathsBelow(folder: string, paths: string[], unread: string[]): Promise<void> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((error: Error) => error)
  if (entries instanceof Error) {
    unread.push(`${folder} is not sent: ${entries.message}`)
    return
  }
  for (const entry of entries) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) await pathsBelow(path, paths, unread)
    else paths.push(path)
  }
}

function asPrefix({ key }: Destination): string {
  return key === '' || key.endsWith('/') ? key : `${key}/`
}
