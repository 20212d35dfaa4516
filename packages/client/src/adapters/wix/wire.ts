/** Requests to Wix Media, and what its errors mean: https://dev.wix.com/docs/rest/assets/media/media-manager */
import type { Call } from '../../driver.ts'
import { FilesError, type FilesErrorCode } from '../../errors.ts'
import { statusError } from '../../http/failure.ts'
import { type Http, type HttpResponse, http } from '../../http/http.ts'
import { isObject } from '../../json.ts'
import type { Authorization } from '../token.ts'

export type Fields = { readonly [name: string]: unknown }

/** A file as Wix describes it. */
export type WixFile = Fields & { readonly id: string }

export interface WixWire {
  /** Such as `https://www.wixapis.com/site-media/v1`. */
  readonly base: string
  /** A function of the service, with credentials; renewed once when they expired. @throws FilesError */
  ask(
    what: string,
    method: 'GET' | 'POST' | 'PATCH',
    path: string,
    call: Call,
    body?: object,
  ): Promise<Fields>
  /** A URL that is its own credential. */
  readonly bare: Http
}

export function wixWire(
  authorization: Authorization,
  site: Readonly<Record<string, string>>,
  endpoint: string,
  send: Http = http,
): WixWire {
  const base = `${endpoint.replace(/\/+$/, '')}/site-media/v1`
  return {
    base,
    bare: send,
    ask: async (what, method, path, call, body) => {
      const once = async () =>
        send(
          {
            method,
            url: base + path,
            headers: {
              ...site,
              authorization: await authorization.header(),
              ...(body && { 'content-type': 'application/json' }),
            },
            body: body && JSON.stringify(body),
          },
          call,
        )
      const first = await once()
      const response = first.status === 401 && (await authorization.refresh()) ? await once() : first
      if (response.status < 300) return fieldsOf(await response.text())
      throw await wixError(what, response)
    },
  }
}

/** By the name of the rule that was broken. */
const MEANINGS: Readonly<Record<string, FilesErrorCode>> = {
  SITE_QUOTA_EXCEEDED: 'QuotaExceeded',
  FILE_SIZE_OVER_LIMIT: 'QuotaExceeded',
  RESOURCE_NOT_FOUND: 'NotFound',
  UNSUPPORTED_FILE_FORMAT: 'NotSupported',
}

export async function wixError(what: string, response: HttpResponse, again = false): Promise<FilesError> {
  const { message, details } = fieldsOf(await response.text())
  const { code } = fieldsOf(fieldsOf(details).applicationError)
  const rule = textOf(code) ?? ''
  const error = statusError(what, response, `${rule} ${textOf(message) ?? ''}`, again)
  const meaning = MEANINGS[rule]
  if (meaning === undefined) return error
  return new FilesError(meaning, error.message, error, { status: response.status, retryable: false })
}

/** @throws FilesError if it is no file */
export function wixFile(what: string, value: unknown): WixFile {
  const { id, ...file } = fieldsOf(value)
  if (typeof id === 'string') return { ...file, id }
  throw new FilesError('Provider', `${what}: the answer describes no file`)
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

export function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}
