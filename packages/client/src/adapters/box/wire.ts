/** Requests to Box and what its errors mean: https://developer.box.com/guides/api-calls/permissions-and-errors/common-errors/ */
import type { Call } from '../../driver.ts'
import { FilesError } from '../../errors.ts'
import { statusError } from '../../http/failure.ts'
import type { Http, HttpRequest, HttpResponse } from '../../http/http.ts'
import { isObject, type JsonObject } from '../../json.ts'
import { wrongPlace } from '../../session.ts'
import type { Authorization } from '../token.ts'

export type Fields = { readonly [name: string]: unknown }

interface BoxRequest {
  readonly method: string
  readonly url: string
  readonly headers?: HttpRequest['headers']
  /** A piece of the upload. */
  readonly body?: HttpRequest['body']
  readonly json?: JsonObject
}

export interface BoxAnswer {
  readonly status: number
  readonly response: HttpResponse
  /** The JSON of the answer; no fields of content. */
  readonly fields: Fields
}

export interface BoxWire {
  /** Where folders and files are asked for, such as `https://api.box.com/2.0`. */
  readonly api: string
  /** Where content goes, such as `https://upload.box.com/api/2.0`. */
  readonly uploads: string
  /**
   * With credentials, renewed once when they expired, unless a piece of the upload goes along.
   * @param expected Statuses of refusals that are for the caller. Others are thrown.
   */
  ask(what: string, request: BoxRequest, call: Call, ...expected: number[]): Promise<BoxAnswer>
  /** A session's URL, if credentials and content may go there: Box names the host that is nearest. */
  sessionUrl(url: string): string
  refresh(): Promise<boolean>
}

export function boxWire(
  authorization: Authorization,
  hosts: { readonly api: string; readonly uploads: string },
  send: Http,
): BoxWire {
  return {
    ...hosts,
    ask: async (what, { json, headers, body, ...request }, call, ...expected) => {
      const once = async () =>
        send(
          {
            ...request,
            body: json ? JSON.stringify(json) : body,
            headers: {
              ...(json && { 'content-type': 'application/json' }),
              ...headers,
              authorization: await authorization.header(),
            },
          },
          call,
        )
      let response = await once()
      if (response.status === 401 && body === undefined && (await authorization.refresh()))
        response = await once()
      const { status } = response
      const answer = { status, response, fields: fieldsOf(await response.text()) }
      if (status >= 300 && !expected.includes(status)) throw boxError(what, answer)
      return answer
    },
    sessionUrl: (url) => {
      const ours = url.startsWith(`${hosts.uploads}/`) || /^https:\/\/([\w.-]+\.)?box\.com\//.test(url)
      if (ours) return url
      throw wrongPlace('place', url, hosts.uploads)
    },
    refresh: authorization.refresh,
  }
}

export function boxError(what: string, { response, fields }: BoxAnswer): FilesError {
  const code = String(fields.code ?? '')
  // Damaged on the way, or said for a while after the last part has come: the same request may succeed later.
  const error = statusError(what, response, code, /digest|parts_mismatch/.test(code))
  // Its status alone would be that of credentials.
  return code === 'storage_limit_exceeded' ? new FilesError('QuotaExceeded', error.message, error) : error
}

/** The item that a name is taken by. Of files Box tells one, of folders a list. */
export function conflictOf({ status, fields }: BoxAnswer): Fields | undefined {
  const { conflicts } = fieldsOf(fields.context_info)
  return status === 409 ? listOf(conflicts)[0] : undefined
}

/** A list's objects; one that is not in a list is a list of itself. */
export function listOf(value: unknown): Fields[] {
  return (Array.isArray(value) ? value : value === undefined ? [] : [value]).map(fieldsOf)
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
