/** Everything but uploading one body: one key or several, watched by the hooks. */
import type { SignedUpload } from '../adapter.ts'
import type * as options from '../options.ts'
import type { StoredFile } from '../stored-file.ts'
import type { FilesContext } from './context.ts'
import type { FilesActionType } from './hooks.ts'
import { observed, written } from './observed.ts'
import * as reading from './reading.ts'
import * as writing from './writing.ts'

type Keys = string | readonly string[]

/** A call on one key or on several, as one function. */
function either<One, Many>(
  type: FilesActionType,
  one: (files: FilesContext, key: string, options: options.OperationOptions) => Promise<One>,
  many: (files: FilesContext, keys: readonly string[], options: options.BulkOptions) => Promise<Many>,
  watch: typeof written,
) {
  return (files: FilesContext, keys: Keys, options: options.BulkOptions = {}): Promise<One | Many> =>
    typeof keys === 'string'
      ? watch<One | Many>(files, { type, key: keys }, () => one(files, keys, options))
      : watch<One | Many>(files, { type, keys: [...keys] }, () => many(files, keys, options))
}

const read: typeof written = (files, subject, call) => observed(files.hooks, subject, call)

export const download = either('download', reading.download, reading.downloadMany, read)
export const exists = either('exists', reading.exists, reading.existsMany, read)
export const remove = either('delete', writing.remove, writing.removeMany, written)
export const head = either(
  'head',
  (files, key, options) => reading.head(files, key, 'head', options),
  reading.headMany,
  read,
)

export function list(files: FilesContext, options: options.ListOptions = {}): Promise<options.ListResult> {
  return read(files, { type: 'list' }, () => reading.list(files, options))
}

export async function* listAll(
  files: FilesContext,
  options: options.ListOptions = {},
): AsyncGenerator<StoredFile, void> {
  let { cursor } = options
  do {
    const page = await list(files, cursor === undefined ? options : { ...options, cursor })
    yield* page.items
    cursor = page.cursor
  } while (cursor !== undefined)
}

export function url(files: FilesContext, key: string, options: options.UrlOptions = {}): Promise<string> {
  return read(files, { type: 'url', key }, () => reading.url(files, key, options))
}

export function uploadMany(
  files: FilesContext,
  items: readonly options.UploadManyItem[],
  options: options.UploadManyOptions = {},
): Promise<options.UploadManyResult> {
  const keys = items.map((item) => item.key)
  return written(files, { type: 'upload', keys }, () => writing.uploadMany(files, items, options))
}

export function copy(
  files: FilesContext,
  from: string,
  to: string,
  options: options.OperationOptions = {},
): Promise<void> {
  return written(files, { type: 'copy', from, to }, () => writing.copy(files, from, to, options))
}

export function move(
  files: FilesContext,
  from: string,
  to: string,
  options: options.OperationOptions = {},
): Promise<void> {
  return written(files, { type: 'move', from, to }, () => writing.move(files, from, to, options))
}

export function signedUploadUrl(
  files: FilesContext,
  key: string,
  options: options.SignUploadOptions,
): Promise<SignedUpload> {
  return written(files, { type: 'signedUploadUrl', key }, () => writing.signedUploadUrl(files, key, options))
}
