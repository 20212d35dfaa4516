/** Requests to Dropbox and what its errors mean: https://www.dropbox.com/developers/documentation/http/documentation */
import type { Call } from '../../driver.ts'
import { FilesError, type FilesErrorCode } from '../../errors.ts'
import { statusError } from '../../http/failure.ts'
import { type Http, type HttpRequest, type HttpResponse, http } from '../../http/http.ts'
import { isObject, type JsonObject } from '../../json.ts'
import type { Authorization } from '../token.ts'

/** Tags from the outside in, such as `path/conflict/file`, and the innermost fields. */
interface DropboxRefusal {
  readonly summary: string
  /** Where a session stands, when that is what was wrong. */
  readonly correctOffset: number | undefined
}

export interface DropboxAnswer {
  readonly response: HttpResponse
  /** Only of an answer 409. */
  readonly refusal: DropboxRefusal | undefined
}

export interface DropboxWire {
  /** A function whose arguments and result are JSON. Credentials that expired are renewed once. */
  ask(name: string, args: JsonObject, call: Call): Promise<DropboxAnswer>
  /** The same; what is refused is thrown. */
  expect(what: string, name: string, args: JsonObject, call: Call): Promise<Fields>
  /** A function that takes or gives content. */
  content(
    name: string,
    args: JsonObject,
    request: {
      readonly body?: HttpRequest['body']
      readonly headers?: Record<string, string>
      readonly stream?: boolean
    },
    call: Call,
  ): Promise<DropboxAnswer>
  refresh(): Promise<boolean>
}

export type Fields = { readonly [name: string]: unknown }

export interface Hosts {
  readonly api: string
  readonly content: string
}

export function dropboxWire(authorization: Authorization, hosts: Hosts, send: Http = http): DropboxWire {
  const post = async (url: string, request: Omit<HttpRequest, 'method' | 'url'>, call: Call) => {
    const headers = { ...request.headers, authorization: await authorization.header() }
    const response = await send({ ...request, method: 'POST', url, headers }, call)
    return { response, refusal: response.status === 409 ? refusalOf(await response.text()) : undefined }
  }
  const wire: DropboxWire = {
    ask: async (name, args, call) => {
      const request = { headers: { 'content-type': 'application/json' }, body: JSON.stringify(args) }
      const url = `${hosts.api}/2/files/${name}`
      const answer = await post(url, request, call)
      const again = answer.response.status === 401 && (await authorization.refresh())
      return again ? post(url, request, call) : answer
    },
    expect: async (what, name, args, call) => {
      const answer = await wire.ask(name, args, call)
      if (answer.response.status >= 300) throw await dropboxError(what, answer)
      return fieldsOf(await answer.response.text())
    },
    content: (name, args, { headers, ...request }, call) => {
      const type = request.stream ? {} : { 'content-type': 'application/octet-stream' }
      return post(
        `${hosts.content}/2/files/${name}`,
        { ...request, headers: { ...type, ...headers, 'dropbox-api-arg': asciiJson(args) } },
        call,
      )
    },
    refresh: () => authorization.refresh(),
  }
  return wire
}

/** By the tags that say it, wherever they stand in the summary. */
const MEANINGS: readonly (readonly [tags: RegExp, code: FilesErrorCode, retryable: boolean])[] = [
  [/too_many_write/, 'RateLimited', true],
  [/insufficient_space|too_large/, 'QuotaExceeded', false],
  [/conflict/, 'Conflict', false],
  [/malformed_path|disallowed_name/, 'InvalidKey', false],
  [/no_write_permission/, 'Unauthorized', false],
  // Damaged on the way; and of sessions, where only the answer to a question decides that one is gone.
  [/hash_mismatch|incorrect_offset|closed|lookup_failed/, 'Provider', true],
  [/not_found/, 'NotFound', false],
]

export async function dropboxError(what: string, { response, refusal }: DropboxAnswer): Promise<FilesError> {
  if (refusal === undefined) return statusError(what, response, await response.text())
  const [, code, retryable] = MEANINGS.find(([tags]) => tags.test(refusal.summary)) ?? ['', 'Provider', false]
  return new FilesError(code, `${what}: Dropbox answered ${refusal.summary}`, undefined, {
    status: 409,
    retryable,
  })
}

function refusalOf(text: string): DropboxRefusal {
  const { error_summary: summary, error } = fieldsOf(text)
  const offset = deep(error, 'correct_offset')
  return {
    summary: typeof summary === 'string' ? summary : 'an error without a summary',
    correctOffset: typeof offset === 'number' ? offset : undefined,
  }
}

/** A field at any depth. */
function deep(value: unknown, name: string): unknown {
  if (!isObject(value)) return undefined
  if (name in value) return value[name]
  for (const inner of Object.values(value)) {
    const found = deep(inner, name)
    if (found !== undefined) return found
  }
  return undefined
}

/** An answer's JSON; without fields if it is something else. */
export function fieldsOf(text: string): Fields {
  try {
    const value: unknown = JSON.parse(text)
    return isObject(value) ? value : {}
  } catch {
    return {}
  }
}

/** Headers carry ASCII only. */
function asciiJson(value: JsonObject): string {
  return JSON.stringify(value).replace(
    /[\u007f-\uffff]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
