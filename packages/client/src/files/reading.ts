/** Operations that look and read. */
import type { ByteRange } from '../adapter.ts'
import { FilesError } from '../errors.ts'
import type * as options from '../options.ts'
import { renamed, type StoredFile } from '../stored-file.ts'
import { bulk, withErrors } from './bulk.ts'
import { need } from './capabilities.ts'
import { type FilesContext, full } from './context.ts'
import { lacks } from './lacks.ts'
import { repeated } from './repeated.ts'

export async function download(
  files: FilesContext,
  key: string,
  options: options.DownloadOptions,
): Promise<StoredFile> {
  const { adapter } = files
  const read = adapter.download?.bind(adapter)
  if (!read) throw lacks(files, 'download')
  const { range } = options
  if (range) checkRange(files, range)
  const subject = { type: 'download', key } as const
  return renamed(await repeated(files, subject, options, (call) => read(full(files, key), range, call)), key)
}

export async function downloadMany(
  files: FilesContext,
  keys: readonly string[],
  options: options.BulkOptions,
): Promise<options.DownloadManyResult> {
  const { done, errors } = await bulk(keys, String, options, (key) => download(files, key, options))
  return withErrors({ downloaded: done.map(({ value }) => value) }, errors)
}

export async function head(
  files: FilesContext,
  key: string,
  type: 'head' | 'exists',
  options: options.OperationOptions,
): Promise<StoredFile> {
  const { adapter } = files
  const look = adapter.head?.bind(adapter)
  if (!look) throw lacks(files, type)
  return renamed(await repeated(files, { type, key }, options, (call) => look(full(files, key), call)), key)
}

export async function headMany(
  files: FilesContext,
  keys: readonly string[],
  options: options.BulkOptions,
): Promise<options.HeadManyResult> {
  const { done, errors } = await bulk(keys, String, options, (key) => head(files, key, 'head', options))
  return withErrors({ files: done.map(({ value }) => value) }, errors)
}

export async function exists(
  files: FilesContext,
  key: string,
  options: options.OperationOptions,
): Promise<boolean> {
  try {
    await head(files, key, 'exists', options)
    return true
  } catch (error) {
    if (error instanceof FilesError && error.code === 'NotFound') return false
    throw error
  }
}

export async function existsMany(
  files: FilesContext,
  keys: readonly string[],
  options: options.BulkOptions,
): Promise<options.ExistsManyResult> {
  const { done, errors } = await bulk(keys, String, options, (key) => exists(files, key, options))
  const those = (there: boolean) => done.filter(({ value }) => value === there).map(({ item }) => item)
  return withErrors({ existing: those(true), missing: those(false) }, errors)
}

export async function list(files: FilesContext, options: options.ListOptions): Promise<options.ListResult> {
  const { adapter } = files
  const page = adapter.list?.bind(adapter)
  if (!page) throw lacks(files, 'list')
  const { prefix = '', cursor, limit, delimiter } = options
  need(adapter.name, 'list with a delimiter', delimiter === undefined || adapter.traits.delimiter === true)
  const query = {
    prefix: files.prefix + prefix,
    ...(cursor === undefined ? {} : { cursor }),
    ...(limit === undefined ? {} : { limit }),
    ...(delimiter === undefined ? {} : { delimiter }),
  }
  const {
    items,
    prefixes,
    cursor: next,
  } = await repeated(files, { type: 'list' }, options, (call) => page(query, call))
  return {
    items: items.map((file) => renamed(file, callerKey(files.prefix, file.key))),
    ...(prefixes && { prefixes: prefixes.map((key) => callerKey(files.prefix, key)) }),
    ...(next === undefined ? {} : { cursor: next }),
  }
}

export async function url(files: FilesContext, key: string, options: options.UrlOptions): Promise<string> {
  const { adapter } = files
  const make = adapter.url?.bind(adapter)
  if (!make) throw lacks(files, 'url')
  return repeated(files, { type: 'url', key }, options, (call) => make(full(files, key), options, call))
}

function checkRange({ adapter }: FilesContext, { start, end }: ByteRange): void {
  need(adapter.name, 'download of a range', adapter.traits.rangeRead === true)
  const whole = Number.isSafeInteger(start) && start >= 0
  if (!whole || (end !== undefined && (!Number.isSafeInteger(end) || end < start))) {
    throw new FilesError('NotSupported', `bytes ${start}–${end ?? ''} are no range`)
  }
}

/** The key as the caller knows it. */
function callerKey(prefix: string, key: string): string {
  return key.startsWith(prefix) ? key.slice(prefix.length) : key
}
