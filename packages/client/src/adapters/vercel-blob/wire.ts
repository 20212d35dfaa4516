/** Requests to Vercel Blob and what its errors mean, as `@vercel/blob` 2.8 has them. */
import type { Call } from '../../driver.ts'
import { FilesError, type FilesErrorCode } from '../../errors.ts'
import { statusError } from '../../http/failure.ts'
import type { Http, HttpRequest } from '../../http/http.ts'
import { isObject } from '../../json.ts'
import type { Authorization } from '../token.ts'

const VERSION = '12'

export type Fields = { readonly [name: string]: unknown }

export interface BlobRequest {
  readonly method: string
  /** Behind the interface's URL. */
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: HttpRequest['body']
}

/** Makes a call, and throws what was refused. */
export type BlobWire = (
  what: string,
  authorization: Authorization,
  request: BlobRequest,
  call: Call,
) => Promise<Fields>

export function blobWire(endpoint: string, send: Http): BlobWire {
  return async (what, authorization, { method, path, headers, body }, call) => {
    const credentials = await authorization.header()
    const [, , , store = ''] = credentials.split('_')
    const response = await send(
      {
        method,
        url: endpoint + path,
        body,
        headers: {
          ...headers,
          authorization: credentials,
          'x-api-version': VERSION,
          'x-vercel-blob-store-id': store,
        },
      },
      call,
    )
    const fields = fieldsOf(await response.text())
    if (response.status < 300) return fields
    const { code, message = '' } = fieldsOf(fields.error)
    const error = statusError(what, response, `${code} ${message}`)
    const meant = MEANINGS.find(([pattern]) => pattern.test(`${code} ${message}`))?.[1]
    const { status, retryAfter } = error
    if (meant === undefined || status === undefined) throw error
    throw new FilesError(meant, error.message, undefined, {
      status,
      ...(retryAfter === undefined ? {} : { retryAfter }),
    })
  }
}

/** Codes are few: the vendor's client looks at the message too. */
const MEANINGS: readonly (readonly [RegExp, FilesErrorCode])[] = [
  [/already exists|^precondition_failed/, 'Conflict'],
  [/greater than|^file_too_large/, 'QuotaExceeded'],
  [/does not match the token|^client_token_pathname/, 'Unauthorized'],
  [/^rate_limited/, 'RateLimited'],
  [/^not_found/, 'NotFound'],
]

function fieldsOf(value: unknown): Fields {
  if (isObject(value)) return value
  try {
    const parsed: unknown = JSON.parse(String(value))
    return isObject(parsed) ? parsed : {}
  } catch {
    return {}
  }
}
