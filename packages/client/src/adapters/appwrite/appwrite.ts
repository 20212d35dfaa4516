/**
 * A bucket of Appwrite's storage: https://appwrite.io/docs/products/storage
 *
 * Can: uploads in chunks of 5 MiB, which are counted after every doubt; the MD5 that Appwrite reports is compared
 * with that of the body (not in browsers); every file operation but copies; URLs that work for a while. A key is
 * the name of a file, slashes included. Names are not unique: the file that was made last counts, and an upload
 * removes the older ones.
 * Cannot: keep empty files, content types or metadata of one's own; overwrite on condition; copy; send chunks of one
 * file side by side, because Appwrite tells their number and not which ones it has. Lists read the whole bucket.
 */
import type { Adapter } from '../../adapter.ts'
import { FilesError } from '../../errors.ts'
import type { HttpResponse } from '../../http/http.ts'
import { type StoredFileFacts, storedFile } from '../../stored-file.ts'
import { callOf } from '../call.ts'
import { listPage } from '../listing.ts'
import { refuseEmpty } from '../no-empty.ts'
import { reader } from '../reading.ts'
import { appwriteDriver, rename } from './driver.ts'
import type { AppwriteOptions } from './options.ts'
import { type AppwriteFile, type AppwriteWire, appwriteWire, fieldsOf, filesOf, remove } from './wire.ts'

export type { TokenSource } from '../token.ts'
export type { AppwriteOptions } from './options.ts'

/** Seconds that a URL works. */
const EXPIRES = 3600
/** Characters of a name. */
const MAX_NAME = 255

/** @example new Files({ adapter: appwrite({ project: '…', bucket: '…', key: process.env.APPWRITE_KEY }) }) */
export function appwrite(options: AppwriteOptions): Adapter<AppwriteWire> {
  const { project, key: apiKey, jwt } = options
  if ((apiKey === undefined) === (jwt === undefined))
    throw new FilesError('NotSupported', 'appwrite() needs a key or a jwt')
  const wire = appwriteWire(options)
  const named = (key: string, signal: AbortSignal | undefined) =>
    filesOf(`looking for ${JSON.stringify(key)}`, wire, checkName(key), callOf(signal))
  const get = async (key: string, signal: AbortSignal | undefined): Promise<AppwriteFile> => {
    const [file] = await named(key, signal)
    if (file) return file
    throw new FilesError('NotFound', `there is no ${JSON.stringify(key)} in the bucket`)
  }
  const read = reader(async (key, headers, signal): Promise<HttpResponse> => {
    const path = `/${encodeURIComponent((await get(key, signal)).$id)}/download`
    return wire.ask(`reading ${JSON.stringify(key)}`, { path, headers, stream: true }, callOf(signal))
  })

  return {
    name: 'appwrite',
    place: wire.base,
    raw: wire,
    traits: { rangeRead: true, delimiter: true, signedUrls: true, minSize: 1, resumable: true },
    driver: (intent) => {
      checkName(intent.key)
      refuseEmpty('Appwrite', intent)
      return appwriteDriver(options, wire, intent)
    },
    download: (key, range, { signal }) =>
      read.download(key, range, signal, (response) => ({ type: response.header('content-type') })),
    head: async (key, { signal }) => storedFile(factsOf(await get(key, signal)), read.lazy(key)),
    delete: async (key, { signal }) => {
      const ids = (await named(key, signal)).map(({ $id }) => $id)
      await remove(`deleting ${JSON.stringify(key)}`, wire, ids, callOf(signal))
    },
    move: async (from, to, { signal }) => {
      const [what, call] = [`moving ${JSON.stringify(from)}`, callOf(signal)]
      const { $id } = await get(from, signal)
      await rename(what, wire, $id, checkName(to), call)
      // Whatever else has the name goes, once this one has it.
      const others = (await named(to, signal)).map((file) => file.$id).filter((id) => id !== $id)
      await remove(what, wire, others, call)
    },
    list: async (query, { signal }) => {
      const all = (await filesOf('listing', wire, undefined, callOf(signal))).reverse()
      const files = new Map(all.map((file) => [String(file.name), factsOf(file)]))
      return listPage([...files.keys()], query, (key) => {
        const facts = files.get(key)
        return facts && storedFile(facts, read.lazy(key))
      })
    },
    url: async (key, { expiresIn = EXPIRES, responseContentDisposition = 'inline' }, { signal }) => {
      if (!/^(?:inline|attachment)$/.test(responseContentDisposition))
        throw new FilesError('NotSupported', 'Appwrite knows inline and attachment only')
      const [what, call] = [`linking ${JSON.stringify(key)}`, callOf(signal)]
      const file = `/${encodeURIComponent((await get(key, signal)).$id)}`
      const expire = new Date(Date.now() + expiresIn * 1000).toISOString()
      const request = {
        method: 'POST',
        path: wire.base.replace('/storage/buckets/', '/tokens/buckets/') + file,
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ expire }),
      }
      const { secret } = fieldsOf(await (await wire.ask(what, request, call)).text())
      const kind = responseContentDisposition === 'inline' ? 'view' : 'download'
      return `${wire.base}${file}/${kind}?${new URLSearchParams({ project, token: String(secret) })}`
    },
  }
}

function factsOf({ $id, name, sizeOriginal, mimeType, $updatedAt }: AppwriteFile): StoredFileFacts {
  return {
    key: String(name),
    size: Number(sizeOriginal ?? 0),
    type: typeof mimeType === 'string' ? mimeType : undefined,
    lastModified: Date.parse(String($updatedAt)),
    etag: $id,
  }
}

function checkName(key: string): string {
  if (key !== '' && key.length <= MAX_NAME && key.isWellFormed() && !/\p{Cc}/u.test(key)) return key
  throw new FilesError(
    'InvalidKey',
    `${JSON.stringify(key.slice(0, 100))} is no name of 1 to ${MAX_NAME} characters`,
  )
}
