/** Keys as paths below a root, and nowhere else. */
import { mkdir, realpath } from 'node:fs/promises'
import { dirname, join, resolve, sep } from 'node:path'
import { FilesError } from '../../errors.ts'

/** Marks the file of an unfinished upload. Never listed. */
export const PART_SUFFIX = '.pawl-part'

const SESSION_ID = /^[0-9a-f-]{36}$/

/** The path of a key. @throws FilesError `InvalidKey` */
export function pathOf(root: string, key: string): string {
  const segments = key.split('/')
  const bad = segments.some((segment) => segment === '' || segment === '.' || segment === '..')
  if (bad || key.includes('\0') || (sep === '\\' && /[\\:]/.test(key)) || key.endsWith(PART_SUFFIX)) {
    throw new FilesError('InvalidKey', `${JSON.stringify(key)} cannot be a path below a folder`)
  }
  return join(resolve(root), ...segments)
}

/** The file that a session's bytes go to: beside the target, so that renaming never crosses a file system. */
export function partPath(root: string, key: string, session: string): string {
  if (!SESSION_ID.test(session))
    throw new FilesError('SessionGone', 'the session token names no session of a folder')
  const target = pathOf(root, key)
  return join(dirname(target), `.${session}${PART_SUFFIX}`)
}

/** Makes the folder of a path. A symbolic link must not lead out of the root. */
export async function makeFolder(root: string, path: string): Promise<void> {
  const folder = dirname(path)
  await mkdir(folder, { recursive: true })
  const [realRoot, realFolder] = await Promise.all([realpath(root), realpath(folder)])
  if (realFolder === realRoot || realFolder.startsWith(realRoot.endsWith(sep) ? realRoot : realRoot + sep))
    return
  throw new FilesError('InvalidKey', `${JSON.stringify(folder)} leads out of ${JSON.stringify(root)}`)
}
