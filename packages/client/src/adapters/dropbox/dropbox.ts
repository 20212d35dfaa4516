/**
 * A folder of Dropbox: https://www.dropbox.com/developers/documentation/http/documentation
 *
 * Can: upload sessions, asked for their offset after every doubt; a content hash with each piece, checked by
 * Dropbox, and that of the whole file compared (not in browsers); with `parallel`, pieces side by side; conditions;
 * every file operation but signed uploads. Cannot: give a session up (it is closed, and dropped after seven days),
 * keep content types or metadata. Dropbox knows paths without their case. Its links live four
 * hours: `url` is there only with `temporaryLinks`. Lists read the whole folder.
 */
import type { Adapter } from '../../adapter.ts'
import { FilesError } from '../../errors.ts'
import type { Http } from '../../http/http.ts'
import { type StoredFileFacts, storedFile } from '../../stored-file.ts'
import { callOf } from '../call.ts'
import { listPage } from '../listing.ts'
import { reader } from '../reading.ts'
import { type TokenSource, tokenAuthorization } from '../token.ts'
import { concurrentDriver } from './concurrent.ts'
import { dropboxDriver } from './driver.ts'
import { type DropboxWire, dropboxError, dropboxWire, type Fields, fieldsOf } from './wire.ts'

export type { TokenSource } from '../token.ts'

export interface DropboxOptions {
  /** An access token; they live four hours, so better a function, which is asked again when one was refused. */
  readonly token: TokenSource
  /** The folder that keys are below, such as `/backups`. Default: the root of what the token sees. */
  readonly folder?: string
  /**
   * Pieces of a file go side by side. Dropbox cannot be asked what such a session holds: the token notes it, and what
   * was on its way when a process ended is sent again. Default false.
   */
  readonly parallel?: boolean
  /** `url` gives temporary links, which work for four hours, whatever `expiresIn` says. Default false. */
  readonly temporaryLinks?: boolean
  /** One host for everything, instead of `api.` and `content.dropboxapi.com`. */
  readonly endpoint?: string
  readonly http?: Http
}

/** Seconds that a temporary link lives. */
const LINK_LIFE = 14_400

/** @example new Files({ adapter: dropbox({ token: () => accessToken() }) }) */
export function dropbox(options: DropboxOptions): Adapter<DropboxWire> {
  const { token, folder = '', parallel = false, temporaryLinks = false, endpoint, http } = options
  const root = folder.replace(/\/+$/, '')
  if (root !== '' && !root.startsWith('/'))
    throw new FilesError('InvalidKey', `the folder ${JSON.stringify(folder)} must begin with a slash`)
  const api = endpoint ?? 'https://api.dropboxapi.com'
  const content = endpoint ?? 'https://content.dropboxapi.com'
  const wire = dropboxWire(tokenAuthorization(token), { api, content }, http)
  const pathOf = (key: string) => `${root}/${checkKey(key)}`
  const read = reader(async (key, headers, signal) => {
    const open = () =>
      wire.content('download', { path: pathOf(key) }, { headers, stream: true }, callOf(signal))
    let answer = await open()
    if (answer.response.status === 401 && (await wire.refresh())) answer = await open()
    if (answer.response.status >= 300) throw await dropboxError(`reading ${JSON.stringify(key)}`, answer)
    return answer.response
  })
  const look = async (key: string, signal: AbortSignal): Promise<Fields> => {
    const what = `looking at ${JSON.stringify(key)}`
    const file = await wire.expect(what, 'get_metadata', { path: pathOf(key) }, callOf(signal))
    if (file['.tag'] === 'file') return file
    throw new FilesError('NotFound', `${JSON.stringify(key)} is a folder`)
  }
  /**
   * A relocation does not overwrite: where something stands, the new one first goes beside it, so that nothing is
   * lost when it cannot come.
   */
  const relocate = async (name: string, from: string, to: string, signal: AbortSignal) => {
    const [what, call] = [`copying ${JSON.stringify(from)}`, callOf(signal)]
    const [source, target] = [pathOf(from), pathOf(to)]
    if (source === target) return
    const args = (from_path: string, to_path: string) => ({ from_path, to_path, autorename: false })
    const answer = await wire.ask(name, args(source, target), call)
    if (answer.response.status < 300) return
    const taken = answer.refusal?.summary.startsWith('to/conflict/file')
    if (!taken || source.toLowerCase() === target.toLowerCase()) throw await dropboxError(what, answer)
    const beside = `${target.slice(0, target.lastIndexOf('/'))}/${crypto.randomUUID()}`
    await wire.expect(what, name, args(source, beside), call)
    await wire.expect(what, 'delete_v2', { path: target }, call)
    await wire.expect(what, 'move_v2', args(beside, target), call)
  }
  const entries = async (signal: AbortSignal): Promise<Fields[]> => {
    const call = callOf(signal)
    const first = await wire.ask('list_folder', { path: root, recursive: true, limit: 2000 }, call)
    if (first.refusal?.summary.startsWith('path/not_found')) return []
    if (first.response.status >= 300) throw await dropboxError('listing', first)
    const found: Fields[] = []
    for (let page = fieldsOf(await first.response.text()); ; ) {
      if (Array.isArray(page.entries)) found.push(...page.entries.filter((entry) => entry['.tag'] === 'file'))
      if (page.has_more !== true) return found
      page = await wire.expect('listing', 'list_folder/continue', { cursor: String(page.cursor) }, call)
    }
  }

  return {
    name: 'dropbox',
    place: `${content}${root}/`,
    raw: wire,
    traits: {
      rangeRead: true,
      delimiter: true,
      conditions: ['create', 'replace'],
      serverSideCopy: true,
      signedUrls: temporaryLinks,
      ...(temporaryLinks ? { maxExpiresIn: LINK_LIFE } : {}),
      resumable: true,
    },
    driver: (intent) => (parallel ? concurrentDriver : dropboxDriver)(wire, pathOf(intent.key), intent),
    download: (key, range, { signal }) =>
      read.download(key, range, signal, (response) => {
        const { etag, lastModified } = factsOf(key, fieldsOf(response.header('dropbox-api-result') ?? ''))
        return { etag, lastModified }
      }),
    head: async (key, { signal }) => storedFile(factsOf(key, await look(key, signal)), read.lazy(key)),
    delete: async (key, { signal }) => {
      const path = pathOf(key)
      // A folder is no file of this name, and would go with everything below it.
      await look(key, signal)
      const answer = await wire.ask('delete_v2', { path }, callOf(signal))
      if (answer.response.status < 300 || answer.refusal?.summary.startsWith('path_lookup/not_found')) return
      throw await dropboxError(`deleting ${JSON.stringify(key)}`, answer)
    },
    copy: (from, to, { signal }) => relocate('copy_v2', from, to, signal),
    move: (from, to, { signal }) => relocate('move_v2', from, to, signal),
    list: async (query, { signal }) => {
      const files = new Map(
        (await entries(signal)).map((file) => {
          const key = String(file.path_display).slice(root.length + 1)
          return [key, factsOf(key, file)]
        }),
      )
      return listPage([...files.keys()], query, (key) => {
        const facts = files.get(key)
        return facts && storedFile(facts, read.lazy(key))
      })
    },
    ...(temporaryLinks && {
      url: async (key, { responseContentDisposition }, { signal }) => {
        if (responseContentDisposition !== undefined)
          throw new FilesError('NotSupported', 'a temporary link of Dropbox has its own disposition')
        const what = `linking ${JSON.stringify(key)}`
        const { link } = await wire.expect(what, 'get_temporary_link', { path: pathOf(key) }, callOf(signal))
        return String(link)
      },
    }),
  }
}

function factsOf(key: string, { size, rev, server_modified: modified }: Fields): StoredFileFacts {
  return {
    key,
    size: Number(size ?? 0),
    lastModified: typeof modified === 'string' ? Date.parse(modified) : undefined,
    etag: typeof rev === 'string' ? rev : undefined,
  }
}

/** Paths that stay what they are: Dropbox refuses the others, or reads them as another path. */
function checkKey(key: string): string {
  const fits = key
    .split('/')
    .every((name) => name !== '' && name !== '.' && name !== '..' && name.length <= 255)
  if (fits && !/[\\\p{Cc}]/u.test(key) && !/[ .]$/.test(key)) return key
  throw new FilesError(
    'InvalidKey',
    `${JSON.stringify(key.slice(0, 100))} is no path that Dropbox keeps as it is`,
  )
}
