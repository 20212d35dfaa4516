/**
 * A storage zone of Bunny over its HTTP interface: https://docs.bunny.net/storage/http
 *
 * Can: a file in one request, with its SHA-256 (in Node, Bun and Deno; the body is read once more for it), which
 * Bunny compares before it keeps anything; content types; download, head, delete, list; URLs of a pull zone.
 * Cannot: pause or resume, which this interface has no way for; conditions, metadata, ranges, copies. Bunny also
 * has a preview of S3's interface: `pawl/s3` resumes there.
 */
import type { Adapter } from '../../adapter.ts'
import type { Call, Payload } from '../../driver.ts'
import { FilesError } from '../../errors.ts'
import { statusError } from '../../http/failure.ts'
import type { Http } from '../../http/http.ts'
import { type StoredFileFacts, storedFile } from '../../stored-file.ts'
import { hasherOf } from '../../transfer/hashers.ts'
import { callOf } from '../call.ts'
import { segmentsOf } from '../file-key.ts'
import { reader } from '../reading.ts'
import { type Fields, fieldsIn, fieldsOf, jsonIn, type Requests, requests, textOf } from '../requests.ts'
import { type Entry, pageOf } from '../tree.ts'
import { checkWhole, WHOLE_TRAITS, wholeDriver } from '../whole.ts'

export interface BunnyStorageOptions {
  readonly zone: string
  /** The zone's password; the read-only one cannot upload. */
  readonly accessKey: string
  /** The zone's main region. Default `de`. */
  readonly region?: 'de' | 'uk' | 'ny' | 'la' | 'sg' | 'se' | 'br' | 'jh' | 'syd'
  /** The pull zone in front, such as `https://files.b-cdn.net`: `url` gives its URLs, which do not expire. */
  readonly pullZone?: string
  /** Default: that of the region. */
  readonly endpoint?: string
  readonly http?: Http
}

/** No limit is documented: this keeps a wrong size from looking right. */
const MOST = 2 ** 43

/** @example new Files({ adapter: bunnyStorage({ zone: 'backups', accessKey: process.env.BUNNY_KEY }) }) */
export function bunnyStorage(options: BunnyStorageOptions): Adapter<Requests> {
  const { zone, accessKey, region = 'de', pullZone, http } = options
  if (!/^[\w.-]+$/.test(zone)) throw new FilesError('InvalidKey', `${JSON.stringify(zone)} is no zone`)
  const host = region === 'de' ? 'storage' : `${region}.storage`
  const base = `${(options.endpoint ?? `https://${host}.bunnycdn.com`).replace(/\/+$/, '')}/${zone}`
  const authorization = { header: async () => accessKey, refresh: async () => false }
  const wire = requests(authorization, http, 'accesskey')
  const urlOf = (key: string) => base + pathOf(key)
  const read = reader((key, headers, signal) =>
    wire.expect(
      `reading ${JSON.stringify(key)}`,
      { method: 'GET', url: urlOf(key), headers, stream: true },
      callOf(signal),
    ),
  )
  const folder = async (path: string, signal: AbortSignal): Promise<Entry[]> => {
    const url = `${base}${path === '' ? '' : pathOf(path.slice(0, -1))}/`
    const request = { method: 'GET', url, headers: { accept: 'application/json' } }
    const response = await wire.expect('listing', request, callOf(signal), [404])
    const entries = response.status === 404 ? [] : await jsonIn('listing', response)
    return (Array.isArray(entries) ? entries : []).map((entry) => {
      const fields = fieldsOf(entry)
      const { size, lastModified } = factsOf('', fields)
      return { name: String(fields.ObjectName), isFolder: fields.IsDirectory === true, size, lastModified }
    })
  }

  return {
    name: 'bunny-storage',
    place: base,
    raw: wire,
    checkUpload: checkWhole('bunny-storage'),
    traits: { ...WHOLE_TRAITS, delimiter: true },
    driver: (intent) => {
      const url = urlOf(intent.key)
      const what = `uploading ${JSON.stringify(intent.key)}`
      return wholeDriver(intent, {
        most: MOST,
        put: async (body, call) => {
          const checksum = await sha256(body, call)
          const headers = {
            'content-type': 'application/octet-stream',
            'override-content-type': intent.contentType,
            ...(checksum && { checksum }),
          }
          const response = await wire.once({ method: 'PUT', url, headers, body }, call)
          if (response.status === 201) return {}
          const text = await response.text()
          // What was damaged on the way can arrive whole the next time, and no other status says that it is kept; a
          // path that is refused cannot.
          throw statusError(what, response, text, response.status < 300 || /checksum/i.test(text))
        },
      })
    },
    download: (key, range, { signal }) =>
      read.download(key, range, signal, (response) => ({ type: response.header('content-type') })),
    head: async (key, { signal }) => {
      const what = `looking at ${JSON.stringify(key)}`
      const request = { method: 'DESCRIBE', url: urlOf(key), headers: { accept: 'application/json' } }
      const fields = await fieldsIn(what, await wire.expect(what, request, callOf(signal)))
      if (fields.IsDirectory === true) throw new FilesError('NotFound', `${JSON.stringify(key)} is a folder`)
      return storedFile(factsOf(key, fields), read.lazy(key))
    },
    // Without a slash at its end: with one, everything below it would go.
    delete: async (key, { signal }) => {
      const request = { method: 'DELETE', url: urlOf(key) }
      await wire.expect(`deleting ${JSON.stringify(key)}`, request, callOf(signal), [404])
    },
    list: (query, { signal }) =>
      pageOf(
        query,
        (path) => folder(path, signal),
        (key, { size, lastModified }) => storedFile({ key, size, lastModified }, read.lazy(key)),
      ),
    ...(pullZone !== undefined && {
      url: async (key, { responseContentDisposition }) => {
        if (responseContentDisposition === undefined) return pullZone.replace(/\/+$/, '') + pathOf(key)
        throw new FilesError('NotSupported', 'a pull zone sets the disposition for all its files')
      },
    }),
  }
}

function factsOf(key: string, { Length, LastChanged, Checksum, ContentType }: Fields): StoredFileFacts {
  // Times come without a zone and are those of UTC.
  const time = Date.parse(`${String(LastChanged).replace(/Z$/, '')}Z`)
  return {
    key,
    size: Number(Length ?? 0),
    type: textOf(ContentType) || undefined,
    lastModified: Number.isNaN(time) ? undefined : time,
    etag: textOf(Checksum) || undefined,
  }
}

/** In upper case, as Bunny wants it. Undefined where this runtime cannot hash bit by bit. */
async function sha256(body: Payload, { signal, touch }: Call): Promise<string | undefined> {
  const hasher = hasherOf('sha-256')
  if (hasher === undefined) return undefined
  for await (const block of (await body.sums()).read()) {
    signal.throwIfAborted()
    touch()
    hasher.update(block)
  }
  return Array.from(hasher.digest(), (byte) => byte.toString(16).padStart(2, '0'))
    .join('')
    .toUpperCase()
}

function pathOf(key: string): string {
  const names = segmentsOf(key)
  if (key.isWellFormed() && !/\p{Cc}/u.test(key)) return `/${names.map(encodeURIComponent).join('/')}`
  throw new FilesError('InvalidKey', `${JSON.stringify(key.slice(0, 100))} is no path at Bunny`)
}
