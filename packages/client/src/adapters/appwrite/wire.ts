/** Requests to Appwrite's storage: https://appwrite.io/docs/references/cloud/server-rest/storage */
import type { Call } from '../../driver.ts'
import { FilesError, type FilesErrorCode } from '../../errors.ts'
import { statusError } from '../../http/failure.ts'
import { type HttpRequest, type HttpResponse, http } from '../../http/http.ts'
import { isObject } from '../../json.ts'
import { tokenAuthorization } from '../token.ts'
import type { AppwriteOptions } from './options.ts'

export type Fields = { readonly [name: string]: unknown }

/** A file as Appwrite describes it. */
export type AppwriteFile = Fields & { readonly $id: string }

interface AppwriteRequest {
  readonly method?: string
  /** Behind the URL of the bucket's files. */
  readonly path?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: HttpRequest['body']
  readonly stream?: boolean
}

export interface AppwriteWire {
  /** The bucket's files. */
  readonly base: string
  /** With credentials, once. */
  send(request: AppwriteRequest, call: Call): Promise<HttpResponse>
  /** Renewed once when they expired. @throws FilesError for an error status */
  ask(what: string, request: AppwriteRequest, call: Call): Promise<HttpResponse>
  refresh(): Promise<boolean>
}

const PAGE = 100

export function appwriteWire(options: AppwriteOptions): AppwriteWire {
  const { project, bucket, key, jwt, http: plain = http } = options
  const endpoint = (options.endpoint ?? 'https://cloud.appwrite.io/v1').replace(/\/+$/, '')
  const authorization = tokenAuthorization(key ?? jwt ?? '', '')
  const credential = key === undefined ? 'x-appwrite-jwt' : 'x-appwrite-key'
  const wire: AppwriteWire = {
    base: `${endpoint}/storage/buckets/${encodeURIComponent(bucket)}/files`,
    send: async ({ method = 'GET', path = '', headers, ...request }, call) =>
      plain(
        {
          ...request,
          method,
          url: new URL(path, wire.base).href === path ? path : wire.base + path,
          headers: {
            ...headers,
            'x-appwrite-project': project,
            [credential]: await authorization.header(),
          },
        },
        call,
      ),
    ask: async (what, request, call) => {
      const first = await wire.send(request, call)
      const again = first.status === 401 && (await authorization.refresh())
      const response = again ? await wire.send(request, call) : first
      if (response.status < 300) return response
      throw await appwriteError(what, response)
    },
    refresh: () => authorization.refresh(),
  }
  return wire
}

/** Files of a name, or all; those that are not complete are nobody's yet. The one that was made last comes first. */
export async function filesOf(
  what: string,
  wire: AppwriteWire,
  name: string | undefined,
  call: Call,
): Promise<AppwriteFile[]> {
  const found: AppwriteFile[] = []
  for (let last: string | undefined = ''; last !== undefined; ) {
    const queries = [
      { method: 'limit', values: [PAGE] },
      { method: 'orderDesc', attribute: '$createdAt' },
      ...(name === undefined ? [] : [{ method: 'equal', attribute: 'name', values: [name] }]),
      ...(last === '' ? [] : [{ method: 'cursorAfter', values: [last] }]),
    ].map((query, index): [string, string] => [`queries[${index}]`, JSON.stringify(query)])
    const response = await wire.ask(what, { path: `?${new URLSearchParams(queries)}` }, call)
    call.touch()
    const { files } = fieldsOf(await response.text())
    const page = (Array.isArray(files) ? files : []).map((file) => fileOf(what, file))
    found.push(...page)
    last = page.length < PAGE ? undefined : page.at(-1)?.$id
  }
  // Its comparison is not exact.
  return found.filter((file) => isComplete(file) && (name === undefined || file.name === name))
}

export function isComplete({ chunksTotal, chunksUploaded }: Fields): boolean {
  return chunksTotal === chunksUploaded
}

/** @throws FilesError if it is no file */
export function fileOf(what: string, value: unknown): AppwriteFile {
  const { $id, ...file } = fieldsOf(value)
  if (typeof $id === 'string') return { ...file, $id }
  throw new FilesError('Provider', `${what}: the answer describes no file`)
}

/** Deletes files; what is not there counts as deleted. */
export async function remove(what: string, wire: AppwriteWire, ids: readonly string[], call: Call) {
  for (const id of ids) {
    try {
      await wire.ask(what, { method: 'DELETE', path: `/${encodeURIComponent(id)}` }, call)
    } catch (error) {
      if (!(error instanceof FilesError && error.code === 'NotFound')) throw error
    }
  }
}

/** By the type of the error. */
const MEANINGS: Readonly<Record<string, FilesErrorCode>> = {
  storage_invalid_file_size: 'QuotaExceeded',
  storage_file_type_unsupported: 'NotSupported',
  user_unauthorized: 'Unauthorized',
}

export async function appwriteError(what: string, response: HttpResponse): Promise<FilesError> {
  const text = await response.text()
  const { type, message } = fieldsOf(text)
  const error = statusError(what, response, `${type ?? ''} ${message ?? text}`)
  const code = MEANINGS[String(type)]
  return code === undefined
    ? error
    : new FilesError(code, error.message, error, { status: response.status, retryable: false })
}

/** An object's fields, from JSON text too; none of something else. */
export function fieldsOf(value: unknown): Fields {
  if (isObject(value)) return value
  if (typeof value !== 'string') return {}
  try {
    const parsed: unknown = JSON.parse(value)
    return isObject(parsed) ? parsed : {}
  } catch {
    return {}
  }
}
