/**
 * Supabase Storage, and Pawl's storage face. https://supabase.com/docs/guides/storage
 *
 * Can: resumable uploads over tus, with credentials or with a signed upload's token; refusing to overwrite
 * (`create`); every file operation; signed URLs, and lasting ones of public buckets.
 * Cannot: replace only one version; list by a delimiter other than `/`; keep a `Cache-Control` other than
 * `max-age` and `no-cache`; choose how long a signed upload can be begun (two hours), or hold it to a size.
 * Supabase reports no digest of an object, so nothing is compared at the end there; Pawl's server reports its
 * SHA-256, which is in the result and compared with `verify: 'full'`.
 */
import type { Adapter } from '../../adapter.ts'
import type { Call } from '../../driver.ts'
import { FilesError } from '../../errors.ts'
import type { HttpResponse } from '../../http/http.ts'
import { isObject } from '../../json.ts'
import { type StoredFile, storedFile, streamOf } from '../../stored-file.ts'
import type { Offer } from '../tus/offer.ts'
import { urlKey } from '../url-key.ts'
import { supabaseDriver } from './driver.ts'
import type { SupabaseOptions } from './options.ts'
import { type SupabaseRequest, type SupabaseWire, supabaseWire } from './wire.ts'

export type { SupabaseOptions } from './options.ts'

const EXPIRES = 3600
const MOST = 1000

/**
 * @example
 * const files = new Files({ adapter: supabase({ url: 'https://abc.supabase.co', bucket: 'photos', apiKey }) })
 */
export function supabase(options: SupabaseOptions): Adapter<SupabaseWire> {
  const { bucket, upsert = true, apiKey, token } = options
  if (!/^[^/\\]+$/.test(bucket) || /^\.{1,2}$/.test(bucket))
    throw new FilesError('InvalidKey', `${JSON.stringify(bucket)} is no bucket name`)
  const wire = supabaseWire(options)
  const known: { offer?: Offer } = {}
  const anonymous = apiKey === undefined && token === undefined
  const readers = anonymous && options.public === true ? 'public' : 'authenticated'
  const at = (key: string) => [bucket, ...checkKey(key).split('/')].map(encodeURIComponent).join('/')

  const open = (key: string, start: number | undefined, end: number | undefined, call: Call) => {
    const range = start === undefined ? {} : { range: `bytes=${start}-${end ?? ''}` }
    const path = `/object/${readers}/${at(key)}`
    return wire.ask(
      `reading ${JSON.stringify(key)}`,
      { method: 'GET', path, headers: range, stream: true },
      call,
    )
  }
  const lazy = (key: string, start?: number, end?: number) => async () =>
    (await open(key, start, end, unending())).stream ?? streamOf(new Uint8Array())
  const asJson = async (what: string, request: SupabaseRequest, signal: AbortSignal) =>
    parseJson(what, await wire.ask(what, request, callOf(signal)))
  const journey = (name: 'copy' | 'move', from: string, to: string, signal: AbortSignal) =>
    wire.ask(
      `${name} of ${JSON.stringify(from)}`,
      {
        method: 'POST',
        path: `/object/${name}`,
        headers: { 'x-upsert': String(upsert) },
        json: { bucketId: bucket, sourceKey: checkKey(from), destinationKey: checkKey(to) },
      },
      callOf(signal),
    )
  const remove = (key: string, signal: AbortSignal) =>
    wire.ask(
      `deleting ${JSON.stringify(key)}`,
      {
        method: 'DELETE',
        path: `/object/${encodeURIComponent(bucket)}`,
        json: { prefixes: [checkKey(key)] },
      },
      callOf(signal),
    )

  return {
    name: 'supabase',
    place: `${wire.base}/object/${bucket}`,
    raw: wire,
    traits: {
      rangeRead: true,
      delimiter: true,
      metadata: true,
      cacheControl: true,
      conditions: ['create'],
      serverSideCopy: true,
      signedUrls: true,
      resumable: true,
    },
    driver: (intent) => {
      checkKey(intent.key)
      return supabaseDriver(options, wire, known, intent)
    },

    download: async (key, range, { signal }) => {
      const response = await open(key, range?.start, range?.end, callOf(signal))
      if (range && response.status !== 206) {
        await response.stream?.cancel()
        throw new FilesError('NotSupported', 'the server ignored the range of the download')
      }
      let first = response.stream
      const again = lazy(key, range?.start, range?.end)
      const facts = {
        key,
        size: Number(response.header('content-length') ?? 0),
        type: response.header('content-type'),
        lastModified: time(response.header('last-modified')),
        etag: response.header('etag'),
      }
      return storedFile(facts, async () => {
        const stream = first ?? (await again())
        first = undefined
        return stream
      })
    },
    head: async (key, { signal }) => {
      const what = `looking at ${JSON.stringify(key)}`
      const path = `/object/info/${readers}/${at(key)}`
      const info = await asJson(what, { method: 'GET', path }, signal)
      return fileOf(key, { ...info, mimetype: info.content_type, eTag: info.etag }, info.metadata, lazy(key))
    },
    delete: async (key, { signal }) => {
      await remove(key, signal)
    },
    copy: async (from, to, { signal }) => {
      await journey('copy', from, to, signal)
    },
    move: async (from, to, { signal }) => {
      try {
        await journey('move', from, to, signal)
      } catch (error) {
        // A move refuses what is there already; only a copy takes its place.
        if (!(upsert && error instanceof FilesError && error.code === 'Conflict')) throw error
        await journey('copy', from, to, signal)
        await remove(from, signal)
      }
    },
    list: async ({ prefix = '', cursor, limit = MOST, delimiter }, { signal }) => {
      if (delimiter !== undefined && delimiter !== '/')
        throw new FilesError('NotSupported', 'Supabase lists by the delimiter "/" only')
      const json = {
        prefix,
        limit: Math.max(1, Math.min(limit, MOST)),
        with_delimiter: delimiter !== undefined,
        ...(cursor === undefined ? {} : { cursor }),
      }
      const path = `/object/list-v2/${encodeURIComponent(bucket)}`
      const page = await asJson('listing', { method: 'POST', path, json }, signal)
      const prefixes = rows(page.folders).map(nameOf)
      return {
        items: rows(page.objects).map((row) => {
          const facts = isObject(row.metadata) ? row.metadata : {}
          return fileOf(nameOf(row), { ...row, ...facts }, row.user_metadata, lazy(nameOf(row)))
        }),
        ...(prefixes.length === 0 ? {} : { prefixes }),
        ...(page.hasNext === true && typeof page.nextCursor === 'string' ? { cursor: page.nextCursor } : {}),
      }
    },
    url: async (key, { expiresIn = EXPIRES, responseContentDisposition }, { signal }) => {
      const download = saveAs(responseContentDisposition)
      if (options.public === true) return `${wire.base}/object/public/${at(key)}${download && `?${download}`}`
      const path = `/object/sign/${at(key)}`
      const what = `signing a URL of ${JSON.stringify(key)}`
      const { signedURL } = await asJson(what, { method: 'POST', path, json: { expiresIn } }, signal)
      return `${wire.base}${path}?token=${tokenIn(signedURL)}${download && `&${download}`}`
    },
    signedUploadUrl: async (key, { contentType, maxSize, minSize }, { signal }) => {
      if (maxSize !== undefined || minSize !== undefined)
        throw new FilesError('NotSupported', 'a signed upload is held to the size limit of its bucket only')
      const path = `/object/upload/sign/${at(key)}`
      const what = `signing an upload of ${JSON.stringify(key)}`
      const headers: Record<string, string> = upsert ? { 'x-upsert': 'true' } : {}
      const { url } = await asJson(what, { method: 'POST', path, headers, json: {} }, signal)
      return {
        method: 'PUT',
        url: `${wire.base}${path}?token=${tokenIn(url)}`,
        headers: { ...headers, ...(contentType === undefined ? {} : { 'content-type': contentType }) },
      }
    },
  }
}

/** Names that are no path would become another one on their way, too. */
function checkKey(key: string): string {
  if (key.split('/').every((segment) => segment !== '') && key.isWellFormed()) return urlKey(key)
  throw new FilesError('InvalidKey', `${JSON.stringify(key)} has a segment that a URL cannot carry`)
}

type Fields = { readonly [name: string]: unknown }

function fileOf(
  key: string,
  { size, mimetype, eTag, last_modified, updated_at, created_at }: Fields,
  metadata: unknown,
  open: Parameters<typeof storedFile>[1],
): StoredFile {
  const pairs = isObject(metadata) ? Object.entries(metadata) : []
  return storedFile(
    {
      key,
      size: typeof size === 'number' ? size : 0,
      type: typeof mimetype === 'string' ? mimetype : undefined,
      lastModified: time(last_modified ?? updated_at ?? created_at),
      etag: typeof eTag === 'string' ? eTag : undefined,
      metadata:
        pairs.length === 0
          ? undefined
          : Object.fromEntries(
              pairs.map(([name, value]) => [name, typeof value === 'string' ? value : JSON.stringify(value)]),
            ),
    },
    open,
  )
}

async function parseJson(what: string, response: HttpResponse): Promise<Fields> {
  try {
    const body: unknown = JSON.parse(await response.text())
    if (isObject(body)) return body
  } catch {}
  throw new FilesError('Provider', `${what}: the answer is not JSON`, undefined, { retryable: false })
}

function rows(list: unknown): Fields[] {
  return Array.isArray(list) ? list.filter(isObject) : []
}

/** `key` is the whole name; servers that leave it out have it in `name`. */
function nameOf({ key, name }: Fields): string {
  return String(key ?? name)
}

/** The token of a URL that the server does not encode: a key may have a `?` too. */
function tokenIn(url: unknown): string {
  const token = /\?token=([\w.~-]+)$/.exec(String(url))?.[1]
  if (token !== undefined) return token
  throw new FilesError('Provider', 'the answer has no signed URL', undefined, { retryable: false })
}

/** The one thing that can be asked for: to be saved, perhaps under a name. */
function saveAs(disposition: string | undefined): string {
  if (disposition === undefined) return ''
  const [matched, name = ''] = /^attachment(?:;\s*filename="([^"\\]*)")?$/i.exec(disposition) ?? []
  if (matched !== undefined) return `download=${encodeURIComponent(name)}`
  throw new FilesError('NotSupported', 'Supabase knows attachment; filename="…" only')
}

function time(value: unknown): number | undefined {
  const milliseconds = typeof value === 'string' ? Date.parse(value) : Number.NaN
  return Number.isNaN(milliseconds) ? undefined : milliseconds
}

function callOf(signal: AbortSignal): Call {
  return { signal, touch: () => {} }
}

/** Reading goes on as long as the reader wants. */
function unending(): Call {
  return callOf(new AbortController().signal)
}
