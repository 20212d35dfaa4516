/** Keys as the caller knows them, and as the provider does. */
import { FilesError } from '../errors.ts'

/** A prefix ends with a slash, so that `a` and `ab` stay apart. */
export function normalPrefix(prefix: string | undefined): string {
  const trimmed = (prefix ?? '').replace(/^\/+|\/+$/g, '')
  return trimmed === '' ? '' : `${trimmed}/`
}

/** @throws FilesError `InvalidKey` for a key that would leave the prefix, or that is none. */
export function fullKey(prefix: string, key: string): string {
  if (key === '') throw new FilesError('InvalidKey', 'a key is at least one character long')
  // Half a character has no UTF-8: it would be stored as U+FFFD, and so would every other half.
  if (key.includes('\0') || !key.isWellFormed())
    throw new FilesError('InvalidKey', `${JSON.stringify(key)} contains NUL or half a character`)
  if (prefix !== '' && key.split('/').some((segment) => segment === '..' || segment === '.')) {
    throw new FilesError(
      'InvalidKey',
      `${JSON.stringify(key)} could lead out of the prefix ${JSON.stringify(prefix)}`,
    )
  }
  return prefix + key
}
