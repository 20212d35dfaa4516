/** Objects of a bucket as Google's JSON shows them. */
import type { ProviderResult } from '../../driver.ts'
import { FilesError } from '../../errors.ts'
import type { StoredFileFacts } from '../../stored-file.ts'
import { type Fields, fieldsOf, textOf } from './wire.ts'

/** https://cloud.google.com/storage/docs/json_api/v1/objects#resource */
export function factsOf(resource: Fields): StoredFileFacts {
  const metadata = Object.entries(fieldsOf(resource.metadata)).map(([name, value]) => [name, String(value)])
  return {
    key: textOf(resource.name) ?? '',
    size: Number(resource.size),
    type: textOf(resource.contentType),
    lastModified: Date.parse(textOf(resource.updated) ?? ''),
    etag: textOf(resource.generation),
    metadata: metadata.length === 0 ? undefined : Object.fromEntries(metadata),
  }
}

export function objectResult({ generation, crc32c }: Fields): ProviderResult {
  return {
    ...(typeof generation === 'string' ? { etag: generation } : {}),
    ...(typeof crc32c === 'string' ? { digest: { algorithm: 'crc32c', value: crc32c } } : {}),
  }
}

/** https://cloud.google.com/storage/docs/objects#naming */
export function checkName(key: string): string {
  const fits = new TextEncoder().encode(key).length <= 1024 && key !== '.' && key !== '..'
  if (fits && !/[\r\n]/.test(key) && !key.startsWith('.well-known/acme-challenge/')) return key
  throw new FilesError('InvalidKey', `${JSON.stringify(key.slice(0, 100))} is no object name`)
}

export function checkBucket(bucket: string): string {
  if (/^[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]$/.test(bucket)) return bucket
  throw new FilesError('InvalidKey', `${JSON.stringify(bucket)} is no bucket name`)
}

/** What a list's JSON says besides its items. */
export function pageOf({ prefixes, nextPageToken }: Fields) {
  const folders = Array.isArray(prefixes) ? prefixes.map(String) : []
  const cursor = textOf(nextPageToken)
  return {
    ...(folders.length === 0 ? {} : { prefixes: folders }),
    ...(cursor === undefined ? {} : { cursor }),
  }
}
