/**
 * Google Cloud Storage over its JSON API: https://cloud.google.com/storage/docs/json_api/v1
 *
 * Can: resumable sessions, asked for their offset after every doubt; the CRC-32C of the whole body, which Cloud
 * Storage checks before it makes the object; conditions; every file operation; signed URLs (V4) with
 * credentials that can sign.
 * Cannot: send parts of one object side by side; hold signed uploads to a size. An object's etag here is its
 * generation, because that is what its conditions compare. In a browser, the bucket's CORS settings must allow
 * `PUT` and expose `Range`.
 */
import type { Adapter } from '../../adapter.ts'
import { FilesError } from '../../errors.ts'
import type { Http } from '../../http/http.ts'
import { type StoredFile, storedFile } from '../../stored-file.ts'
import { callOf } from '../call.ts'
import { type GoogleAuthorization, type GoogleCredentials, googleAuthorization } from '../google/auth.ts'
import { googleDriver } from '../google/driver.ts'
import { checkBucket, checkName, factsOf, objectResult, pageOf } from '../google/object.ts'
import { type Fields, fieldsOf, type GoogleWire, googleWire, jsonOf, textOf } from '../google/wire.ts'
import { reader } from '../reading.ts'
import { type TokenSource, tokenAuthorization } from '../token.ts'

export type { GoogleCredentials } from '../google/auth.ts'
export type { TokenSource } from '../token.ts'

export interface GcsOptions {
  readonly bucket: string
  /** A service account's key. Default: what Google's own tools would use (application default credentials). */
  readonly credentials?: GoogleCredentials
  /** An access token instead, with the scope `devstorage.read_write`; as a function it is asked again when refused. */
  readonly token?: TokenSource
  /** Default: `https://storage.googleapis.com`. */
  readonly endpoint?: string
  readonly http?: Http
}

const ENDPOINT = 'https://storage.googleapis.com'
const SCOPE = 'https://www.googleapis.com/auth/devstorage.read_write'
/** Seconds: the default, and the longest life of a signed URL. */
const EXPIRES = 3600
const MAX_EXPIRES = 604_800

/** @example new Files({ adapter: gcs({ bucket: 'backups' }) }) */
export function gcs({
  bucket,
  endpoint = ENDPOINT,
  credentials,
  token,
  http,
}: GcsOptions): Adapter<GoogleWire> {
  const base = endpoint.replace(/\/+$/, '')
  checkBucket(bucket)
  const library = token === undefined ? googleAuthorization(SCOPE, credentials, true) : undefined
  const wire = googleWire(library ?? tokenAuthorization(token ?? ''), http)
  const uploads = `${base}/upload/storage/v1/b/${bucket}/o`
  const objects = `${base}/storage/v1/b/${bucket}/o`
  const urlOf = (key: string) => `${objects}/${encodeURIComponent(checkName(key))}`
  const read = reader((key, headers, signal) =>
    wire.expect(
      `reading ${JSON.stringify(key)}`,
      { method: 'GET', url: `${urlOf(key)}?alt=media`, headers, stream: true },
      callOf(signal),
    ),
  )
  const fileOf = (resource: Fields): StoredFile => {
    const facts = factsOf(resource)
    return storedFile(facts, read.lazy(facts.key))
  }
  const signed = async (
    library: GoogleAuthorization,
    key: string,
    method: 'GET' | 'PUT',
    expiresIn: number,
    more: SignOptions,
  ) => {
    const { signUrl } = await import('./sign.ts')
    return signUrl(library, {
      base,
      bucket,
      key: checkName(key),
      method,
      expiresIn: Math.min(expiresIn, MAX_EXPIRES),
      ...more,
    })
  }

  return {
    name: 'gcs',
    place: objects,
    raw: wire,
    traits: {
      rangeRead: true,
      delimiter: true,
      metadata: true,
      cacheControl: true,
      conditions: ['create', 'replace'],
      serverSideCopy: true,
      signedUrls: library !== undefined,
      maxExpiresIn: MAX_EXPIRES,
      resumable: true,
    },
    driver: (intent) => {
      const { contentType, cacheControl, metadata, condition } = intent
      const name = checkName(intent.key)
      const generation = condition && (condition.type === 'create' ? '0' : condition.etag)
      const query = new URLSearchParams({
        uploadType: 'resumable',
        name,
        ...(generation === undefined ? {} : { ifGenerationMatch: generation }),
      })
      const body = JSON.stringify({
        name,
        contentType,
        ...(cacheControl === undefined ? {} : { cacheControl }),
        ...(Object.keys(metadata).length === 0 ? {} : { metadata }),
      })
      return googleDriver(
        {
          wire,
          start: async () => ({ method: 'POST', url: `${uploads}?${query}`, body, type: contentType }),
          isOurs: ({ origin, pathname, searchParams }) =>
            `${origin}${pathname}` === new URL(uploads).href && (searchParams.get('name') ?? name) === name,
          digest: 'crc32c',
          hashHeaders: ({ value }) => ({ 'x-goog-hash': `crc32c=${value}` }),
          resultOf: objectResult,
        },
        intent,
      )
    },
    download: (key, range, { signal }) =>
      read.download(key, range, signal, (response) => ({
        type: response.header('content-type'),
        etag: response.header('x-goog-generation'),
      })),
    head: async (key, { signal }) => {
      const what = `looking at ${JSON.stringify(key)}`
      const response = await wire.expect(what, { method: 'GET', url: urlOf(key) }, callOf(signal))
      return fileOf(await jsonOf(what, response))
    },
    delete: (key, { signal }) => wire.remove(`deleting ${JSON.stringify(key)}`, urlOf(key), callOf(signal)),
    copy: async (from, to, { signal }) => {
      const what = `copying ${JSON.stringify(from)}`
      const url = `${urlOf(from)}/rewriteTo/b/${bucket}/o/${encodeURIComponent(checkName(to))}`
      // Large objects take several calls, each of which goes on with what the one before returned.
      for (let more = ''; ; ) {
        const request = {
          method: 'POST',
          url: more ? `${url}?rewriteToken=${encodeURIComponent(more)}` : url,
        }
        const { done, rewriteToken } = await jsonOf(what, await wire.expect(what, request, callOf(signal)))
        if (done === true) return
        more = textOf(rewriteToken) ?? ''
      }
    },
    list: async ({ prefix = '', cursor, limit, delimiter }, { signal }) => {
      const query = new URLSearchParams({
        prefix,
        ...(cursor === undefined ? {} : { pageToken: cursor }),
        ...(limit === undefined ? {} : { maxResults: String(Math.max(1, Math.min(limit, 1000))) }),
        ...(delimiter === undefined ? {} : { delimiter }),
      })
      const request = { method: 'GET', url: `${objects}?${query}` }
      const page = await jsonOf('listing', await wire.expect('listing', request, callOf(signal)))
      const items = Array.isArray(page.items) ? page.items : []
      return { items: items.map((item) => fileOf(fieldsOf(item))), ...pageOf(page) }
    },
    ...(library && {
      url: (key, { expiresIn = EXPIRES, responseContentDisposition }) =>
        signed(library, key, 'GET', expiresIn, {
          query: responseContentDisposition
            ? { 'response-content-disposition': responseContentDisposition }
            : {},
        }),
      signedUploadUrl: async (key, { expiresIn, contentType, maxSize, minSize }) => {
        if (maxSize !== undefined || minSize !== undefined)
          throw new FilesError(
            'NotSupported',
            'a signed PUT cannot hold its sender to a size; sign in a backend that checks',
          )
        const headers: Record<string, string> =
          contentType === undefined ? {} : { 'content-type': contentType }
        const url = await signed(library, key, 'PUT', expiresIn, { headers })
        return { method: 'PUT', url, headers }
      },
    }),
  }
}

interface SignOptions {
  readonly query?: Readonly<Record<string, string>>
  readonly headers?: Readonly<Record<string, string>>
}
