/** Files at a server that speaks WebDAV, whichever way they get there. */
import type { Adapter } from '../../adapter.ts'
import type { Driver, UploadIntent } from '../../driver.ts'
import { FilesError } from '../../errors.ts'
import { storedFile } from '../../stored-file.ts'
import { callOf } from '../call.ts'
import { PART_SUFFIX } from '../file-key.ts'
import { reader } from '../reading.ts'
import { pageOf } from '../tree.ts'
import type { Resource } from './multistatus.ts'
import type { WebdavOptions } from './options.ts'
import { WebdavWire } from './wire.ts'

export function webdavFiles(
  name: string,
  options: WebdavOptions,
  driver: (wire: WebdavWire, intent: UploadIntent) => Driver,
): Adapter<WebdavWire> {
  const wire = new WebdavWire(options)
  const root = decodeURIComponent(new URL(wire.base).pathname).replace(/\/+$/, '')

  const read = reader((key, headers, signal) => {
    const request = { method: 'GET', url: wire.urlOf(key), headers, stream: true }
    return wire.expect(`reading ${JSON.stringify(key)}`, request, callOf(signal))
  })
  const relocate = async (method: 'MOVE' | 'COPY', from: string, to: string, signal: AbortSignal) => {
    const what = `${method === 'MOVE' ? 'moving' : 'copying'} ${JSON.stringify(from)}`
    const call = callOf(signal)
    await wire.makeFolders(what, wire.urlOf(to), call)
    await wire.relocate(what, method, wire.urlOf(from), wire.urlOf(to), true, call)
  }
  const folder = async (path: string, signal: AbortSignal) => {
    const url = path === '' ? wire.base : wire.urlOf(path.slice(0, -1))
    const found = (await wire.look('listing', `${url}/`, 1, callOf(signal))) ?? []
    const above = `${root}/${path}`
    return found
      .filter((resource) => resource.path.startsWith(above) && resource.path !== above.slice(0, -1))
      .map((resource) => ({ ...resource, name: resource.path.slice(above.length) }))
  }

  return {
    name,
    place: wire.base,
    raw: wire,
    traits: {
      rangeRead: true,
      delimiter: true,
      conditions: ['create'],
      serverSideCopy: true,
      resumable: true,
    },
    driver: (intent) => {
      checkKey(intent.key)
      return driver(wire, intent)
    },
    download: (key, range, { signal }) =>
      read.download(key, range, signal, (response) => ({
        etag: response.header('etag'),
        type: response.header('content-type'),
      })),
    head: async (key, { signal }) => {
      const what = `looking at ${JSON.stringify(key)}`
      const [file] = (await wire.look(what, wire.urlOf(key), 0, callOf(signal))) ?? []
      if (!file || file.isFolder) throw new FilesError('NotFound', `there is no file ${JSON.stringify(key)}`)
      return storedFile(factsOf(key, file), read.lazy(key))
    },
    delete: async (key, { signal }) => {
      const what = `deleting ${JSON.stringify(key)}`
      const url = wire.urlOf(key)
      // A folder is no file of this name, and would go with everything below it.
      if (await wire.isFolder(what, url, callOf(signal))) return
      await wire.expect(what, { method: 'DELETE', url, headers: {} }, callOf(signal), [404])
    },
    copy: (from, to, { signal }) => relocate('COPY', from, to, signal),
    move: (from, to, { signal }) => relocate('MOVE', from, to, signal),
    list: (query, { signal }) =>
      pageOf(
        query,
        (path) => folder(path, signal),
        (key, file) => storedFile({ key, size: file.size, lastModified: file.lastModified }, read.lazy(key)),
      ),
  }
}

function factsOf(key: string, { size, lastModified, etag, type }: Resource) {
  return { key, size, lastModified, etag, type }
}

/** Names that URLs cannot carry, or that servers cut. */
function checkKey(key: string): void {
  if (!key.isWellFormed() || /\p{Cc}|\s$/u.test(key) || key.endsWith(PART_SUFFIX))
    throw new FilesError('InvalidKey', `${JSON.stringify(key)} cannot be a path at a WebDAV server`)
}
