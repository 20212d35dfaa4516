/** The files of one folder: https://developers.google.com/drive/api/reference/rest/v3/files */
import type { Call, ProviderResult } from '../../driver.ts'
import { FilesError } from '../../errors.ts'
import type { StoredFileFacts } from '../../stored-file.ts'
import { type Fields, fieldsOf, type GoogleWire, jsonOf, textOf } from '../google/wire.ts'
import { hexDigest } from '../hex-digest.ts'

/** What is asked about every file. */
export const SHOWN = 'id,name,size,mimeType,modifiedTime,headRevisionId,sha256Checksum,properties'
const FOLDER = 'application/vnd.google-apps.folder'
/** Bytes of a property's name and value: https://developers.google.com/drive/api/guides/properties */
const MAX_PROPERTY = 124

export type DriveFile = Fields & { readonly id: string }

export interface DrivePlace {
  urlOf(id: string, query?: Readonly<Record<string, string>>): string
  /** Files of this name, the one changed last first. */
  named(name: string, call: Call): Promise<DriveFile[]>
  /** @throws FilesError `NotFound` */
  get(name: string, call: Call): Promise<DriveFile>
  /** Every file of the folder, the one changed last first. */
  all(call: Call): Promise<DriveFile[]>
  /** `POST` copies it with the changes, `PATCH` makes them. */
  change(method: 'POST' | 'PATCH', what: string, id: string, changes: object, call: Call): Promise<DriveFile>
  remove(id: string, call: Call): Promise<void>
}

export function drivePlace(wire: GoogleWire, files: string, folder: string): DrivePlace {
  async function search(what: string, condition: string, call: Call): Promise<DriveFile[]> {
    const found: DriveFile[] = []
    for (let cursor: string | undefined = ''; cursor !== undefined; ) {
      const query: Record<string, string> = {
        q: `${quoted(folder)} in parents and trashed = false and mimeType != '${FOLDER}'${condition}`,
        orderBy: 'modifiedTime desc',
        pageSize: '1000',
        fields: `nextPageToken,files(${SHOWN})`,
        supportsAllDrives: 'true',
        includeItemsFromAllDrives: 'true',
        ...(cursor === '' ? {} : { pageToken: cursor }),
      }
      const request = { method: 'GET', url: `${files}?${new URLSearchParams(query)}` }
      const page: Fields = await jsonOf(what, await wire.expect(what, request, call))
      call.touch()
      for (const file of Array.isArray(page.files) ? page.files : []) found.push(fileOf(what, fieldsOf(file)))
      cursor = textOf(page.nextPageToken)
    }
    return found
  }

  const place: DrivePlace = {
    urlOf: (id, query = {}) =>
      `${files}/${encodeURIComponent(id)}?${new URLSearchParams({ supportsAllDrives: 'true', ...query })}`,
    named: async (name, call) => {
      const found = await search(`looking for ${JSON.stringify(name)}`, ` and name = ${quoted(name)}`, call)
      // Drive's comparison is not exact.
      return found.filter((file) => file.name === name)
    },
    get: async (name, call) => {
      const [file] = await place.named(name, call)
      if (file) return file
      throw new FilesError('NotFound', `there is no ${JSON.stringify(name)} in the folder`)
    },
    all: (call) => search('listing', '', call),
    change: async (method, what, id, changes, call) => {
      const url = place.urlOf(id, { fields: SHOWN })
      const request = {
        method,
        url: method === 'POST' ? url.replace('?', '/copy?') : url,
        headers: { 'content-type': 'application/json; charset=utf-8' },
        body: JSON.stringify(changes),
      }
      return fileOf(what, await jsonOf(what, await wire.expect(what, request, call)))
    },
    remove: (id, call) => wire.remove('deleting', place.urlOf(id), call),
  }
  return place
}

function fileOf(what: string, file: Fields): DriveFile {
  if (typeof file.id === 'string') return { ...file, id: file.id }
  throw new FilesError('Provider', `${what}: the answer names no file`)
}

/** Text inside a search: https://developers.google.com/drive/api/guides/search-files */
function quoted(text: string): string {
  return `'${text.replace(/[\\']/g, '\\$&')}'`
}

/** What an upload changes besides the content. Properties that the existing file has and the new one not go. */
export function changesOf(
  mimeType: string,
  metadata: Readonly<Record<string, string>>,
  existing: DriveFile | undefined,
): object {
  for (const [name, value] of Object.entries(metadata)) {
    if (new TextEncoder().encode(name + value).length > MAX_PROPERTY)
      throw new FilesError(
        'NotSupported',
        `the metadata ${JSON.stringify(name)} has more than ${MAX_PROPERTY} bytes with its value`,
      )
  }
  const gone = Object.keys(fieldsOf(existing?.properties)).map((name) => [name, null])
  return { mimeType, properties: { ...Object.fromEntries(gone), ...metadata } }
}

export function factsOf(file: Fields): StoredFileFacts {
  const metadata = Object.entries(fieldsOf(file.properties)).map(([name, value]) => [name, String(value)])
  return {
    key: textOf(file.name) ?? '',
    size: Number(file.size ?? 0),
    type: textOf(file.mimeType),
    lastModified: Date.parse(textOf(file.modifiedTime) ?? ''),
    etag: textOf(file.headRevisionId),
    metadata: metadata.length === 0 ? undefined : Object.fromEntries(metadata),
  }
}

export function resultOf({ headRevisionId, sha256Checksum }: Fields): ProviderResult {
  const digest = hexDigest('sha-256', sha256Checksum)
  return {
    ...(typeof headRevisionId === 'string' ? { etag: headRevisionId } : {}),
    ...(digest ? { digest } : {}),
  }
}
