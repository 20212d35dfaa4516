/**
 * Multipart uploads: https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html
 *
 * An object remembers the upload that made it in its metadata. Only that proves, when the answer to Complete
 * was lost, that the object under the key is ours and not somebody else's.
 */
import type { Call, PartReceipt, PartRule, PartsDriver, PartsState, UploadIntent } from '../../driver.ts'
import { FilesError } from '../../errors.ts'
import type { HttpResponse } from '../../http/http.ts'
import type { Json } from '../../json.ts'
import { sessionText, wrongPlace } from '../../session.ts'
import { checked, checkedUpload, demanded, digestIn, type S3Checksum } from './checksum.ts'
import { metadataHeaders, OWN_METADATA } from './metadata.ts'
import { ownObject, resultOf } from './own-object.ts'
import { type S3Wire, s3Error } from './wire.ts'
import { elements, escapeXml, text } from './xml.ts'

const MIB = 1024 * 1024

export interface S3Session {
  readonly [name: string]: Json
  readonly bucket: string
  readonly key: string
  readonly uploadId: string
  /** What the object will remember. */
  readonly mark: string
  /** What its parts are checked with: the store takes no other. */
  readonly checksum: S3Checksum | 'off'
}

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html */
export const PART_RULE: PartRule = {
  min: 5 * MIB,
  max: 5 * 1024 * MIB,
  maxCount: 10_000,
  maxSize: Math.floor(48.8 * 1024 ** 4),
  multiple: 1,
  preferred: 8 * MIB,
}

/** Creates a multipart upload whose object will have these headers and a mark of its own. */
export async function createUpload(
  wire: S3Wire,
  key: string,
  shown: Readonly<Record<string, string>>,
  checksum: S3Checksum | undefined,
  call: Call,
): Promise<S3Session> {
  const what = `beginning to write ${JSON.stringify(key)}`
  const mark = crypto.randomUUID()
  const headers = { ...shown, [`x-amz-meta-${OWN_METADATA}`]: mark, ...checkedUpload(checksum) }
  const response = await wire.expect(what, { method: 'POST', key, query: { uploads: '' }, headers }, call)
  const uploadId = text(await response.text(), 'UploadId')
  if (uploadId) return { bucket: wire.bucket, key, uploadId, mark, checksum: checksum ?? 'off' }
  throw new FilesError('Provider', `${what}: the answer names no UploadId`, undefined, { retryable: false })
}

export function s3Driver(
  wire: S3Wire,
  key: string,
  checksum: S3Checksum | undefined,
): PartsDriver<S3Session> {
  const what = `uploading ${JSON.stringify(key)}`

  /** Of an upload in one request. */
  let mark: string | undefined

  const { made, allowed } = ownObject(wire, key, checksum)

  async function list({ uploadId }: S3Session, call: Call): Promise<PartReceipt[] | undefined> {
    const parts: PartReceipt[] = []
    let marker: string | undefined
    do {
      const query = {
        uploadId,
        'max-parts': '1000',
        ...(marker === undefined ? {} : { 'part-number-marker': marker }),
      }
      const response = await wire.send({ method: 'GET', key, query }, call)
      // Some services say NoSuchKey of an upload that was aborted.
      if (response.status === 404) return undefined
      if (response.status >= 300) throw await s3Error(what, response)
      call.touch()
      const xml = await response.text()
      for (const part of elements(xml, 'Part')) {
        parts.push({
          number: Number(text(part, 'PartNumber')),
          size: Number(text(part, 'Size')),
          etag: text(part, 'ETag') ?? '',
        })
      }
      const next = text(xml, 'IsTruncated') === 'true' ? text(xml, 'NextPartNumberMarker') : undefined
      if (next !== undefined && Number(next) <= Number(marker ?? 0))
        throw new FilesError('Provider', `${what}: the list of parts does not go on behind part ${marker}`)
      marker = next
    } while (marker !== undefined)
    return parts
  }

  return {
    shape: 'parts',
    ...(checksum && { digest: checksum }),
    part: PART_RULE,
    single: {
      max: 5 * MIB,
      put: async (intent, payload, call) => {
        const { body, headers: sums } = await checked(payload, checksum, call)
        // Only a condition can refuse the repetition of a request whose answer was lost.
        mark ??= intent.condition && crypto.randomUUID()
        const marked = mark === undefined ? {} : { [`x-amz-meta-${OWN_METADATA}`]: mark }
        const headers = { ...objectHeaders(intent), ...conditionHeaders(intent), ...marked, ...sums }
        const response = await wire.send({ method: 'PUT', key, headers, body }, call)
        if (response.status < 300) return resultOf(tagOf(response), digestIn(checksum, response))
        const error = await s3Error(what, response)
        const result =
          error.code === 'Conflict' && mark !== undefined ? await made(mark, intent, call) : undefined
        if (result) return result
        throw error
      },
    },
    begin: (intent, _partSize, call) => createUpload(wire, key, objectHeaders(intent), checksum, call),
    adopt: (session) => {
      const adopted = {
        bucket: sessionText(session, 'bucket'),
        key: sessionText(session, 'key'),
        uploadId: sessionText(session, 'uploadId'),
        mark: sessionText(session, 'mark'),
        checksum: checksum ?? ('off' as const),
      }
      if (adopted.bucket !== wire.bucket) throw wrongPlace('bucket', adopted.bucket, wire.bucket)
      if (adopted.key !== key) throw wrongPlace('key', adopted.key, key)
      const begun = sessionText(session, 'checksum')
      if (begun !== adopted.checksum) throw wrongPlace('checksum', begun, adopted.checksum)
      return adopted
    },
    probe: async (session, intent, _body, call): Promise<PartsState> => {
      const parts = await list(session, call)
      if (parts) return { state: 'open', parts }
      const result = await made(session.mark, intent, call)
      return result ? { state: 'complete', result } : { state: 'gone' }
    },
    send: async ({ uploadId }, number, payload, call) => {
      const { body, headers } = await checked(payload, checksum, call)
      const query = { partNumber: String(number), uploadId }
      const response = await wire.send({ method: 'PUT', key, query, headers, body }, call)
      if (response.status >= 300) throw await s3Error(what, response)
      return { number, size: payload.size, etag: tagOf(response) }
    },
    complete: async (session, intent, parts, digest, call) => {
      const { uploadId } = session
      const before = await allowed(session.mark, intent, call)
      if (before) return before
      const list = parts.map(
        ({ number, etag = '' }) =>
          `<Part><PartNumber>${number}</PartNumber><ETag>${escapeXml(etag)}</ETag></Part>`,
      )
      const body = `<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${list.join('')}</CompleteMultipartUpload>`
      const headers = {
        'content-type': 'application/xml',
        ...conditionHeaders(intent),
        ...(checksum && { 'x-amz-mp-object-size': String(intent.size) }),
        ...demanded(digest),
      }
      const response = await wire.send({ method: 'POST', key, query: { uploadId }, headers, body }, call)
      const xml = await response.text()
      // Status 200 is sent before the work is done: an error can follow in the body.
      if (response.status < 300 && text(xml, 'Code') === undefined) {
        const etag = text(xml, 'ETag')
        // One service leaves the tag empty the first time.
        if (etag) return resultOf(etag, digestIn(checksum, response, xml))
        const result = await made(session.mark, intent, call)
        if (result) return result
        throw new FilesError('Provider', `${what}: the answer describes no object`)
      }
      const error = await s3Error(what, response)
      // The parts were checked one by one: if they do not add up, sending them again would not help.
      if (text(xml, 'Code') === 'BadDigest') throw new FilesError('Corrupted', error.message, error)
      // Also the answer of an upload that is complete already.
      if (error.code === 'SessionGone' || error.code === 'NotFound') {
        const result = await made(session.mark, intent, call)
        if (result) return result
      }
      throw response.status < 300 && error.code === 'Provider' ? again(error) : error
    },
    discard: async (session, call) => {
      // A part that was still being taken when the upload was aborted can outlive it: asked until nothing is left.
      for (let i = 0; i < 5; i++) {
        const response = await wire.send(
          { method: 'DELETE', key, query: { uploadId: session.uploadId } },
          call,
        )
        if (response.status >= 300 && response.status !== 404) throw await s3Error(what, response)
        if (response.status === 404 || (await list(session, call)) === undefined) return
      }
    },
    refresh: () => wire.refresh(),
  }
}

function objectHeaders({ contentType, cacheControl, metadata }: UploadIntent): Record<string, string> {
  return {
    'content-type': contentType,
    ...(cacheControl === undefined ? {} : { 'cache-control': cacheControl }),
    ...metadataHeaders(metadata),
  }
}

function conditionHeaders({ condition }: UploadIntent): Record<string, string> {
  if (condition === undefined) return {}
  return condition.type === 'create' ? { 'if-none-match': '*' } : { 'if-match': condition.etag }
}

/** Without it an answer is not the store's, whatever its status. */
function tagOf(response: HttpResponse): string {
  const etag = response.header('etag')
  if (etag !== undefined) return etag
  throw new FilesError(
    'Provider',
    'the answer has no ETag; in a browser, the bucket must list it in ExposeHeaders',
    undefined,
    { retryable: false },
  )
}

function again(error: FilesError): FilesError {
  return new FilesError('Provider', error.message, error, { retryable: true })
}
