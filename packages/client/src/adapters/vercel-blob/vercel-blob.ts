/**
 * A store of Vercel Blob: https://vercel.com/docs/vercel-blob
 *
 * Can: multipart uploads with parts side by side, whose acknowledged parts stand in the token; client tokens, which
 * live half a minute and are asked for again; conditions; content types; every file operation but signed uploads.
 * Cannot: ask which parts are there, so that one whose answer was lost is sent again; give an upload up; keep
 * metadata; give URLs of private blobs. Whether an interrupted upload completed is told by reading the blob once.
 */
import type { Adapter } from '../../adapter.ts'
import { FilesError } from '../../errors.ts'
import { statusError } from '../../http/failure.ts'
import { type Http, http } from '../../http/http.ts'
import { type StoredFileFacts, storedFile } from '../../stored-file.ts'
import { callOf } from '../call.ts'
import { reader } from '../reading.ts'
import { tokenAuthorization } from '../token.ts'
import { urlKey } from '../url-key.ts'
import { blobDriver } from './driver.ts'
import { type BlobRequest, type BlobWire, blobWire, type Fields } from './wire.ts'

export type BlobToken =
  /** The store's read-write token, `BLOB_READ_WRITE_TOKEN`. */
  | string
  /** A token for one pathname, such as a client token; undefined: for a list. `refused`: the last one was. */
  | ((context: {
      readonly refused: boolean
      readonly pathname: string | undefined
    }) => Promise<string> | string)

export interface VercelBlobOptions {
  readonly token: BlobToken
  /** Which of both the store is for. */
  readonly access: 'public' | 'private'
  /** Bytes; smaller bodies go in one request. Default: 5 MiB, the least that a part may have. */
  readonly minPartSize?: number
  /** Default: `https://vercel.com/api/blob`. */
  readonly endpoint?: string
  readonly http?: Http
}

const MIN_PART = 5 * 1024 * 1024

/** @example new Files({ adapter: vercelBlob({ token: process.env.BLOB_READ_WRITE_TOKEN, access: 'private' }) }) */
export function vercelBlob(options: VercelBlobOptions): Adapter<BlobWire> {
  const { token, access, minPartSize = MIN_PART, http: send = http } = options
  const endpoint = (options.endpoint ?? 'https://vercel.com/api/blob').replace(/\/+$/, '')
  const wire = blobWire(endpoint, send)
  const authorizationFor = (pathname: string | undefined) =>
    tokenAuthorization(typeof token === 'string' ? token : (context) => token({ ...context, pathname }))

  /** A call that is no upload: credentials that were refused are asked for again, once. */
  const ask = async (
    what: string,
    pathname: string | undefined,
    request: BlobRequest,
    signal?: AbortSignal,
  ): Promise<Fields> => {
    const authorization = authorizationFor(pathname)
    try {
      return await wire(what, authorization, request, callOf(signal))
    } catch (error) {
      const again =
        error instanceof FilesError && error.code === 'Unauthorized' && (await authorization.refresh())
      if (again) return wire(what, authorization, request, callOf(signal))
      throw error
    }
  }
  const look = (key: string, signal?: AbortSignal) =>
    ask(
      `looking at ${JSON.stringify(key)}`,
      checkKey(key),
      { method: 'GET', path: `?${new URLSearchParams({ url: key })}` },
      signal,
    )
  const read = reader(async (key, headers, signal) => {
    const url = String((await look(key, signal)).url)
    // Only hosts of the store may see its token.
    const ours = url.startsWith(`${new URL(endpoint).origin}/`) || HOST.test(url)
    const shown =
      access === 'private' && ours ? { authorization: await authorizationFor(key).header() } : undefined
    const response = await send(
      { method: 'GET', url, headers: { ...headers, ...shown }, stream: true },
      callOf(signal),
    )
    if (response.status >= 300) throw statusError(`reading ${JSON.stringify(key)}`, response)
    return response
  })
  const overwriting = {
    'x-vercel-blob-access': access,
    'x-add-random-suffix': '0',
    'x-allow-overwrite': '1',
  }

  return {
    name: 'vercel-blob',
    place: endpoint,
    raw: wire,
    traits: { rangeRead: true, delimiter: true, conditions: ['create', 'replace'], serverSideCopy: true },
    driver: (intent) =>
      blobDriver(
        {
          wire,
          access,
          minPartSize,
          authorization: authorizationFor(checkKey(intent.key)),
          content: (pathname) => read.lazy(pathname)(),
        },
        intent,
      ),
    download: (key, range, { signal }) =>
      read.download(key, range, signal, (response) => ({
        type: response.header('content-type'),
        etag: response.header('etag'),
      })),
    head: async (key, { signal }) => storedFile(factsOf(key, await look(key, signal)), read.lazy(key)),
    delete: async (key, { signal }) => {
      const body = JSON.stringify({ urls: [checkKey(key)] })
      const headers = { 'content-type': 'application/json' }
      await ask(
        `deleting ${JSON.stringify(key)}`,
        key,
        { method: 'POST', path: '/delete', headers, body },
        signal,
      )
    },
    copy: async (from, to, { signal }) => {
      const { url, contentType } = await look(from, signal)
      const query = new URLSearchParams({ pathname: checkKey(to), fromUrl: String(url) })
      const headers = { ...overwriting, 'x-content-type': String(contentType) }
      await ask(`copying ${JSON.stringify(from)}`, to, { method: 'PUT', path: `?${query}`, headers }, signal)
    },
    list: async ({ prefix = '', cursor, limit, delimiter }, { signal }) => {
      if (delimiter !== undefined && delimiter !== '/')
        throw new FilesError('NotSupported', 'Vercel Blob knows the delimiter "/" only')
      const query = new URLSearchParams({
        prefix,
        ...(cursor === undefined ? {} : { cursor }),
        ...(limit === undefined ? {} : { limit: String(limit) }),
        ...(delimiter === undefined ? {} : { mode: 'folded' }),
      })
      const page = await ask('listing', undefined, { method: 'GET', path: `?${query}` }, signal)
      const blobs: Fields[] = Array.isArray(page.blobs) ? page.blobs : []
      return {
        items: blobs.map((blob) => {
          const key = String(blob.pathname)
          return storedFile(factsOf(key, blob), read.lazy(key))
        }),
        ...(Array.isArray(page.folders) && page.folders.length > 0
          ? { prefixes: page.folders.map(String) }
          : {}),
        ...(page.hasMore === true && typeof page.cursor === 'string' ? { cursor: page.cursor } : {}),
      }
    },
    ...(access === 'public' && {
      url: async (key, { responseContentDisposition }, { signal }) => {
        const { url, downloadUrl } = await look(key, signal)
        if (responseContentDisposition === undefined) return String(url)
        if (responseContentDisposition === 'attachment') return String(downloadUrl)
        throw new FilesError('NotSupported', 'a blob has its own disposition, or is an attachment')
      },
    }),
  }
}

const HOST = /^https:\/\/[\w.-]+\.blob\.vercel-storage\.com\//

function factsOf(key: string, { size, contentType, uploadedAt, etag }: Fields): StoredFileFacts {
  return {
    key,
    size: Number(size),
    type: typeof contentType === 'string' ? contentType : undefined,
    lastModified: Date.parse(String(uploadedAt)) || undefined,
    etag: typeof etag === 'string' ? etag : undefined,
  }
}

/** As the vendor's client checks it, and as a blob's URL can carry it: that of `a/../b` is the URL of `b`. */
function checkKey(key: string): string {
  if (key !== '' && key.length <= 950 && !key.includes('//')) return urlKey(key)
  throw new FilesError('InvalidKey', `${JSON.stringify(key.slice(0, 100))} is no pathname of Vercel Blob`)
}
