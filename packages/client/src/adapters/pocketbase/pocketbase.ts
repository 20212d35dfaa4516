/**
 * Files of PocketBase: records of one collection, with a text field for the key and a file field.
 * https://pocketbase.io/docs/files-handling/
 *
 * Can: a file in one request, in a record that is made or changed; download by range, head, delete, list; URLs.
 * Cannot: pause or resume, which PocketBase has no way for; conditions, metadata, copies; digests, because it reports
 * none. It guesses the content type itself. Lists read the whole collection, and look at each file for its size.
 */
import type { Adapter } from '../../adapter.ts'
import type { Call, Payload, ProviderResult, UploadIntent } from '../../driver.ts'
import { FilesError } from '../../errors.ts'
import { statusError } from '../../http/failure.ts'
import type { Http, HttpResponse } from '../../http/http.ts'
import { type StoredFileFacts, storedFile } from '../../stored-file.ts'
import { callOf } from '../call.ts'
import { described } from '../described.ts'
import { formOf } from '../form.ts'
import { listPage } from '../listing.ts'
import { reader } from '../reading.ts'
import {
  accepted,
  type Fields,
  fieldsIn,
  fieldsOf,
  nobody,
  type Requests,
  requests,
  textOf,
} from '../requests.ts'
import { type TokenSource, tokenAuthorization } from '../token.ts'
import { checkWhole, WHOLE_TRAITS, wholeDriver } from '../whole.ts'

export type { TokenSource } from '../token.ts'

export interface PocketBaseOptions {
  /** Such as `https://pb.example.com`. */
  readonly url: string
  /**
   * The collection, by name or id. It must have a text field for keys with a unique index, and a file field for one
   * file, whose largest size allows for the uploads.
   */
  readonly collection: string
  /** `pb.authStore.token`; a function is asked again when one was refused. Absent: requests are nobody's. */
  readonly token?: TokenSource
  /** Default `key`. */
  readonly keyField?: string
  /** Default `file`. */
  readonly fileField?: string
  /** `url` gives URLs that do not expire: for a file field that is not protected. Default false. */
  readonly permanentUrls?: boolean
  readonly http?: Http
}

/** 2^53 − 1: what a field's limit can be at most. */
const MOST = Number.MAX_SAFE_INTEGER
/** Records a page. */
const MANY = 500
/** Files that a page of a list looks at, for their sizes. */
const PAGE = 100

/** @example new Files({ adapter: pocketbase({ url: 'https://pb.example.com', collection: 'files', token }) }) */
export function pocketbase(options: PocketBaseOptions): Adapter<Requests> {
  const { collection, token, keyField = 'key', fileField = 'file', permanentUrls = false, http } = options
  for (const field of [keyField, fileField])
    if (!/^\w+$/.test(field))
      throw new FilesError('InvalidKey', `${JSON.stringify(field)} is no field's name`)
  const base = options.url.replace(/\/+$/, '')
  const records = `${base}/api/collections/${encodeURIComponent(collection)}/records`
  const wire = requests(token === undefined ? nobody : tokenAuthorization(token), http)

  const page = async (what: string, query: Record<string, string>, call: Call): Promise<Fields[]> => {
    const url = `${records}?${new URLSearchParams({ skipTotal: '1', ...query })}`
    const { items } = await fieldsIn(what, await wire.expect(what, { method: 'GET', url }, call))
    return Array.isArray(items) ? items.map(fieldsOf) : []
  }
  const find = async (what: string, key: string, call: Call): Promise<Fields | undefined> => {
    const found = await page(what, { perPage: '1', filter: `${keyField}="${checkKey(key)}"` }, call)
    return found.find((record) => record[keyField] === key)
  }
  const fileUrl = (record: Fields, query = '') =>
    `${base}/api/files/${record.collectionId}/${record.id}/${encodeURIComponent(String(record[fileField]))}${query}`
  /** A protected file is shown to who brings a token that was made just now. */
  const open = async (
    what: string,
    record: Fields,
    headers: Readonly<Record<string, string>>,
    stream: boolean,
    call: Call,
  ): Promise<HttpResponse> => {
    let query = ''
    if (token !== undefined) {
      const asked = await wire.expect(what, { method: 'POST', url: `${base}/api/files/token` }, call)
      query = `?token=${encodeURIComponent(String((await fieldsIn(what, asked)).token))}`
    }
    const response = await wire.bare({ method: 'GET', url: fileUrl(record, query), headers, stream }, call)
    return accepted(what, response)
  }
  const there = async (what: string, key: string, call: Call): Promise<Fields> => {
    const record = await find(what, key, call)
    if (record && textOf(record[fileField])) return record
    throw new FilesError('NotFound', `${what}: there is no such file`)
  }
  const read = reader(async (key, headers, signal) => {
    const what = `reading ${JSON.stringify(key)}`
    return open(what, await there(what, key, callOf(signal)), headers, true, callOf(signal))
  })
  /** Records know no sizes: the first byte is asked for, and the answer says of how many. */
  const look = async (key: string, record: Fields, signal: AbortSignal): Promise<StoredFileFacts> => {
    const what = `looking at ${JSON.stringify(key)}`
    const response = await open(what, record, { range: 'bytes=0-0' }, true, callOf(signal))
    await response.stream?.cancel()
    const [, size] = /\/(\d+)$/.exec(response.header('content-range') ?? '') ?? []
    const time = Date.parse(textOf(record.updated) ?? response.header('last-modified') ?? '')
    return {
      key,
      size: Number(size ?? response.header('content-length') ?? 0),
      type: response.header('content-type'),
      lastModified: Number.isNaN(time) ? undefined : time,
    }
  }

  return {
    name: 'pocketbase',
    place: `${records}#${keyField},${fileField}`,
    raw: wire,
    checkUpload: checkWhole('pocketbase'),
    traits: { ...WHOLE_TRAITS, rangeRead: true, delimiter: true, signedUrls: permanentUrls },
    driver: (intent) => {
      checkKey(intent.key)
      return wholeDriver(intent, { most: MOST, put: putting(intent), refresh: wire.refresh })
    },
    download: (key, range, { signal }) =>
      read.download(key, range, signal, (response) => ({ type: response.header('content-type') })),
    head: async (key, { signal }) => {
      const record = await there(`looking at ${JSON.stringify(key)}`, key, callOf(signal))
      return storedFile(await look(key, record, signal), read.lazy(key))
    },
    delete: async (key, { signal }) => {
      const what = `deleting ${JSON.stringify(key)}`
      const record = await find(what, key, callOf(signal))
      if (!record) return
      await wire.expect(what, { method: 'DELETE', url: `${records}/${record.id}` }, callOf(signal), [404])
    },
    list: async ({ limit = PAGE, ...query }, { signal }) => {
      const found = new Map<string, Fields>()
      for (let number = 1, more = true; more; number++) {
        const items = await page(
          'listing',
          { page: String(number), perPage: String(MANY), sort: keyField },
          callOf(signal),
        )
        for (const record of items) if (textOf(record[fileField])) found.set(String(record[keyField]), record)
        more = items.length === MANY
      }
      return listPage([...found.keys()], { ...query, limit: Math.min(limit, PAGE) }, async (key) => {
        const record = found.get(key)
        return record && storedFile(await look(key, record, signal), read.lazy(key))
      })
    },
    ...(permanentUrls && {
      url: async (key, { responseContentDisposition }, { signal }) => {
        if (responseContentDisposition !== undefined)
          throw new FilesError('NotSupported', "PocketBase's URLs know no disposition but `?download=1`")
        return fileUrl(await there(`linking ${JSON.stringify(key)}`, key, callOf(signal)))
      },
    }),
  }

  function putting({ key, contentType }: UploadIntent) {
    const what = `uploading ${JSON.stringify(key)}`
    const name = key.slice(key.lastIndexOf('/') + 1)
    return async (payload: Payload, call: Call): Promise<ProviderResult> => {
      const record = await find(what, key, call)
      const { type, body } = formOf(
        record ? {} : { [keyField]: key },
        { field: fileField, name, type: contentType },
        payload,
      )
      const response = await wire.once(
        {
          method: record ? 'PATCH' : 'POST',
          url: record ? `${records}/${record.id}` : records,
          headers: { 'content-type': type },
          body,
        },
        call,
      )
      if (response.status === 400) {
        const text = await response.text()
        const error = statusError(what, response, text)
        // Another one made the record in the meantime: the next try changes it. A file that is too large stays so.
        const again = text.includes('validation_not_unique')
        const tooLarge = text.includes('validation_file_size_limit')
        throw new FilesError(tooLarge ? 'QuotaExceeded' : error.code, error.message, error, {
          status: 400,
          retryable: again,
        })
      }
      await accepted(what, response)
      const made = described(what, await fieldsIn(what, response), 'id')
      return permanentUrls ? { url: fileUrl(made) } : {}
    }
  }
}

/** Text that a filter takes as it stands. */
function checkKey(key: string): string {
  if (key.isWellFormed() && !/["\\\p{Cc}]/u.test(key) && key.length <= 5000) return key
  throw new FilesError(
    'InvalidKey',
    `${JSON.stringify(key.slice(0, 100))} is no key for PocketBase: no quotes, backslashes or control characters`,
  )
}
