import { FilesError } from './errors.ts'

/**
 * An option that counts. What a caller computed can be NaN, which compares with nothing: a loop up to it ends at once,
 * and one down from it never.
 * @throws FilesError `NotSupported`
 */
export function numeric<T extends number | undefined>(name: string, value: T): T {
  if (Number.isNaN(value)) throw new FilesError('NotSupported', `${name} is NaN`)
  return value
}
