/** Keys as paths below a root, and nowhere else. */
import { mkdir, realpath } from 'node:fs/promises'
import { dirname, join, resolve, sep } from 'node:path'
import { FilesError } from '../../errors.ts'
import { partName, segmentsOf } from '../file-key.ts'

/** The path of a key. @throws FilesError `InvalidKey` */
export function pathOf(root: string, key: string): string {
  const segments = segmentsOf(key)
  if (sep === '\\' && /[\\:]/.test(key))
    throw new FilesError('InvalidKey', `${JSON.stringify(key)} cannot be a path below a folder`)
  return join(resolve(root), ...segments)
}

/** The file that a session's bytes go to: beside the target, so that renaming never crosses a file system. */
export function partPath(root: string, key: string, session: string): string {
  const name = partName(session)
  return join(dirname(pathOf(root, key)), `.${name}`)
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
