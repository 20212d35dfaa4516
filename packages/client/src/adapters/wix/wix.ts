/**
 * The media manager of a Wix site, and Pawl's media face: https://dev.wix.com/docs/rest/assets/media/media-manager
 *
 * Can: resumable uploads over tus, with a key or with upload URLs that a backend asks for; waits until the file is
 * READY; every file operation but copies. A key is a path of folders and a name. What an upload or a move takes the
 * place of, and what is deleted, goes into the trash.
 * Cannot: keep empty files, metadata or content types of one's own; overwrite on condition; copy. Its `hash` is
 * compared with `verify: 'full'` only; so is the SHA-256 that Pawl's server gives.
 */
import type { Adapter, AdapterOperations } from '../../adapter.ts'
import { FilesError } from '../../errors.ts'
import { statusError } from '../../http/failure.ts'
import { storedFile } from '../../stored-file.ts'
import { callOf } from '../call.ts'
import { refuseEmpty } from '../no-empty.ts'
import { reader } from '../reading.ts'
import { tokenAuthorization } from '../token.ts'
import { pageOf } from '../tree.ts'
import { wixDriver } from './driver.ts'
import { type Library, libraryOf, placeOf } from './library.ts'
import type { WixOptions } from './options.ts'
import { fieldsOf, textOf, type WixFile, type WixWire, wixWire } from './wire.ts'

export type { TokenSource } from '../token.ts'
export type { WixOptions, WixUploadUrl, WixWish } from './options.ts'

const ENDPOINT = 'https://www.wixapis.com'
const ROOT = 'media-root'
/** Seconds. */
const [EXPIRES, LONGEST] = [3600, 31_536_000]

/** @example new Files({ adapter: wix({ token: process.env.WIX_API_KEY, siteId: '…' }) }) */
export function wix(options: WixOptions): Adapter<WixWire> {
  const { token, siteId, grant, folder = ROOT, endpoint = ENDPOINT, http } = options
  if (token === undefined && grant === undefined)
    throw new FilesError('NotSupported', 'wix() needs a token or a grant')
  const site: Record<string, string> = siteId === undefined ? {} : { 'wix-site-id': siteId }
  const wire = wixWire(tokenAuthorization(token ?? '', ''), site, endpoint, http)
  const library = libraryOf(wire, folder)
  return {
    name: 'wix',
    place: `${wire.base}#${folder}`,
    raw: wire,
    traits: {
      rangeRead: true,
      delimiter: true,
      signedUrls: true,
      maxExpiresIn: LONGEST,
      minSize: 1,
      resumable: true,
    },
    driver: (intent) => {
      refuseEmpty('Wix', intent)
      return wixDriver(options, wire, library, intent)
    },
    ...(token !== undefined && operations(wire, library)),
  }
}

function operations(wire: WixWire, library: Library): AdapterOperations {
  /** A URL of the content that works for a while. */
  const link = async (key: string, more: object, signal: AbortSignal | undefined) => {
    const [what, call] = [`linking ${JSON.stringify(key)}`, callOf(signal)]
    const { id } = await library.get(key, call)
    const path = '/files/generate-file-download-url'
    const { downloadUrls } = await wire.ask(what, 'POST', path, call, { fileId: id, ...more })
    const url = textOf(fieldsOf(Array.isArray(downloadUrls) ? downloadUrls[0] : undefined).url)
    if (url !== undefined) return url
    throw new FilesError('Provider', `${what}: the answer names no URL`, undefined, { retryable: false })
  }
  const read = reader(async (key, headers, signal) => {
    const url = await link(key, {}, signal)
    const response = await wire.bare({ method: 'GET', url, headers, stream: true }, callOf(signal))
    if (response.status < 300) return response
    throw statusError(`reading ${JSON.stringify(key)}`, response, await response.text())
  })

  return {
    download: (key, range, { signal }) =>
      read.download(key, range, signal, (response) => ({ type: response.header('content-type') })),
    head: async (key, { signal }) =>
      storedFile(factsOf(key, await library.get(key, callOf(signal))), read.lazy(key)),
    delete: async (key, { signal }) => {
      const call = callOf(signal)
      await library.remove(await library.named(key, call), call)
    },
    move: async (from, to, { signal }) => {
      const [what, call] = [`moving ${JSON.stringify(from)}`, callOf(signal)]
      const target = placeOf(to)
      const [{ id }, parentFolderId] = [
        await library.get(from, call),
        await library.folder(target.folders, call),
      ]
      const file = { id, displayName: target.name, parentFolderId }
      await wire.ask(what, 'PATCH', '/files/update-file-descriptor', call, { file })
      // Whatever else stands there goes, once this one is there.
      const others = (await library.named(to, call)).filter((other) => other.id !== id)
      await library.remove(others, call)
    },
    list: (query, { signal }) =>
      pageOf(
        query,
        async (path) => {
          const { files, folders } = await library.inside(path.split('/').slice(0, -1), callOf(signal))
          const entries = files.reverse().map((file) => {
            const { size, lastModified } = factsOf('', file)
            return { name: String(file.displayName), isFolder: false, size, lastModified }
          })
          return [...entries, ...folders.map((name) => ({ name, isFolder: true, size: 0 }))]
        },
        (key, { size, lastModified }) => storedFile({ key, size, lastModified }, read.lazy(key)),
      ),
    url: (key, { expiresIn = EXPIRES, responseContentDisposition }, { signal }) =>
      link(
        key,
        { ...shown(responseContentDisposition), expirationInMinutes: Math.ceil(expiresIn / 60) },
        signal,
      ),
  }
}

function factsOf(key: string, { sizeInBytes, updatedDate, hash }: WixFile) {
  return {
    key,
    size: Number(sizeInBytes ?? 0),
    lastModified: Date.parse(textOf(updatedDate) ?? ''),
    etag: textOf(hash) || undefined,
  }
}

/** To be shown, or saved under a name. */
function shown(disposition = 'inline'): object {
  const [, kind, name] = /^(inline|attachment)(?:;\s*filename="([^"\\]*)")?$/i.exec(disposition) ?? []
  if (kind === undefined) throw new FilesError('NotSupported', 'Wix knows attachment; filename="…" only')
  return { contentDisposition: kind.toUpperCase(), ...(name ? { downloadFileName: name } : {}) }
}
