/** Objects, as the page lists them: those of buckets by the storage face, those of the plain endpoint by its own API. */
import { ask, askJson } from './api.ts'

/** Where objects lie. */
export type Place =
  | { readonly kind: 'plain' }
  /** @param storage Where the storage face is, relative to the page. */
  | { readonly kind: 'bucket'; readonly id: string; readonly public: boolean; readonly storage: string }

export interface Folder {
  readonly kind: 'folder'
  readonly name: string
}

export interface StoredObject {
  readonly kind: 'object'
  readonly key: string
  /** As it is shown. */
  readonly name: string
  readonly size: number
  readonly type: string
  readonly createdAt: string
}

export interface Page {
  readonly entries: readonly (Folder | StoredObject)[]
  readonly more: boolean
}

const PAGE = 100
/** Bytes of a text that is looked at. */
const GLIMPSE = 64 * 1024

interface Row {
  readonly name: string
  readonly id: string | null
  readonly created_at: string | null
  readonly metadata: { readonly size: number; readonly mimetype: string } | null
}

interface PlainRow {
  readonly key: string
  readonly name: string | null
  readonly size: number
  readonly type: string
  readonly createdAt: string
}

/** @param folder Ends with a slash, or is empty. @throws ApiError */
export async function listObjects(place: Place, folder: string, search: string, skip: number): Promise<Page> {
  if (place.kind === 'plain') {
    const { objects, more } = await askJson<{ objects: PlainRow[]; more: boolean }>(
      `admin/objects?skip=${skip}&limit=${PAGE}`,
    )
    const entries = objects.map((row) => ({ ...row, kind: 'object' as const, name: row.name ?? row.key }))
    return { entries, more }
  }
  const rows = await askJson<Row[]>(`${place.storage}/object/list/${encodeURIComponent(place.id)}`, {
    method: 'POST',
    body: { prefix: folder, limit: PAGE, offset: skip, ...(search === '' ? {} : { search }) },
  })
  const entries = rows.map(({ name, id, created_at, metadata }): Folder | StoredObject =>
    id === null
      ? { kind: 'folder', name }
      : {
          kind: 'object',
          key: folder + name,
          name,
          size: metadata?.size ?? 0,
          type: metadata?.mimetype ?? '',
          createdAt: created_at ?? '',
        },
  )
  return { entries, more: rows.length === PAGE }
}

/** @throws ApiError */
export async function removeObject(place: Place, key: string): Promise<void> {
  const path =
    place.kind === 'plain' ? `admin/objects/${key}` : `${place.storage}/object/${bucketPath(place.id, key)}`
  await ask(path, { method: 'DELETE' })
}

/** A URL that reads one object for a while, for whoever has it. @throws ApiError */
export async function signedLink(
  place: Place & { kind: 'bucket' },
  key: string,
  seconds: number,
): Promise<string> {
  const { signedURL } = await askJson<{ signedURL: string }>(
    `${place.storage}/object/sign/${bucketPath(place.id, key)}`,
    { method: 'POST', body: { expiresIn: seconds } },
  )
  const [path = '', token = ''] = split(signedURL)
  return new URL(
    `${place.storage}${path.split('/').map(encodeURIComponent).join('/')}?${token}`,
    document.baseURI,
  ).href
}

/** Where the key itself reads it. */
export function objectPath(place: Place, key: string): string {
  return place.kind === 'plain'
    ? `files/${key}`
    : `${place.storage}/object/authenticated/${bucketPath(place.id, key)}`
}

/** The beginning of a text. @throws ApiError */
export async function glimpse(place: Place, { key, size }: StoredObject): Promise<string> {
  const headers = size > GLIMPSE ? { Range: `bytes=0-${GLIMPSE - 1}` } : {}
  return (await ask(objectPath(place, key), { headers })).text()
}

/** All of it, for a picture. @throws ApiError */
export async function whole(place: Place, key: string): Promise<Blob> {
  return (await ask(objectPath(place, key))).blob()
}

function bucketPath(bucket: string, key: string): string {
  return `${encodeURIComponent(bucket)}/${key.split('/').map(encodeURIComponent).join('/')}`
}

/** A key may hold a question mark: the token begins at the last one. */
function split(url: string): [string, string] {
  const mark = url.lastIndexOf('?')
  return [url.slice(0, mark), url.slice(mark + 1)]
}
