/** What the operations of one `Files` share. */
import type { Adapter } from '../adapter.ts'
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
