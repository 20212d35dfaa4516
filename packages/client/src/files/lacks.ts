import { FilesError } from '../errors.ts'
import type { FilesContext } from './context.ts'

/** The error of an operation that the provider does not have. */
export function lacks({ adapter }: FilesContext, operation: string): FilesError {
  return new FilesError('NotSupported', `${adapter.name} has no ${operation}`)
}
