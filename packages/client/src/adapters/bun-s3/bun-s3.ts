/**
 * S3 through the client that is built into Bun: https://bun.com/docs/runtime/s3
 *
 * Can: uploads in parts that Bun cuts and sends by itself, paused and resumed in this process; downloads with ranges,
 * lists, deleting.
 * Cannot: go on in another process, send again only what is missing, compare checksums, use conditions or metadata,
 * copy, sign URLs: `pawl/s3` does, on Bun too.
 */
import type { Adapter } from '../../adapter.ts'
import { FilesError } from '../../errors.ts'
import { storedFile, streamOf } from '../../stored-file.ts'
import { urlKey } from '../url-key.ts'
import { type BunListed, type BunS3Client, type BunS3Options, type BunStat, openClient } from './bun.ts'
import { bunS3Driver } from './driver.ts'
import { bunError } from './failure.ts'
import type { Flow } from './flow.ts'

export type { BunS3Client, BunS3Options } from './bun.ts'

const PART = 8 * 1024 * 1024

export interface BunS3AdapterOptions extends BunS3Options {
  /** Bytes of a part, at least 5 MiB. Default 8 MiB; more where the body would have more than 10,000. */
  readonly partSize?: number
}

/** @example new Files({ adapter: bunS3({ bucket: 'backups' }) }) // credentials as Bun finds them */
export function bunS3(options: BunS3AdapterOptions): Adapter<BunS3Client> {
  const { partSize = PART, ...connection } = options
  const client = openClient(connection)
  const flows = new Map<string, Flow>()
  const asked = async <T>(what: string, ask: () => Promise<T>): Promise<T> => {
    try {
      return await ask()
    } catch (error) {
      throw bunError(what, error)
    }
  }
  const stat = (key: string) =>
    asked(`looking for ${JSON.stringify(key)}`, () => client.file(urlKey(key)).stat())
  const file = (key: string, found: BunStat, size = found.size, open = () => client.file(key).stream()) =>
    storedFile({ key, size, ...factsOf(found) }, open)

  return {
    name: 'bun-s3',
    place: `${options.endpoint ?? ''}/${options.bucket ?? ''}`,
    raw: client,
    traits: { rangeRead: true, delimiter: true, resumable: false },
    checkUpload: ({ resume }) => {
      if (resume)
        throw new FilesError(
          'NotSupported',
          'an upload of pawl/bun-s3 does not outlive its process: upload without `resume`, or with pawl/s3',
        )
    },
    driver: (intent) => {
      urlKey(intent.key)
      return bunS3Driver(client, flows, partSize, intent)
    },
    download: async (key, range) => {
      const found = await stat(key)
      if (!range) return file(key, found)
      const end = Math.min(range.end ?? found.size - 1, found.size - 1) + 1
      const size = Math.max(0, end - range.start)
      return file(key, found, size, () =>
        size === 0 ? streamOf(new Uint8Array()) : client.file(key).slice(range.start, end).stream(),
      )
    },
    head: async (key) => file(key, await stat(key)),
    delete: (key) => asked(`deleting ${JSON.stringify(key)}`, () => client.file(urlKey(key)).delete()),
    list: async ({ prefix, delimiter, cursor, limit }) => {
      const page = await asked('listing', () =>
        client.list({
          ...(prefix ? { prefix } : {}),
          ...(delimiter === undefined ? {} : { delimiter }),
          ...(limit === undefined ? {} : { maxKeys: limit }),
          ...(cursor === undefined ? {} : { continuationToken: cursor }),
        }),
      )
      const prefixes = (page.commonPrefixes ?? []).map((one) => one.prefix)
      return {
        items: (page.contents ?? []).map((one) => listed(client, one)),
        ...(prefixes.length === 0 ? {} : { prefixes }),
        ...(page.nextContinuationToken ? { cursor: page.nextContinuationToken } : {}),
      }
    },
  }
}

function factsOf({ etag, lastModified, type }: BunStat) {
  const time = lastModified.getTime()
  return { etag, type: type || undefined, lastModified: Number.isNaN(time) ? undefined : time }
}

function listed(client: BunS3Client, { key, size = 0, eTag, lastModified = '' }: BunListed) {
  const time = Date.parse(lastModified)
  return storedFile({ key, size, etag: eTag, lastModified: Number.isNaN(time) ? undefined : time }, () =>
    client.file(key).stream(),
  )
}
