/**
 * Files of one app at UploadThing: https://docs.uploadthing.com
 *
 * Can: uploads that go on where they were cut, in another process too; URLs that are signed here, or by a backend; the
 * MD5 that UploadThing reports is compared with that of the body (not in browsers); downloads with ranges, lists,
 * deleting, URLs that work for a while. A key is a file's custom id: files without one are not seen.
 * Cannot: replace a file, copy or move one, keep empty files or metadata, give an upload up for certain.
 */
import type { Adapter, AdapterOperations } from '../../adapter.ts'
import { FilesError } from '../../errors.ts'
import { statusError } from '../../http/failure.ts'
import type { HttpResponse } from '../../http/http.ts'
import { type StoredFileFacts, storedFile } from '../../stored-file.ts'
import { callOf } from '../call.ts'
import { listPage } from '../listing.ts'
import { refuseEmpty } from '../no-empty.ts'
import { reader } from '../reading.ts'
import { uploadThingDriver } from './driver.ts'
import type { UploadThingOptions } from './options.ts'
import { fieldsOf, find, type UploadThingWire, uploadThingWire } from './wire.ts'

export type { TokenSource } from '../token.ts'
export type { UploadThingFile, UploadThingOptions } from './options.ts'

const PAGE = 500
/** Seconds that a URL works, and the most that it may. */
const EXPIRES = 3600
const LONGEST = 7 * 24 * 3600
/** Characters of a custom id: longer ones were seen to be refused. */
const MAX_ID = 128

/** @example new Files({ adapter: uploadThing({ token: process.env.UPLOADTHING_TOKEN ?? '' }) }) */
export function uploadThing(options: UploadThingOptions): Adapter<UploadThingWire> {
  if ((options.token === undefined) === (options.presign === undefined))
    throw new FilesError('NotSupported', 'uploadThing() needs a token or presign')
  const wire = uploadThingWire(options)
  return {
    name: 'uploadthing',
    place: wire.endpoint,
    raw: wire,
    traits: {
      rangeRead: true,
      delimiter: true,
      conditions: ['create'],
      signedUrls: true,
      maxExpiresIn: LONGEST,
      minSize: 1,
      resumable: true,
    },
    driver: (intent) => {
      checkKey(intent.key)
      refuseEmpty('UploadThing', intent)
      return uploadThingDriver(options, wire, intent)
    },
    ...(options.presign === undefined && operations(wire)),
  }
}

function operations(wire: UploadThingWire): AdapterOperations {
  const fileKeyOf = async (key: string, signal: AbortSignal | undefined): Promise<string> => {
    const fileKey = await find(`looking for ${JSON.stringify(key)}`, wire, key, callOf(signal))
    if (fileKey !== undefined) return fileKey
    throw new FilesError('NotFound', `there is no ${JSON.stringify(key)} in the app`)
  }
  const ask = async (
    method: 'GET' | 'HEAD',
    key: string,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal | undefined,
  ): Promise<HttpResponse> => {
    const url = await wire.fileUrl(await fileKeyOf(key, signal), EXPIRES)
    const response = await wire.send({ method, url, headers, stream: method === 'GET' }, callOf(signal))
    if (response.status < 300) return response
    throw statusError(`reading ${JSON.stringify(key)}`, response, await response.text())
  }
  const read = reader((key, headers, signal) => ask('GET', key, headers, signal))
  return {
    download: (key, range, { signal }) => read.download(key, range, signal, factsOf),
    head: async (key, { signal }) => {
      const response = await ask('HEAD', key, {}, signal)
      const size = Number(response.header('content-length') ?? 0)
      return storedFile({ key, size, ...factsOf(response) }, read.lazy(key))
    },
    delete: async (key, { signal }) => {
      await wire.ask(`deleting ${JSON.stringify(key)}`, 'deleteFiles', { customIds: [key] }, callOf(signal))
    },
    list: async (query, { signal }) => {
      const files = new Map<string, StoredFileFacts>()
      for (let offset = 0, more = true; more; offset += PAGE) {
        const page = await wire.ask('listing', 'listFiles', { limit: PAGE, offset }, callOf(signal))
        for (const item of Array.isArray(page.files) ? page.files : []) {
          const { customId, size, status, uploadedAt } = fieldsOf(item)
          if (typeof customId !== 'string' || status !== 'Uploaded') continue
          files.set(customId, { key: customId, size: Number(size), lastModified: Number(uploadedAt) })
        }
        more = page.hasMore === true
      }
      return listPage([...files.keys()], query, (key) => {
        const facts = files.get(key)
        return facts && storedFile(facts, read.lazy(key))
      })
    },
    url: async (key, { expiresIn = EXPIRES, responseContentDisposition }, { signal }) => {
      if (responseContentDisposition !== undefined)
        throw new FilesError('NotSupported', 'a URL of UploadThing has its own disposition')
      return wire.fileUrl(await fileKeyOf(key, signal), expiresIn)
    },
  }
}

function factsOf(response: HttpResponse): Omit<StoredFileFacts, 'key' | 'size'> {
  const modified = Date.parse(response.header('last-modified') ?? '')
  return {
    type: response.header('content-type'),
    etag: response.header('etag')?.replace(/^(?:W\/)?"(.*)"$/, '$1'),
    lastModified: Number.isNaN(modified) ? undefined : modified,
  }
}

function checkKey(key: string): void {
  if (key !== '' && key.length <= MAX_ID && key.isWellFormed() && !/\p{Cc}/u.test(key)) return
  throw new FilesError(
    'InvalidKey',
    `${JSON.stringify(key.slice(0, 100))} is no custom id of 1 to ${MAX_ID} characters`,
  )
}
