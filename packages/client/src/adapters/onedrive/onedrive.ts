/**
 * A folder of OneDrive: https://learn.microsoft.com/graph/api/resources/onedrive
 *
 * Can: upload sessions, asked for their offset after every doubt; the quickXorHash of the whole body compared with
 * the one that OneDrive computes; conditions; download by range, head, list, delete, copy (which Graph does after it
 * has answered: its monitor is asked until it is done), move.
 * Cannot: keep content types or metadata; send pieces of one file side by side; give URLs. OneDrive knows names without their case; characters that it refuses are kept as
 * their wide forms.
 */
import type { Adapter } from '../../adapter.ts'
import { FilesError } from '../../errors.ts'
import type { Http } from '../../http/http.ts'
import { type StoredFileFacts, storedFile } from '../../stored-file.ts'
import { callOf } from '../call.ts'
import { reader } from '../reading.ts'
import { type TokenSource, tokenAuthorization } from '../token.ts'
import { type Entry, pageOf } from '../tree.ts'
import { graphDriver } from './driver.ts'
import { keyOf, pathOf } from './names.ts'
import { type Fields, fieldsOf, type GraphWire, graphError, graphWire } from './wire.ts'

export type { TokenSource } from '../token.ts'

export interface OneDriveOptions {
  /** An access token with `Files.ReadWrite`; a function is asked again when one was refused. */
  readonly token: TokenSource
  /** Default: `me/drive`. Others: `drives/{id}`, `users/{id}/drive`, `groups/{id}/drive`. */
  readonly drive?: string
  /** The folder that keys are below, such as `/backups`. Default: the root of the drive. */
  readonly folder?: string
  /** Default: `https://graph.microsoft.com/v1.0`; national clouds have others. */
  readonly endpoint?: string
  readonly http?: Http
}

/** @example new Files({ adapter: onedrive({ token: () => accessToken() }) }) */
export function onedrive(options: OneDriveOptions): Adapter<GraphWire> {
  return graphAdapter('onedrive', options)
}

export function graphAdapter(
  name: string,
  {
    token,
    drive = 'me/drive',
    folder = '',
    endpoint = 'https://graph.microsoft.com/v1.0',
    http,
  }: OneDriveOptions,
): Adapter<GraphWire> {
  const wire = graphWire(tokenAuthorization(token), `${endpoint.replace(/\/+$/, '')}/${drive}/root`, http)
  const above = folder.replace(/^\/+|\/+$/g, '')
  const within = (key: string) => (above === '' ? '' : `${above}/`) + pathOf(key)

  const look = async (key: string, signal: AbortSignal | undefined): Promise<Fields> => {
    const what = `looking at ${JSON.stringify(key)}`
    const response = await wire.ask({ method: 'GET', url: wire.itemOf(within(key)) }, callOf(signal))
    if (response.status >= 300) throw await graphError(what, response)
    const item = fieldsOf(await response.text())
    if (item.file !== undefined) return item
    throw new FilesError('NotFound', `${JSON.stringify(key)} is a folder`)
  }
  const read = reader(async (key, headers, signal) => {
    const url = String((await look(key, signal))['@microsoft.graph.downloadUrl'])
    const response = await wire.bare({ method: 'GET', url, headers, stream: true }, callOf(signal))
    if (response.status >= 300) throw await graphError(`reading ${JSON.stringify(key)}`, response)
    return response
  })
  const children = async (path: string, signal: AbortSignal): Promise<Entry[]> => {
    const whole = path === '' ? above : within(path.slice(0, -1))
    const entries: Entry[] = []
    let next: unknown = `${whole === '' ? wire.root : `${wire.itemOf(whole)}:`}/children?$top=1000`
    while (typeof next === 'string') {
      // A page that leads elsewhere would get the credentials.
      if (!next.startsWith(`${new URL(wire.root).origin}/`))
        throw new FilesError('Provider', 'the next page of a list is at another host', undefined, {
          retryable: false,
        })
      const response = await wire.ask({ method: 'GET', url: next }, callOf(signal))
      if (response.status === 404) return []
      if (response.status >= 300) throw await graphError('listing', response)
      const page = fieldsOf(await response.text())
      for (const value of Array.isArray(page.value) ? page.value : []) {
        const { name, size, folder, lastModifiedDateTime } = fieldsOf(value)
        entries.push({
          name: keyOf(String(name)),
          size: Number(size ?? 0),
          isFolder: folder !== undefined,
          lastModified: timeOf(lastModifiedDateTime),
        })
      }
      next = page['@odata.nextLink']
    }
    return entries
  }

  return {
    name,
    place: `${wire.root}:/${above}`,
    raw: wire,
    traits: {
      rangeRead: true,
      delimiter: true,
      conditions: ['create', 'replace'],
      serverSideCopy: true,
      resumable: true,
    },
    driver: (intent) => graphDriver(wire, within(intent.key), intent),
    download: (key, range, { signal }) => read.download(key, range, signal, () => ({})),
    head: async (key, { signal }) => storedFile(factsOf(key, await look(key, signal)), read.lazy(key)),
    delete: async (key, { signal }) => {
      // A folder is no file of this name, and would go with everything below it.
      await look(key, signal)
      const request = { method: 'DELETE', url: wire.itemOf(within(key)) }
      const response = await wire.ask(request, callOf(signal))
      if (response.status >= 300 && response.status !== 404)
        throw await graphError(`deleting ${JSON.stringify(key)}`, response)
    },
    copy: async (from, to, { signal }) =>
      (await import('./relocating.ts')).copyItem(wire, within(from), within(to), callOf(signal)),
    move: async (from, to, { signal }) =>
      (await import('./relocating.ts')).moveItem(wire, within(from), within(to), callOf(signal)),
    list: (query, { signal }) =>
      pageOf(
        query,
        (path) => children(path, signal),
        (key, { size, lastModified }) => storedFile({ key, size, lastModified }, read.lazy(key)),
      ),
  }
}

function factsOf(key: string, { size, eTag, lastModifiedDateTime, file }: Fields): StoredFileFacts {
  const { mimeType } = fieldsOf(file)
  return {
    key,
    size: Number(size ?? 0),
    lastModified: timeOf(lastModifiedDateTime),
    etag: typeof eTag === 'string' ? eTag : undefined,
    type: typeof mimeType === 'string' ? mimeType : undefined,
  }
}

function timeOf(text: unknown): number | undefined {
  const time = Date.parse(String(text))
  return Number.isNaN(time) ? undefined : time
}
