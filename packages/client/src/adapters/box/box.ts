/**
 * A folder of Box: https://developer.box.com/reference/
 *
 * Can: upload sessions with parts side by side, their list compared with the body by SHA-1 after every doubt; the
 * SHA-1 of the whole file, which Box checks before it makes it; conditions; every file operation but signed uploads.
 * Cannot: keep content types or metadata; choose the part size, which Box sets. Files below 20 MB go in one request
 * and are not resumed. What is replaced stays as an older version, what is deleted goes to the trash. Box knows names
 * without their case, and looks nothing up by path: folders are listed on the way to a file.
 */
import type { Adapter } from '../../adapter.ts'
import type { Call } from '../../driver.ts'
import { FilesError } from '../../errors.ts'
import { statusError } from '../../http/failure.ts'
import { type Http, http } from '../../http/http.ts'
import { type StoredFileFacts, storedFile } from '../../stored-file.ts'
import { callOf } from '../call.ts'
import { reader } from '../reading.ts'
import { type TokenSource, tokenAuthorization } from '../token.ts'
import { pageOf } from '../tree.ts'
import { boxDriver } from './driver.ts'
import { boxFolders, split } from './folders.ts'
import { type BoxWire, boxError, boxWire, conflictOf, type Fields } from './wire.ts'

export type { TokenSource } from '../token.ts'

export interface BoxOptions {
  /** An access token; they live an hour, so better a function, which is asked again when one was refused. */
  readonly token: TokenSource
  /** The number of the folder that keys are below: the end of its URL. Default `0`, the root. */
  readonly folder?: string
  /** Bodies of at least this many bytes go in a session. Default: 20,000,000, the least that Box takes. */
  readonly sessionFrom?: number
  /** One host for everything, instead of `api.` and `upload.box.com`. */
  readonly endpoint?: string
  readonly http?: Http
}

const SESSION_FROM = 20_000_000
/** Seconds that a link lives, whatever was asked for. */
const LINK_LIFE = 900

/** @example new Files({ adapter: box({ token: () => accessToken(), folder: '1234' }) }) */
export function box(options: BoxOptions): Adapter<BoxWire> {
  const { token, folder: root = '0', sessionFrom = SESSION_FROM, http: send = http } = options
  const endpoint = options.endpoint?.replace(/\/+$/, '')
  const wire = boxWire(
    tokenAuthorization(token),
    {
      api: `${endpoint ?? 'https://api.box.com'}/2.0`,
      uploads: `${endpoint ?? 'https://upload.box.com'}/api/2.0`,
    },
    send,
  )
  const folders = () => boxFolders(wire, root)
  const remove = (what: string, id: unknown, call: Call) =>
    wire.ask(what, { method: 'DELETE', url: `${wire.api}/files/${id}` }, call)

  /** Where the content of a file is to be had for a while, without credentials. */
  const linkOf = async (key: string, call: Call): Promise<string> => {
    const { id } = await folders().file(key, call)
    const what = `reading ${JSON.stringify(key)}`
    const { response } = await wire.ask(
      what,
      { method: 'GET', url: `${wire.api}/files/${id}/content` },
      call,
      302,
    )
    const location = response.header('location')
    if (location !== undefined) return new URL(location, wire.api).href
    throw new FilesError('Provider', `${what}: it is not ready yet`)
  }
  const read = reader(async (key, headers, signal) => {
    const url = await linkOf(key, callOf(signal))
    const response = await send({ method: 'GET', url, headers, stream: true }, callOf(signal))
    if (response.status >= 300) throw statusError(`reading ${JSON.stringify(key)}`, response)
    return response
  })
  return {
    name: 'box',
    place: `${wire.uploads}#${root}`,
    raw: wire,
    traits: {
      rangeRead: true,
      delimiter: true,
      conditions: ['create', 'replace'],
      serverSideCopy: true,
      signedUrls: true,
      maxExpiresIn: LINK_LIFE,
    },
    driver: (intent) => boxDriver(wire, folders(), intent, sessionFrom),
    download: (key, range, { signal }) => read.download(key, range, signal, () => ({})),
    head: async (key, { signal }) =>
      storedFile(factsOf(key, await folders().file(key, callOf(signal))), read.lazy(key)),
    delete: async (key, { signal }) => {
      const file = await folders().look(key, callOf(signal))
      if (file) await remove(`deleting ${JSON.stringify(key)}`, file.id, callOf(signal))
    },
    // Box replaces nothing so: once only the name is known to be in the way, what has it goes to the trash.
    copy: async (from, to, { signal }) => {
      const [what, call] = [`copying ${JSON.stringify(from)}`, callOf(signal)]
      const { id } = await folders().file(from, call)
      if (from === to) return
      const json = { name: split(to)[1], parent: { id: await folders().make(to, call) } }
      const request = { method: 'POST', url: `${wire.api}/files/${id}/copy`, json }
      const answer = await wire.ask(what, request, call, 409)
      const there = conflictOf(answer)
      if (answer.status !== 409) return
      if (there?.type !== 'file' || there.id === id) throw boxError(what, answer)
      await remove(what, there.id, call)
      await wire.ask(what, request, call)
    },
    list: (query, { signal }) => {
      const [call, seen] = [callOf(signal), folders()]
      return pageOf(
        query,
        async (path) => {
          const id = await seen.find(path.slice(0, -1), call)
          const items = id === undefined ? [] : await seen.items(id, call)
          return items.map((item) => ({
            ...factsOf('', item),
            name: String(item.name),
            isFolder: item.type !== 'file',
          }))
        },
        (key, { size, lastModified }) => storedFile({ key, size, lastModified }, read.lazy(key)),
      )
    },
    url: async (key, { responseContentDisposition }, { signal }) => {
      if (responseContentDisposition === undefined) return linkOf(key, callOf(signal))
      throw new FilesError('NotSupported', 'links have their own disposition')
    },
  }
}

function factsOf(key: string, { size, etag, content_modified_at: modified }: Fields): StoredFileFacts {
  return {
    key,
    size: Number(size),
    lastModified: Date.parse(String(modified)) || undefined,
    etag: String(etag),
  }
}
