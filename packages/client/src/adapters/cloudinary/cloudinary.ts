/**
 * Files of one cloud at Cloudinary: https://cloudinary.com/documentation/upload_images
 *
 * Can: uploads in chunks, signed with the secret, by a backend, or unsigned; refusing to overwrite (`create`); the MD5
 * that Cloudinary reports is compared with that of the body (not in browsers); every file operation but copies,
 * with key and secret. A key is the public id; characters that it cannot have are written as `~` and two hex digits.
 * Cannot: ask where an upload stands, or give one up. What was acknowledged in the second before a process ended may
 * be sent again. No empty files, content types, metadata; no copies, no signed URLs: what is uploaded is public.
 */
import type { Adapter, AdapterOperations } from '../../adapter.ts'
import { FilesError } from '../../errors.ts'
import { statusError } from '../../http/failure.ts'
import { type StoredFileFacts, storedFile } from '../../stored-file.ts'
import { callOf } from '../call.ts'
import { listPage } from '../listing.ts'
import { refuseEmpty } from '../no-empty.ts'
import { reader } from '../reading.ts'
import { cloudinaryDriver, find } from './driver.ts'
import type { CloudinaryOptions } from './options.ts'
import { keyOf, publicIdOf } from './public-id.ts'
import { type CloudinaryWire, cloudinaryWire, type Fields, fieldsOf } from './wire.ts'

export type { TokenSource } from '../token.ts'
export type { CloudinaryOptions } from './options.ts'

const PAGE = 500

/** @example new Files({ adapter: cloudinary({ cloud: 'demo', apiKey: '…', apiSecret: process.env.SECRET }) }) */
export function cloudinary(options: CloudinaryOptions): Adapter<CloudinaryWire> {
  const { apiKey, apiSecret, sign, uploadPreset } = options
  const signs = apiSecret !== undefined || sign !== undefined
  if (signs ? apiKey === undefined : uploadPreset === undefined)
    throw new FilesError(
      'NotSupported',
      'cloudinary() needs apiKey with apiSecret or sign, or an uploadPreset',
    )
  const wire = cloudinaryWire(options)
  return {
    name: 'cloudinary',
    place: wire.place,
    raw: wire,
    traits: {
      rangeRead: true,
      delimiter: true,
      // An unsigned upload never overwrites, and says nothing about it.
      conditions: signs ? ['create'] : [],
      minSize: 1,
      resumable: true,
    },
    driver: (intent) => {
      refuseEmpty('Cloudinary', intent)
      return cloudinaryDriver(options, wire, intent)
    },
    ...(wire.canAsk && operations(wire)),
  }
}

function operations(wire: CloudinaryWire): AdapterOperations {
  const get = async (key: string, signal: AbortSignal | undefined): Promise<Fields> => {
    const file = await find(`looking for ${JSON.stringify(key)}`, wire, publicIdOf(key), callOf(signal))
    if (file) return file
    throw new FilesError('NotFound', `there is no ${JSON.stringify(key)}`)
  }
  const read = reader(async (key, headers, signal) => {
    const url = String((await get(key, signal)).secure_url)
    const response = await wire.read(url, headers, callOf(signal))
    if (response.status < 300) return response
    throw statusError(`reading ${JSON.stringify(key)}`, response, await response.text())
  })
  return {
    download: (key, range, { signal }) =>
      read.download(key, range, signal, (response) => ({ type: response.header('content-type') })),
    head: async (key, { signal }) => storedFile(factsOf(await get(key, signal)), read.lazy(key)),
    delete: async (key, { signal }) => {
      const what = `deleting ${JSON.stringify(key)}`
      await wire.change(what, 'destroy', { public_id: publicIdOf(key), invalidate: 'true' }, callOf(signal))
    },
    move: async (from, to, { signal }) => {
      const params = {
        from_public_id: publicIdOf(from),
        to_public_id: publicIdOf(to),
        overwrite: 'true',
        invalidate: 'true',
      }
      await wire.change(`moving ${JSON.stringify(from)}`, 'rename', params, callOf(signal))
    },
    list: async (query, { signal }) => {
      const files = new Map<string, StoredFileFacts>()
      for (let cursor: unknown = ''; typeof cursor === 'string'; ) {
        const asked = new URLSearchParams({ max_results: String(PAGE), prefix: prefixOf(query.prefix) })
        if (cursor !== '') asked.set('next_cursor', cursor)
        const page: Fields = await wire.ask('listing', `?${asked}`, callOf(signal))
        for (const file of Array.isArray(page.resources) ? page.resources.map(fieldsOf) : []) {
          const facts = factsOf(file)
          files.set(facts.key, facts)
        }
        cursor = page.next_cursor
      }
      return listPage([...files.keys()], query, (key) => {
        const facts = files.get(key)
        return facts && storedFile(facts, read.lazy(key))
      })
    },
    url: async (key, { responseContentDisposition }, { signal }) => {
      if (responseContentDisposition !== undefined)
        throw new FilesError('NotSupported', 'a URL of Cloudinary has its own disposition')
      return String((await get(key, signal)).secure_url)
    },
  }
}

/** The part of a prefix that is one of public ids too. */
function prefixOf(prefix = ''): string {
  return prefix.replace(/[?&#\\%<>+~].*$/s, '')
}

function factsOf({ public_id, bytes, etag, created_at }: Fields): StoredFileFacts {
  return {
    key: keyOf(String(public_id)),
    size: Number(bytes ?? 0),
    lastModified: Date.parse(String(created_at)),
    etag: typeof etag === 'string' ? etag : undefined,
  }
}
