/** Requests to Google's JSON interfaces, and what their errors mean. */
import type { Call } from '../../driver.ts'
import { FilesError, type FilesErrorCode } from '../../errors.ts'
import { statusError } from '../../http/failure.ts'
import { type Http, type HttpRequest, type HttpResponse, http } from '../../http/http.ts'
import { isObject } from '../../json.ts'
import type { Authorization } from '../token.ts'

type GoogleRequest = Omit<HttpRequest, 'headers'> & Partial<Pick<HttpRequest, 'headers'>>

export interface GoogleWire {
  /** Sends with credentials, and once more with new ones if they were refused. */
  send(request: GoogleRequest, call: Call): Promise<HttpResponse>
  /** The same, but an error status is thrown. */
  expect(what: string, request: GoogleRequest, call: Call): Promise<HttpResponse>
  /** Sends with credentials, once: for pieces of a body. */
  once(request: GoogleRequest, call: Call): Promise<HttpResponse>
  /** Sends without credentials: to URLs that carry their own. */
  plain: (request: GoogleRequest, call: Call) => Promise<HttpResponse>
  /** What is not there counts as removed. */
  remove(what: string, url: string, call: Call): Promise<void>
  refresh(): Promise<boolean>
}

export function googleWire(
  authorization: Authorization,
  send: Http = http,
  more: () => Promise<Record<string, string>> = async () => ({}),
): GoogleWire {
  const plain = ({ headers = {}, ...request }: GoogleRequest, call: Call) =>
    send({ ...request, headers }, call)
  const once = async (request: GoogleRequest, call: Call) => {
    const header = await authorization.header()
    const headers = { ...request.headers, ...(await more()), ...(header && { authorization: header }) }
    return plain({ ...request, headers }, call)
  }
  const wire: GoogleWire = {
    plain,
    once,
    send: async (request, call) => {
      const response = await once(request, call)
      if (response.status !== 401 || !(await authorization.refresh())) return response
      return once(request, call)
    },
    expect: async (what, request, call) => {
      const response = await wire.send(request, call)
      if (response.status >= 300) throw await googleError(what, response)
      return response
    },
    remove: async (what, url, call) => {
      const response = await wire.send({ method: 'DELETE', url }, call)
      if (response.status >= 300 && response.status !== 404) throw await googleError(what, response)
    },
    refresh: () => authorization.refresh(),
  }
  return wire
}

/** https://cloud.google.com/storage/docs/json_api/v1/status-codes , https://developers.google.com/drive/api/guides/handle-errors */
const REASONS: Readonly<Record<string, readonly [code: FilesErrorCode, retryable: boolean]>> = {
  rateLimitExceeded: ['RateLimited', true],
  userRateLimitExceeded: ['RateLimited', true],
  dailyLimitExceeded: ['QuotaExceeded', false],
  storageQuotaExceeded: ['QuotaExceeded', false],
  uploadTooLarge: ['QuotaExceeded', false],
}

export async function googleError(what: string, response: HttpResponse): Promise<FilesError> {
  const text = await response.text()
  const { reason, message } = parsed(text)
  const plain = statusError(what, response, message ?? text)
  const [code, retryable] = REASONS[reason ?? ''] ?? [plain.code, plain.retryable]
  return new FilesError(code, plain.message, undefined, {
    status: response.status,
    retryable,
    ...(plain.retryAfter === undefined ? {} : { retryAfter: plain.retryAfter }),
  })
}

function parsed(text: string): { readonly reason?: string; readonly message?: string } {
  try {
    const { error } = fieldsOf(JSON.parse(text))
    const { message, errors } = fieldsOf(error)
    const { reason } = fieldsOf(Array.isArray(errors) ? errors[0] : undefined)
    return {
      ...(typeof reason === 'string' ? { reason } : {}),
      ...(typeof message === 'string' ? { message } : {}),
    }
  } catch {
    return {}
  }
}

/** An answer's JSON. @throws FilesError if it is none. */
export async function jsonOf(what: string, response: HttpResponse): Promise<Fields> {
  try {
    return fieldsOf(JSON.parse(await response.text()))
  } catch (cause) {
    throw new FilesError('Provider', `${what}: the answer is no JSON`, cause)
  }
}

export type Fields = { readonly [name: string]: unknown }

export function fieldsOf(value: unknown): Fields {
  return isObject(value) ? value : {}
}

export function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}
