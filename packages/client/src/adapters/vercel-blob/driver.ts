/**
 * Multipart uploads: https://vercel.com/docs/vercel-blob
 *
 * They can neither be listed nor be given up: the parts that were acknowledged stand in the token. An upload that was
 * completed is not found any more; then the blob is read, and is ours if it has the body's size and CRC-32.
 */
import { encodeBase64 } from '@pawl/protocol'
import type { Digest } from '../../digest.ts'
import type { Call, PartsDriver, Payload, ProviderResult, UploadIntent } from '../../driver.ts'
import { FilesError } from '../../errors.ts'
import { canStream } from '../../http/http.ts'
import type { Json } from '../../json.ts'
import { sessionText, wrongPlace } from '../../session.ts'
import { WHOLE } from '../../transfer/block.ts'
import { crc32 } from '../../transfer/crc32.ts'
import { hasherOf } from '../../transfer/hashers.ts'
import { described } from '../described.ts'
import type { Authorization } from '../token.ts'
import type { BlobRequest, BlobWire, Fields } from './wire.ts'

const MIB = 1024 * 1024

export interface BlobSession {
  readonly [name: string]: Json
  readonly key: string
  readonly uploadId: string
}

export interface BlobPlace {
  readonly wire: BlobWire
  readonly authorization: Authorization
  readonly access: string
  readonly minPartSize: number
  /** A blob's content as it is now. */
  content(pathname: string, call: Call): Promise<ReadableStream<Uint8Array>>
}

export function blobDriver(
  { wire, authorization, access, minPartSize, content }: BlobPlace,
  { key, size, contentType, condition }: UploadIntent,
): PartsDriver<BlobSession> {
  const what = `uploading ${JSON.stringify(key)}`
  const query = new URLSearchParams({ pathname: key })
  const options: Record<string, string> = {
    'x-vercel-blob-access': access,
    'x-content-type': contentType,
    'x-add-random-suffix': '0',
    'x-allow-overwrite': condition?.type === 'create' ? '0' : '1',
    ...(condition?.type === 'replace' ? { 'x-if-match': condition.etag } : {}),
  }
  /** Whether the ETags of parts are their MD5, as far as this process has seen. */
  const same: boolean[] = []

  const ask = (request: Omit<BlobRequest, 'path'>, path: string, call: Call) =>
    wire(what, authorization, { ...request, path: `${path}?${query}` }, call)

  const step = (
    action: string,
    session: BlobSession,
    more: Omit<BlobRequest, 'path' | 'method'>,
    call: Call,
  ) =>
    ask(
      {
        ...more,
        method: 'POST',
        headers: {
          ...options,
          ...more.headers,
          'x-mpu-action': action,
          // Headers are ASCII.
          'x-mpu-key': encodeURIComponent(session.key),
          'x-mpu-upload-id': session.uploadId,
        },
      },
      '/mpu',
      call,
    )

  /** The blob under the key, if its content is the body's. */
  async function made(digest: Digest | undefined, call: Call): Promise<ProviderResult | undefined> {
    let [crc, read] = [0, 0]
    for await (const chunk of await content(key, call)) {
      crc = crc32(chunk, crc)
      read += chunk.length
      call.touch()
    }
    const bytes = new Uint8Array(4)
    new DataView(bytes.buffer).setUint32(0, crc)
    return read === size && encodeBase64(bytes) === digest?.value ? { digest } : undefined
  }

  return {
    shape: 'parts',
    // Not reported: it is what tells whose blob it is, when the last answer was lost.
    digest: 'crc32',
    part: {
      min: minPartSize,
      max: canStream() ? 5 * 1024 * MIB : WHOLE,
      maxCount: 10_000,
      maxSize: 5 * 1024 ** 4,
      multiple: 1,
      preferred: 8 * MIB,
    },
    single: {
      // On a condition, repeating a request whose answer was lost would be refused because of its own blob.
      max: condition === undefined ? minPartSize : 0,
      put: async (_intent, payload, call) =>
        resultOf(
          described(what, await ask({ method: 'PUT', headers: options, body: payload }, '/', call), 'url'),
        ),
    },
    begin: async (_intent, _partSize, call) => {
      const headers = { ...options, 'x-mpu-action': 'create' }
      const { key: named, uploadId } = await ask({ method: 'POST', headers }, '/mpu', call)
      if (typeof named === 'string' && typeof uploadId === 'string') return { key: named, uploadId }
      throw new FilesError('Provider', `${what}: the answer names no upload`, undefined, { retryable: false })
    },
    adopt: (session) => {
      const adopted = { key: sessionText(session, 'key'), uploadId: sessionText(session, 'uploadId') }
      if (adopted.key === key) return adopted
      throw wrongPlace('key', adopted.key, key)
    },
    send: async (session, number, payload, call) => {
      const md5 = hasherOf('md5')
      const body = md5 ? heard(payload, (bytes) => md5.update(bytes)) : payload
      const headers = { 'x-mpu-part-number': String(number) }
      const { etag } = await lost(step('upload', session, { headers, body }, call))
      if (typeof etag !== 'string')
        throw new FilesError('Provider', `${what}: the answer to a part has no etag`)
      if (md5) {
        same.push(etag.includes(hexOf(md5.digest())))
        // Where those of other parts are, one that is not was damaged on its way.
        if (!same.at(-1) && same.includes(true)) {
          same.pop()
          throw new FilesError('Provider', `${what}: part ${number} was damaged on its way`)
        }
      }
      return { number, size: payload.size, etag }
    },
    complete: async (session, _intent, parts, digest, call) => {
      if (same.includes(true) && same.includes(false))
        throw new FilesError('Corrupted', `${what}: a part was damaged on its way; upload it anew`)
      const body = JSON.stringify(parts.map(({ number, etag }) => ({ partNumber: number, etag })))
      try {
        const headers = { 'content-type': 'application/json' }
        return resultOf(described(what, await step('complete', session, { headers, body }, call), 'url'))
      } catch (error) {
        if (!(error instanceof FilesError && error.code === 'NotFound')) throw error
        const result = await lost(made(digest, call))
        if (result) return result
        throw gone(error)
      }
    },
    // Nothing gives it up: Vercel drops it some time.
    discard: async () => {},
    refresh: authorization.refresh,
  }

  /** What is not found is the upload. */
  async function lost<T>(asked: Promise<T>): Promise<T> {
    try {
      return await asked
    } catch (error) {
      throw error instanceof FilesError && error.code === 'NotFound' ? gone(error) : error
    }
  }
}

function gone(cause: FilesError): FilesError {
  return new FilesError('SessionGone', `${cause.message}; start the upload anew`, cause)
}

/** A piece whose bytes are heard as they go. */
function heard(payload: Payload, hear: (bytes: Uint8Array) => void): Payload {
  return {
    ...payload,
    bytes: async (options) => {
      const bytes = await payload.bytes(options)
      hear(bytes)
      return bytes
    },
    blocks: async function* (options) {
      for await (const block of payload.blocks(options)) {
        hear(block)
        yield block
      }
    },
  }
}

function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

function resultOf({ url, etag }: Fields): ProviderResult {
  return {
    ...(typeof url === 'string' ? { url } : {}),
    ...(typeof etag === 'string' ? { etag } : {}),
  }
}
