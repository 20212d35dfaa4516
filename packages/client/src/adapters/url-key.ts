/** Keys in the path of a URL. */
import { FilesError } from '../errors.ts'

/**
 * URLs lose `.` and `..`, even percent-encoded: such a key would become another one on its way.
 * @throws FilesError `InvalidKey`
 */
export function urlKey(key: string): string {
  if (!key.split('/').some((segment) => segment === '.' || segment === '..')) return key
  throw new FilesError('InvalidKey', `${JSON.stringify(key)} has a segment that a URL cannot carry`)
}
