/** Names of buckets and objects: what they may be, and how they stand in a path. Never a path on a disk. */
import { StorageError } from './errors.ts'

const MAX_KEY_BYTES = 1024
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const FORBIDDEN = /[\u0000-\u001f\u007f-\u009f\\]/

/**
 * Any Unicode text, as it was sent. A segment that is empty, "." or ".." would mean different objects to
 * different clients, since many of them tidy up URLs; a backslash is a separator to some.
 * @throws StorageError `InvalidKey`
 */
export function checkKey(key: string): string {
  const valid =
    key.isWellFormed() &&
    Buffer.byteLength(key) <= MAX_KEY_BYTES &&
    !FORBIDDEN.test(key) &&
    key.split('/').every((segment) => segment !== '' && segment !== '.' && segment !== '..')
  if (valid) return key
  throw new StorageError('InvalidKey', `Invalid key: ${key.toWellFormed().slice(0, 200)}`)
}

/** @throws StorageError `InvalidBucketName` */
export function checkBucketName(name: string): string {
  if (/^[\w!.*'() &$@=;:+,?-]{1,100}$/.test(name) && name.trim() === name && !/^\.{1,2}$/.test(name))
    return name
  throw new StorageError('InvalidBucketName', 'Bucket name invalid')
}

export interface Place {
  readonly bucket: string
  readonly key: string
}

/**
 * Reads `bucket/key` as it stands in a URL, still encoded.
 * @throws StorageError `InvalidKey`
 */
export function placeFrom(path: string): Place {
  let decoded: string
  try {
    decoded = decodeURIComponent(path)
  } catch {
    throw new StorageError('InvalidKey', 'Invalid key: the URL is not UTF-8 in percent encoding')
  }
  const slash = decoded.indexOf('/')
  if (slash === -1) throw new StorageError('InvalidKey', 'Invalid key: ')
  return { bucket: decoded.slice(0, slash), key: checkKey(decoded.slice(slash + 1)) }
}

export function baseName(key: string): string {
  return key.slice(key.lastIndexOf('/') + 1)
}
