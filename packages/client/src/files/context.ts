/** What the operations of one `Files` share. */
import type { Adapter } from '../adapter.ts'
import { FilesError } from '../errors.ts'
import type { OperationOptions } from '../options.ts'
import type { FilesHooks } from './hooks.ts'
import { fullKey } from './keys.ts'

export interface FilesContext {
  readonly adapter: Adapter
  /** Empty, or ending with a slash. */
  readonly prefix: string
  readonly readonly: boolean
  readonly hooks: FilesHooks
  /** Options of the `Files` itself, for calls that do not say otherwise. */
  readonly defaults: OperationOptions
}

/** The key at the provider. */
export function full({ prefix }: FilesContext, key: string): string {
  return fullKey(prefix, key)
}

/** @throws FilesError `ReadOnly` */
export function writable({ readonly }: FilesContext, what: string): void {
  if (readonly) throw new FilesError('ReadOnly', `${what} is refused: these files are read-only`)
}

/** The error of an operation that the provider does not have. */
export function lacks({ adapter }: FilesContext, operation: string): FilesError {
  return new FilesError('NotSupported', `${adapter.name} has no ${operation}`)
}
