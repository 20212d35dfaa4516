/** Operations that change something, besides uploading one file. */
import type { Adapter, AdapterCall, SignedUpload } from '../adapter.ts'
import { FilesError } from '../errors.ts'
import type * as options from '../options.ts'
import type { StoredFile } from '../stored-file.ts'
import { bulk, withErrors } from './bulk.ts'
import { type FilesContext, full } from './context.ts'
import { lacks } from './lacks.ts'
import { repeated } from './repeated.ts'
import { uploadOne } from './upload.ts'

export async function uploadMany(
  files: FilesContext,
  items: readonly options.UploadManyItem[],
  { onProgress, concurrency, stopOnError, ...shared }: options.UploadManyOptions,
): Promise<options.UploadManyResult> {
  if ('control' in shared) {
    throw new FilesError(
      'NotSupported',
      'a control drives one upload: give each file its own call of upload()',
    )
  }
  const { done, errors } = await bulk(
    items,
    (item) => item.key,
    {
      ...(concurrency === undefined ? {} : { concurrency }),
      ...(stopOnError === undefined ? {} : { stopOnError }),
    },
    ({ key, body, ...item }) =>
      uploadOne(files, key, body, {
        ...shared,
        ...item,
        ...(onProgress && { onProgress: (progress) => onProgress({ ...progress, key }) }),
      }),
  )
  return withErrors({ uploaded: done.map(({ value }) => value) }, errors)
}

export async function remove(
  files: FilesContext,
  key: string,
  options: options.OperationOptions,
): Promise<void> {
  const { adapter } = files
  const call = adapter.delete?.bind(adapter)
  if (!call) throw lacks(files, 'delete')
  try {
    await repeated(files, { type: 'delete', key }, options, (ends) => call(full(files, key), ends))
  } catch (error) {
    if (!(error instanceof FilesError && error.code === 'NotFound')) throw error
  }
}

export async function removeMany(
  files: FilesContext,
  keys: readonly string[],
  options: options.BulkOptions,
): Promise<options.DeleteManyResult> {
  const { done, errors } = await bulk(keys, String, options, (key) => remove(files, key, options))
  return withErrors({ deleted: done.map(({ item }) => item) }, errors)
}

export async function copy(
  files: FilesContext,
  from: string,
  to: string,
  options: options.OperationOptions,
): Promise<void> {
  const { adapter } = files
  const make = adapter.copy?.bind(adapter)
  if (!make) throw lacks(files, 'copy')
  await repeated(files, { type: 'copy', from, to }, options, (call) =>
    make(full(files, from), full(files, to), call),
  )
}

export async function move(
  files: FilesContext,
  from: string,
  to: string,
  options: options.OperationOptions,
): Promise<void> {
  const { adapter } = files
  const [source, target] = [full(files, from), full(files, to)]
  const subject = { type: 'move', from, to } as const
  if (source === target) return
  const { move: rename, copy: make, delete: drop } = adapter
  if (rename) {
    const once = moving(adapter, rename, source, target)
    return repeated(files, subject, options, once)
  }
  if (!make || !drop) throw lacks(files, 'move')
  await repeated(files, subject, options, (call) => make.call(adapter, source, target, call))
  await repeated(files, subject, options, (call) => drop.call(adapter, source, call))
}

/**
 * A provider's own move, so that it can be repeated. One whose answer was lost leaves nothing to be moved again: what
 * was there before, and is under the new key now, was moved.
 */
function moving(adapter: Adapter, rename: NonNullable<Adapter['move']>, from: string, to: string) {
  let before: StoredFile | undefined
  let tried = false
  return async (call: AdapterCall): Promise<void> => {
    before ??= await adapter.head?.(from, call)
    try {
      await rename.call(adapter, from, to, call)
    } catch (error) {
      const carriedOut = tried && error instanceof FilesError && error.code === 'NotFound'
      tried = true
      if (!carriedOut || !before || (await adapter.head?.(to, call))?.size !== before.size) throw error
    }
  }
}

export async function signedUploadUrl(
  files: FilesContext,
  key: string,
  options: options.SignUploadOptions,
): Promise<SignedUpload> {
  const { adapter } = files
  const sign = adapter.signedUploadUrl?.bind(adapter)
  if (!sign) throw lacks(files, 'signedUploadUrl')
  const subject = { type: 'signedUploadUrl', key } as const
  return repeated(files, subject, options, (call) => sign(full(files, key), options, call))
}
