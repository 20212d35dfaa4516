/** Keys as paths on a file system, here or at a server: below a root, and nowhere else. */
import { FilesError } from '../errors.ts'

/** Marks the file of an unfinished upload. Never listed, and no key. */
export const PART_SUFFIX = '.pawl-part'

const SESSION_ID = /^[0-9a-f-]{36}$/

/** The segments of a key. @throws FilesError `InvalidKey` */
export function segmentsOf(key: string): string[] {
  const segments = key.split('/')
  const bad = segments.some((segment) => segment === '' || segment === '.' || segment === '..')
  if (bad || key.includes('\0') || key.endsWith(PART_SUFFIX)) throw noPath(key)
  return segments
}

/**
 * A key as a path at a server. Control characters could end a command there, white space at the end of a name
 * is cut off by some servers, and then two keys would be one file.
 * @param root Without a slash at its end. @throws FilesError `InvalidKey`
 */
export function remotePath(root: string, key: string): string {
  const segments = segmentsOf(key)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  if (segments.some((segment) => /[\x00-\x1f\x7f]|^\s|\s$/.test(segment))) throw noPath(key)
  return `${root}/${segments.join('/')}`
}

/** The name of the file that a session's bytes go to, beside the target: renaming never crosses a file system. */
export function partName(session: string): string {
  if (SESSION_ID.test(session)) return session + PART_SUFFIX
  throw new FilesError('SessionGone', 'the session token names no part file')
}

/** The folder of a path, without a slash at its end. */
export function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/'))
}

function noPath(key: string): FilesError {
  return new FilesError('InvalidKey', `${JSON.stringify(key)} cannot be a path below a folder`)
}
