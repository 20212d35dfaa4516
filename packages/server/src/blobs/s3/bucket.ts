/**
 * The calls that a store makes, each of them one request: names in, bytes in and out, and errors in the words of
 * a store. Bodies are whole parts with a checksum that was computed before: the SDK's own way of streaming costs
 * several times as much, and not every server understands it.
 *
 * Long, because there is one of each call, and all tell their errors by the same rules.
 */

import type { Readable } from 'node:stream'
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  type ListMultipartUploadsCommandOutput,
  ListObjectsV2Command,
  ListPartsCommand,
  type ListPartsCommandOutput,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
  UploadPartCopyCommand,
} from '@aws-sdk/client-s3'
import { getSignedUrl } from '@aws-sdk/s3-request-presigner'
import type { StoredPart } from '../../catalog/segment-parts.ts'
import { type RedirectHeaders, StoreError } from '../blob-store.ts'
import { crc32Of, refuseDamage } from './checksum.ts'
import { type ClientOptions, clientFor } from './client.ts'
import { asStoreError, isEnded, isMissing, isUnknown, wasGone } from './faults.ts'

export interface ListedObject {
  readonly key: string
  /** Milliseconds since 1970. */
  readonly modifiedAt: number
}

export interface ListedSession {
  readonly key: string
  /** Names the multipart upload. */
  readonly session: string
  /** Milliseconds since 1970. */
  readonly begunAt: number
}

export interface BucketOptions extends ClientOptions {
  readonly bucket: string
  readonly prefix: string
  /** After each call, whether the server was reached. */
  readonly onCall?: (call: string, reached: boolean) => void
}

export class Bucket {
  readonly #client: S3Client
  readonly #name: string
  readonly #prefix: string
  readonly #onCall: (call: string, reached: boolean) => void

  constructor({ bucket, prefix, onCall = () => {}, ...options }: BucketOptions) {
    this.#name = bucket
    this.#prefix = prefix
    this.#onCall = onCall
    this.#client = clientFor(options)
  }

  close(): void {
    this.#client.destroy()
  }

  /** Whether the bucket can be reached. @throws StoreError `unavailable` */
  async reach(): Promise<void> {
    await this.#call('reach the bucket', 'HeadBucket', (Bucket) =>
      this.#client.send(new HeadBucketCommand({ Bucket })),
    ).catch((error: unknown) => {
      // A bucket that is not there is no missing object.
      throw new StoreError('unavailable', error instanceof Error ? error.message : String(error), error)
    })
  }

  async put(key: string, bytes: Uint8Array): Promise<void> {
    const checksum = crc32Of(bytes)
    const answer = await this.#call(`store ${key}`, 'PutObject', (Bucket) =>
      this.#client.send(
        new PutObjectCommand({ Bucket, Key: this.#key(key), Body: bytes, ChecksumCRC32: checksum }),
      ),
    )
    refuseDamage(key, checksum, answer.ChecksumCRC32)
  }

  /** False when there is one already. Servers that cannot tell write over it. */
  async putNew(key: string, bytes: Uint8Array): Promise<boolean> {
    try {
      const request = { Bucket: this.#name, Key: this.#key(key), Body: bytes, IfNoneMatch: '*' }
      await this.#client.send(new PutObjectCommand(request))
      return true
    } catch (error) {
      if (isUnknown(error)) {
        await this.put(key, bytes)
        return true
      }
      if (error instanceof Error && error.name === 'PreconditionFailed') return false
      throw asStoreError(`store ${key}`, error)
    }
  }

  /** Bytes `start` to `end`, exclusive. @throws StoreError `missing` */
  async get(key: string, start: number, end: number, signal?: AbortSignal): Promise<Readable> {
    const { Body } = await this.#call(`read ${key}`, 'GetObject', (Bucket) =>
      this.#client.send(
        new GetObjectCommand({ Bucket, Key: this.#key(key), Range: `bytes=${start}-${end - 1}` }),
        signal === undefined ? {} : { abortSignal: signal },
      ),
    )
    // On Node the body of an answer is what the socket brings.
    return Body as Readable
  }

  /** Bytes that an object has; undefined when there is none. */
  async lengthOf(key: string): Promise<number | undefined> {
    try {
      const { ContentLength } = await this.#call(`look at ${key}`, 'HeadObject', (Bucket) =>
        this.#client.send(new HeadObjectCommand({ Bucket, Key: this.#key(key) })),
      )
      return ContentLength
    } catch (error) {
      if (error instanceof StoreError && error.code === 'missing') return undefined
      throw error
    }
  }

  /** The server copies; no byte passes through here. @throws StoreError `missing` */
  async copy(from: string, to: string): Promise<void> {
    await this.#call(`copy ${from}`, 'CopyObject', (Bucket) =>
      this.#client.send(
        new CopyObjectCommand({ Bucket, Key: this.#key(to), CopySource: this.#source(from) }),
      ),
    )
  }

  /** One that is not there is fine. */
  async remove(key: string): Promise<void> {
    await this.#call(`remove ${key}`, 'DeleteObject', (Bucket) =>
      this.#client.send(new DeleteObjectCommand({ Bucket, Key: this.#key(key) })),
    )
  }

  /** Begins a multipart upload; resolves to its name. */
  async begin(key: string): Promise<string> {
    const { UploadId } = await this.#call(`begin ${key}`, 'CreateMultipartUpload', (Bucket) =>
      this.#client.send(
        new CreateMultipartUploadCommand({
          Bucket,
          Key: this.#key(key),
          ChecksumAlgorithm: 'CRC32',
          ChecksumType: 'FULL_OBJECT',
        }),
      ),
    )
    if (UploadId === undefined)
      throw new StoreError('unavailable', `the multipart upload of ${key} has no name`)
    return UploadId
  }

  /** Resolves to the part's ETag. */
  async putPart(key: string, session: string, number: number, bytes: Uint8Array): Promise<string> {
    const checksum = crc32Of(bytes)
    const answer = await this.#call(`store part ${number} of ${key}`, 'UploadPart', (Bucket) =>
      this.#client.send(
        new UploadPartCommand({
          Bucket,
          Key: this.#key(key),
          UploadId: session,
          PartNumber: number,
          Body: bytes,
          ChecksumCRC32: checksum,
        }),
      ),
    )
    refuseDamage(`part ${number} of ${key}`, checksum, answer.ChecksumCRC32)
    return etagOf(key, number, answer.ETag)
  }

  /**
   * An object becomes a part, or some bytes of it do; the server copies.
   * @param range - without its last byte
   * @throws StoreError
   */
  async copyPart(
    key: string,
    session: string,
    number: number,
    from: string,
    range?: { readonly from: number; readonly to: number },
  ): Promise<string> {
    const { CopyPartResult } = await this.#call(`copy ${from} into ${key}`, 'UploadPartCopy', (Bucket) =>
      this.#client.send(
        new UploadPartCopyCommand({
          Bucket,
          Key: this.#key(key),
          UploadId: session,
          PartNumber: number,
          CopySource: this.#source(from),
          ...(range && { CopySourceRange: `bytes=${range.from}-${range.to - 1}` }),
        }),
      ),
    )
    return etagOf(key, number, CopyPartResult?.ETag)
  }

  /** Every part that was sent, by their numbers; undefined when the multipart upload is no more. */
  async partsOf(key: string, session: string): Promise<StoredPart[] | undefined> {
    const parts: StoredPart[] = []
    let after: string | undefined
    try {
      do {
        const request = { Key: this.#key(key), UploadId: session, PartNumberMarker: after }
        const page: ListPartsCommandOutput = await this.#call(
          `list the parts of ${key}`,
          'ListParts',
          (Bucket) => this.#client.send(new ListPartsCommand({ Bucket, ...request })),
        )
        for (const { PartNumber: number, ETag, Size: length } of page.Parts ?? []) {
          if (number === undefined || length === undefined) continue
          parts.push({ number, etag: etagOf(key, number, ETag), length })
        }
        after = page.IsTruncated === true ? page.NextPartNumberMarker : undefined
      } while (after !== undefined)
      return parts
    } catch (error) {
      if (wasGone(error)) return undefined
      throw error
    }
  }

  /** Makes one object of parts; false when the multipart upload is no more: it was completed before, or aborted. */
  async complete(key: string, session: string, parts: readonly StoredPart[]): Promise<boolean> {
    const what = `make one object of the parts of ${key}`
    try {
      // What is left out of the list is dropped by the server, or makes it refuse: see rescue.ts.
      const listed = parts.map(({ number, etag }) => ({ PartNumber: number, ETag: etag }))
      const length = parts.reduce((sum, part) => sum + part.length, 0)
      await this.#client.send(
        new CompleteMultipartUploadCommand({
          Bucket: this.#name,
          Key: this.#key(key),
          UploadId: session,
          MultipartUpload: { Parts: listed },
          MpuObjectSize: length,
        }),
      )
      this.#onCall('CompleteMultipartUpload', true)
      return true
    } catch (error) {
      const ended = isEnded(error)
      this.#onCall('CompleteMultipartUpload', ended || wasAnswered(error))
      if (ended) return false
      throw asStoreError(what, error)
    }
  }

  /** One that is no more is fine. */
  async abort(key: string, session: string): Promise<void> {
    const request = { Bucket: this.#name, Key: this.#key(key), UploadId: session }
    await this.#client.send(new AbortMultipartUploadCommand(request)).catch((error: unknown) => {
      if (!isEnded(error)) throw asStoreError(`abort the multipart upload of ${key}`, error)
    })
    this.#onCall('AbortMultipartUpload', true)
  }

  /** Objects by their keys, in ascending order. */
  async *list(prefix: string): AsyncGenerator<ListedObject> {
    let token: string | undefined
    do {
      const page = await this.#call(`list ${prefix}`, 'ListObjectsV2', (Bucket) =>
        this.#client.send(
          new ListObjectsV2Command({ Bucket, Prefix: this.#key(prefix), ContinuationToken: token }),
        ),
      )
      for (const { Key, LastModified } of page.Contents ?? []) {
        if (Key !== undefined)
          yield { key: Key.slice(this.#prefix.length), modifiedAt: LastModified?.getTime() ?? 0 }
      }
      token = page.IsTruncated ? page.NextContinuationToken : undefined
    } while (token !== undefined)
  }

  /** Multipart uploads under way, by their keys, in ascending order. */
  async *sessions(prefix: string): AsyncGenerator<ListedSession> {
    let after: { KeyMarker?: string | undefined; UploadIdMarker?: string | undefined } | undefined = {}
    while (after !== undefined) {
      const request = { Bucket: this.#name, Prefix: this.#key(prefix), ...after }
      const page: ListMultipartUploadsCommandOutput = await this.#call(
        `list multipart uploads of ${prefix}`,
        'ListMultipartUploads',
        () => this.#client.send(new ListMultipartUploadsCommand(request)),
      )
      for (const { Key, UploadId, Initiated } of page.Uploads ?? []) {
        if (Key === undefined || UploadId === undefined) continue
        const begunAt = Initiated?.getTime() ?? 0
        yield { key: Key.slice(this.#prefix.length), session: UploadId, begunAt }
      }
      after =
        page.IsTruncated === true && page.NextKeyMarker !== undefined
          ? { KeyMarker: page.NextKeyMarker, UploadIdMarker: page.NextUploadIdMarker }
          : undefined
    }
  }

  /** A URL that gives the object's bytes to whoever has it, for `seconds`. */
  sign(key: string, seconds: number, headers: RedirectHeaders): Promise<string> {
    const command = new GetObjectCommand({
      Bucket: this.#name,
      Key: this.#key(key),
      ResponseContentType: headers.contentType,
      ...(headers.contentEncoding !== undefined && { ResponseContentEncoding: headers.contentEncoding }),
      ResponseContentDisposition: headers.contentDisposition,
      ResponseCacheControl: headers.cacheControl,
    })
    return getSignedUrl(this.#client, command, { expiresIn: seconds })
  }

  async #call<T>(what: string, call: string, send: (bucket: string) => Promise<T>): Promise<T> {
    try {
      const answer = await send(this.#name)
      this.#onCall(call, true)
      return answer
    } catch (error) {
      this.#onCall(call, isMissing(error) || wasAnswered(error))
      throw asStoreError(what, error)
    }
  }

  #key(key: string): string {
    return `${this.#prefix}${key}`
  }

  #source(key: string): string {
    return [this.#name, ...this.#key(key).split('/')].map(encodeURIComponent).join('/')
  }
}

/** Whether the server said no to this, rather than nothing, or no to whatever is asked with our keys. */
function wasAnswered(error: unknown): boolean {
  if (typeof error !== 'object' || error === null || !('$metadata' in error)) return false
  const { name, $metadata } = error as { name?: string; $metadata: { httpStatusCode?: number } }
  const { httpStatusCode: status = 500 } = $metadata
  return status < 500 && status !== 403 && name !== 'NoSuchBucket'
}

function etagOf(key: string, number: number, etag: string | undefined): string {
  if (etag !== undefined && etag !== '') return etag
  throw new StoreError('unavailable', `part ${number} of ${key} has no ETag`)
}
