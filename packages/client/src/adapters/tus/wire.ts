/** Requests of tus 1.0 and what their answers mean. https://tus.io/protocols/resumable-upload */
import { TUS_VERSION } from '@pawl/protocol'
import type { Call } from '../../driver.ts'
import { FilesError } from '../../errors.ts'
import { statusError } from '../../http/failure.ts'
import { type HttpRequest, type HttpResponse, http } from '../../http/http.ts'
import { credentialsOf } from '../credentials.ts'
import type { TusOptions } from './options.ts'

export interface TusRequest extends Pick<HttpRequest, 'url' | 'body' | 'trailers'> {
  readonly method: 'OPTIONS' | 'POST' | 'HEAD' | 'PATCH' | 'DELETE'
  readonly headers?: Readonly<Record<string, string>>
}

export interface TusWire {
  send(request: TusRequest, call: Call): Promise<HttpResponse>
  /** Gets new credentials; false if they are fixed. */
  refresh(): Promise<boolean>
}

export function tusWire({ headers, methodOverride = false, http: send = http }: TusOptions): TusWire {
  const credentials = credentialsOf(headers)
  return {
    send: async ({ method, headers: own, ...rest }, call) => {
      const hidden = methodOverride && (method === 'PATCH' || method === 'DELETE')
      return send(
        {
          ...rest,
          method: hidden ? 'POST' : method,
          headers: {
            ...(await credentials.headers()),
            ...own,
            'tus-resumable': TUS_VERSION,
            ...(hidden && { 'x-http-method-override': method }),
          },
        },
        call,
      )
    },
    refresh: credentials.refresh,
  }
}

/**
 * The error of an answer. 404 and 410 are left to the caller, for whom they may mean "gone".
 *
 * Only those two ever mean that an upload is gone: 401 and 403 ask for other credentials, and 409, 423, 429,
 * 460 and 5xx for patience and another look at the offset.
 */
export async function tusError(what: string, response: HttpResponse): Promise<FilesError> {
  const again = response.status === 409 || response.status === 460
  return statusError(what, response, await response.text(), again)
}

/** `Upload-Offset` of an answer. */
export function offsetOf(response: HttpResponse): number {
  const value = response.header('upload-offset')
  const offset = value === undefined || !/^\d+$/.test(value) ? Number.NaN : Number(value)
  if (Number.isSafeInteger(offset)) return offset
  throw new FilesError(
    'Provider',
    value === undefined
      ? 'the answer has no Upload-Offset; in a browser, the server must list it in Access-Control-Expose-Headers'
      : `the answer has the Upload-Offset ${JSON.stringify(value)}, which is no offset`,
  )
}
