/** Requests to Microsoft Graph: https://learn.microsoft.com/graph/errors */
import type { Call } from '../../driver.ts'
import { FilesError } from '../../errors.ts'
import { statusError } from '../../http/failure.ts'
import { type Http, type HttpRequest, type HttpResponse, http } from '../../http/http.ts'
import { isObject } from '../../json.ts'
import type { Authorization } from '../token.ts'

export type Fields = { readonly [name: string]: unknown }

export interface GraphWire {
  /** The drive's root, such as `https://graph.microsoft.com/v1.0/me/drive/root`. */
  readonly root: string
  /** Where a file is, for an action behind it. */
  itemOf(path: string): string
  /** With credentials; renewed once when they expired. */
  ask(
    request: Omit<HttpRequest, 'headers'> & { headers?: HttpRequest['headers'] },
    call: Call,
  ): Promise<HttpResponse>
  /** The URL is the credential. */
  bare(request: HttpRequest, call: Call): Promise<HttpResponse>
  refresh(): Promise<boolean>
}

export function graphWire(authorization: Authorization, root: string, send: Http = http): GraphWire {
  return {
    root,
    itemOf: (path) => `${root}:/${path.split('/').map(encodeURIComponent).join('/')}`,
    ask: async (request, call) => {
      const once = async () =>
        send(
          { ...request, headers: { ...request.headers, authorization: await authorization.header() } },
          call,
        )
      const response = await once()
      return response.status === 401 && (await authorization.refresh()) ? once() : response
    },
    bare: send,
    refresh: () => authorization.refresh(),
  }
}

/** @param again What the engine should ask about rather than give up. */
export async function graphError(what: string, response: HttpResponse, again = false): Promise<FilesError> {
  const { code, message } = fieldsOf(fieldsOf(await response.text()).error)
  const error = statusError(what, response, typeof code === 'string' ? `${code} ${message ?? ''}` : '', again)
  const { status, retryAfter } = error
  // 509: too much bandwidth. The others are what their status says.
  if (status !== 509) return error
  return new FilesError('RateLimited', error.message, error, {
    status,
    ...(retryAfter === undefined ? {} : { retryAfter }),
  })
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
