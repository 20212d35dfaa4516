/**
 * Azure Blob Storage, block blobs, through `@azure/storage-blob` (an optional peer dependency).
 * https://learn.microsoft.com/rest/api/storageservices/blob-service-rest-api
 *
 * Can: blocks in parallel under a random prefix per session, resumed from the uncommitted list; an MD5 with each
 * block in Node; conditions; every file operation; SAS URLs with an account key.
 * Cannot: report a digest of a blob made of blocks, because the service computes none; drop staged blocks where
 * a blob or somebody else's blocks are there too (the service drops them after seven days).
 */
import type { BlockBlobClient, ContainerClient } from '@azure/storage-blob'
import type { Adapter } from '../../adapter.ts'
import { FilesError } from '../../errors.ts'
import { type StoredFile, storedFile, streamOf } from '../../stored-file.ts'
import { fromHeaderValue } from '../header-value.ts'
import { urlKey } from '../url-key.ts'
import { azureDriver } from './driver.ts'
import { asked } from './failure.ts'
import { loadSdk } from './sdk.ts'

export interface AzureOptions {
  readonly container: string
  /** As the portal shows it. Default: the environment variable `AZURE_STORAGE_CONNECTION_STRING`. */
  readonly connectionString?: string
  /** The container's URL with a SAS; as a function it is asked again when the last one was refused. */
  readonly url?: string | (() => Promise<string>)
  /** A client of the SDK, for every other kind of credential. */
  readonly client?: ContainerClient
}

const EXPIRES = 3600

/** @example new Files({ adapter: azure({ container: 'backups', connectionString }) }) */
export function azure(options: AzureOptions): Adapter<() => Promise<ContainerClient>> {
  let opened: Promise<ContainerClient> | undefined
  const open = async () => {
    try {
      return await openContainer(options)
    } catch (error) {
      // Whoever signs URLs may fail for a moment: the next request asks again.
      opened = undefined
      throw error
    }
  }
  const container = () => (opened ??= open())
  const blob = async (key: string): Promise<BlockBlobClient> =>
    (await container()).getBlockBlobClient(blobKey(key))

  const read = async (key: string, signal: AbortSignal | undefined, offset = 0, count?: number) => {
    const client = await blob(key)
    return asked(`reading ${JSON.stringify(key)}`, signal ?? new AbortController().signal, () =>
      client.download(offset, count, signal ? { abortSignal: signal } : {}),
    )
  }
  const lazy = (key: string) => async () => bytesOf(await read(key, undefined))
  const sas = async (key: string, permissions: string, expiresIn: number, more: object = {}) => {
    const { BlobSASPermissions } = await loadSdk()
    const client = await blob(key)
    return client.generateSasUrl({
      permissions: BlobSASPermissions.parse(permissions),
      expiresOn: new Date(Date.now() + expiresIn * 1000),
      ...more,
    })
  }

  return {
    name: 'azure',
    place: placeOf(options),
    raw: container,
    traits: {
      rangeRead: true,
      delimiter: true,
      metadata: true,
      cacheControl: true,
      conditions: ['create', 'replace'],
      serverSideCopy: true,
      signedUrls: true,
      resumable: true,
    },
    driver: (intent) =>
      azureDriver(
        intent,
        () => blob(intent.key),
        async () => {
          opened = undefined
          return typeof options.url === 'function'
        },
      ),
    download: async (key, range, { signal }) => {
      const count = range?.end === undefined ? undefined : range.end - range.start + 1
      const answer = await read(key, signal, range?.start, count)
      let first: ReadableStream<Uint8Array<ArrayBuffer>> | undefined = await bytesOf(answer)
      return fileOf(key, answer, async () => {
        const stream = first ?? (await bytesOf(await read(key, undefined, range?.start, count)))
        first = undefined
        return stream
      })
    },
    head: async (key, { signal }) => {
      const client = await blob(key)
      const facts = await asked(`looking at ${JSON.stringify(key)}`, signal, () =>
        client.getProperties({ abortSignal: signal }),
      )
      return fileOf(key, facts, lazy(key))
    },
    delete: async (key, { signal }) => {
      const client = await blob(key)
      await asked(`deleting ${JSON.stringify(key)}`, signal, () =>
        client.deleteIfExists({ abortSignal: signal }),
      )
    },
    copy: async (from, to, { signal }) => {
      const [source, target] = [await blob(from), await blob(to)]
      const url = await sas(from, 'r', EXPIRES).catch(() => source.url)
      await asked(`copying ${JSON.stringify(from)}`, signal, async () => {
        const poller = await target.beginCopyFromURL(url, { abortSignal: signal, intervalInMs: 200 })
        await poller.pollUntilDone()
      })
    },
    list: async ({ prefix = '', cursor, limit = 1000, delimiter }, { signal }) => {
      const client = await container()
      const settings = { maxPageSize: limit, ...(cursor === undefined ? {} : { continuationToken: cursor }) }
      const query = { prefix, abortSignal: signal }
      const pages =
        delimiter === undefined
          ? client.listBlobsFlat(query).byPage(settings)
          : client.listBlobsByHierarchy(delimiter, query).byPage(settings)
      const { value } = await asked('listing', signal, () => pages.next())
      const page = value as
        | { segment: { blobItems?: Listed[]; blobPrefixes?: { name: string }[] }; continuationToken?: string }
        | undefined
      const prefixes = (page?.segment.blobPrefixes ?? []).map(({ name }) => name)
      return {
        items: (page?.segment.blobItems ?? []).map(({ name, properties }) =>
          fileOf(name, properties, lazy(name)),
        ),
        ...(prefixes.length === 0 ? {} : { prefixes }),
        ...(page?.continuationToken ? { cursor: page.continuationToken } : {}),
      }
    },
    url: (key, { expiresIn = EXPIRES, responseContentDisposition }) =>
      sas(
        key,
        'r',
        expiresIn,
        responseContentDisposition ? { contentDisposition: responseContentDisposition } : {},
      ),
    signedUploadUrl: async (key, { expiresIn, contentType, maxSize, minSize }) => {
      if (maxSize !== undefined || minSize !== undefined) {
        throw new FilesError(
          'NotSupported',
          'a SAS cannot hold its user to a size; sign in a backend that checks',
        )
      }
      return {
        method: 'PUT',
        url: await sas(key, 'cw', expiresIn),
        headers: {
          'x-ms-blob-type': 'BlockBlob',
          ...(contentType === undefined ? {} : { 'content-type': contentType }),
        },
      }
    },
  }
}

/**
 * Azure takes a backslash for a slash: two keys would be one blob.
 * @throws FilesError `InvalidKey`
 */
function blobKey(key: string): string {
  if (!key.includes('\\')) return urlKey(key)
  throw new FilesError('InvalidKey', `${JSON.stringify(key)} has a backslash, which Azure takes for a slash`)
}

interface Facts {
  readonly contentLength?: number
  readonly contentType?: string
  readonly lastModified?: Date
  readonly etag?: string
  readonly metadata?: Record<string, string>
}

interface Listed {
  readonly name: string
  readonly properties: Facts
}

function fileOf(key: string, facts: Facts, open: Parameters<typeof storedFile>[1]): StoredFile {
  const { contentLength = 0, contentType, lastModified, etag, metadata = {} } = facts
  const texts = Object.entries(metadata).map(([name, value]) => [name, fromHeaderValue(value)] as const)
  return storedFile(
    {
      key,
      size: contentLength,
      type: contentType,
      lastModified: lastModified?.getTime(),
      etag,
      metadata: texts.length === 0 ? undefined : Object.fromEntries(texts),
    },
    open,
  )
}

/** The content: a Node stream there, a blob in browsers. */
async function bytesOf(answer: {
  readonly readableStreamBody?: NodeJS.ReadableStream
  readonly blobBody?: Promise<Blob>
}): Promise<ReadableStream<Uint8Array<ArrayBuffer>>> {
  const { readableStreamBody, blobBody } = answer
  if (!readableStreamBody) return (await blobBody)?.stream() ?? streamOf(new Uint8Array())
  const chunks = readableStreamBody[Symbol.asyncIterator]()
  return new ReadableStream({
    pull: async (controller) => {
      const { done, value } = await chunks.next()
      if (done) controller.close()
      else
        controller.enqueue(
          typeof value === 'string' ? new TextEncoder().encode(value) : new Uint8Array(value),
        )
    },
    cancel: async () => {
      await chunks.return?.()
    },
  })
}

async function openContainer({
  client,
  url,
  connectionString,
  container,
}: AzureOptions): Promise<ContainerClient> {
  if (client) return client
  const { ContainerClient } = await loadSdk()
  // One try: the engine decides what is tried again, after it has asked what arrived.
  const settings = { retryOptions: { maxTries: 1 } }
  if (url !== undefined)
    return new ContainerClient(typeof url === 'string' ? url : await url(), undefined, settings)
  const connection = connectionString ?? globalThis.process?.env.AZURE_STORAGE_CONNECTION_STRING
  if (connection) return new ContainerClient(connection, container, settings)
  throw new FilesError(
    'Unauthorized',
    'no Azure credentials: pass `connectionString`, `url` with a SAS or `client`, or set AZURE_STORAGE_CONNECTION_STRING',
    undefined,
    { retryable: false },
  )
}

/** Without secrets: it stands in the token. */
function placeOf({ client, url, connectionString, container }: AzureOptions): string {
  if (client) return bare(client.url)
  if (typeof url === 'string') return bare(url)
  const connection = connectionString ?? globalThis.process?.env.AZURE_STORAGE_CONNECTION_STRING ?? ''
  const account = /(?:^|;)AccountName=([^;]+)/i.exec(connection)?.[1] ?? ''
  const endpoint =
    /(?:^|;)BlobEndpoint=([^;]+)/i.exec(connection)?.[1] ?? `https://${account}.blob.core.windows.net`
  return `${bare(endpoint)}/${container}`
}

function bare(url: string): string {
  const { origin, pathname } = new URL(url)
  return `${origin}${pathname}`.replace(/\/+$/, '')
}
