/**
 * S3 and services that speak it. https://docs.aws.amazon.com/AmazonS3/latest/API/
 *
 * Can: multipart uploads resumed from ListParts, full-object CRC-32 or CRC-64/NVME, conditions, every file operation, presigned
 * URLs; a `sign` callback instead of credentials, for browsers (then no `url` without a public base, and no
 * `signedUploadUrl`: the backend signs).
 * Cannot: copy from another bucket.
 *
 * In a page the bucket's CORS rules have to expose `ETag` and `x-amz-meta-pawl-upload`.
 *
 * Requests are signed and sent here, without the AWS SDK. Why, and what keeps it right, stands in
 * docs/design/client.md, "S3 without the SDK".
 */
import type { Adapter } from '../../adapter.ts'
import type { HttpResponse } from '../../http/http.ts'
import { type StoredFile, type StoredFileFacts, storedFile } from '../../stored-file.ts'
import { callOf } from '../call.ts'
import { type Reader, reader } from '../reading.ts'
import { urlKey } from '../url-key.ts'
import { s3Driver } from './driver.ts'
import { metadataOf } from './metadata.ts'
import type { S3Options } from './options.ts'
import { uriEncode } from './sigv4.ts'
import { type S3Wire, s3Error, s3Wire } from './wire.ts'
import { elements, text } from './xml.ts'

export type { S3Credentials, S3Options, SignedRequest, UnsignedRequest } from './options.ts'
export * from './presets.ts'

/** Longest life of a presigned URL, in seconds: seven days. */
const MAX_EXPIRES = 604_800
const EXPIRES = 3600

/** @example new Files({ adapter: s3({ bucket: 'backups', region: 'eu-central-1' }) }) */
export function s3(options: S3Options): Adapter<S3Wire> {
  const { checksum = 'crc32', conditions = true, name = 's3', publicBaseUrl } = options
  const wire = s3Wire(options)
  const presign = wire.presign
  const integrity = checksum === 'off' ? undefined : checksum

  const read = reader(async (key, headers, signal) => {
    const response = await wire.send(
      { method: 'GET', key: urlKey(key), headers, stream: true },
      callOf(signal),
    )
    if (response.status >= 300) throw await s3Error(`reading ${JSON.stringify(key)}`, response)
    return response
  })

  return {
    name,
    place: wire.urlOf({ method: 'GET' }),
    raw: wire,
    traits: {
      rangeRead: true,
      delimiter: true,
      metadata: true,
      cacheControl: true,
      conditions: conditions ? ['create', 'replace'] : [],
      serverSideCopy: true,
      signedUrls: presign !== undefined,
      maxExpiresIn: MAX_EXPIRES,
      resumable: true,
    },
    driver: (intent) => s3Driver(wire, urlKey(intent.key), integrity),

    download: (key, range, { signal }) => read.download(key, range, signal, factsOf),
    head: async (key, call) => {
      const response = await wire.expect(
        `looking at ${JSON.stringify(key)}`,
        { method: 'HEAD', key: urlKey(key) },
        callOf(call.signal),
      )
      const size = Number(response.header('content-length') ?? 0)
      return storedFile({ key, size, ...factsOf(response) }, read.lazy(key))
    },
    delete: async (key, call) => {
      const request = { method: 'DELETE', key: urlKey(key) } as const
      const response = await wire.send(request, callOf(call.signal))
      if (response.status >= 300 && response.status !== 404)
        throw await s3Error(`deleting ${JSON.stringify(key)}`, response)
    },
    copy: async (from, to, { signal }) => {
      const { copyObject } = await import('./copy.ts')
      await copyObject(wire, urlKey(from), urlKey(to), integrity, signal)
    },
    list: async ({ prefix = '', cursor, limit, delimiter }, call) => {
      const query = {
        'list-type': '2',
        'encoding-type': 'url',
        prefix,
        ...(delimiter === undefined ? {} : { delimiter }),
        ...(cursor === undefined ? {} : { 'continuation-token': cursor }),
        ...(limit === undefined ? {} : { 'max-keys': String(Math.max(1, Math.min(limit, 1000))) }),
      }
      const response = await wire.expect('listing', { method: 'GET', query }, callOf(call.signal))
      const xml = await response.text()
      const decode = text(xml, 'EncodingType') === 'url' ? fromUrl : (value: string) => value
      const next = text(xml, 'NextContinuationToken')
      const prefixes = elements(xml, 'CommonPrefixes').map((inner) => decode(text(inner, 'Prefix') ?? ''))
      return {
        items: elements(xml, 'Contents').map((inner) =>
          listed(decode(text(inner, 'Key') ?? ''), inner, read),
        ),
        ...(prefixes.length === 0 ? {} : { prefixes }),
        ...(next === undefined || text(xml, 'IsTruncated') !== 'true' ? {} : { cursor: next }),
      }
    },
    ...(presign || publicBaseUrl !== undefined
      ? {
          url: async (key, { expiresIn = EXPIRES, responseContentDisposition }) => {
            if (publicBaseUrl !== undefined && (responseContentDisposition === undefined || !presign)) {
              return `${publicBaseUrl.replace(/\/+$/, '')}/${urlKey(key).split('/').map(uriEncode).join('/')}`
            }
            const query = {
              ...(responseContentDisposition && {
                'response-content-disposition': responseContentDisposition,
              }),
            }
            const signed = await presign?.(
              { method: 'GET', key: urlKey(key), query },
              Math.min(expiresIn, MAX_EXPIRES),
            )
            return signed?.url ?? ''
          },
        }
      : {}),
    ...(presign && {
      signedUploadUrl: async (key, query) => {
        const { contentType, maxSize, minSize } = query
        const expiresIn = Math.min(query.expiresIn, MAX_EXPIRES)
        if (maxSize !== undefined || minSize !== undefined) {
          const { signedForm } = await import('./signed-form.ts')
          return signedForm(wire, urlKey(key), { ...query, expiresIn })
        }
        const headers = contentType === undefined ? {} : { 'content-type': contentType }
        const { url } = await presign({ method: 'PUT', key: urlKey(key), headers }, expiresIn)
        return { method: 'PUT', url, headers }
      },
    }),
  }
}

function factsOf(response: HttpResponse): Omit<StoredFileFacts, 'key' | 'size'> {
  return {
    type: response.header('content-type'),
    lastModified: time(response.header('last-modified')),
    etag: response.header('etag'),
    metadata: metadataOf(response),
  }
}

function listed(key: string, xml: string, read: Reader): StoredFile {
  return storedFile(
    {
      key,
      size: Number(text(xml, 'Size')),
      lastModified: time(text(xml, 'LastModified')),
      etag: text(xml, 'ETag'),
    },
    read.lazy(key),
  )
}

function time(value: string | undefined): number | undefined {
  const milliseconds = Date.parse(value ?? '')
  return Number.isNaN(milliseconds) ? undefined : milliseconds
}

/** Form encoding, where a plus is a space. */
function fromUrl(value: string): string {
  return decodeURIComponent(value.replaceAll('+', ' '))
}
