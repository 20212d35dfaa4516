/** Requests of Resumable Uploads for HTTP, and what answers to them mean. */
import { CLIENT_INTEROP, INTEROP_HEADER, parseByteField, parseUploadComplete } from '@pawl/protocol'
import type { Call } from '../../driver.ts'
import { FilesError } from '../../errors.ts'
import { statusError } from '../../http/failure.ts'
import { type HttpRequest, type HttpResponse, http, type Information } from '../../http/http.ts'
import { credentialsOf } from '../credentials.ts'
import type { ResumableHttpOptions } from './options.ts'

type Request = Omit<HttpRequest, 'headers'> & { readonly headers?: Readonly<Record<string, string>> }

export interface ResumableWire {
  send(request: Request, call: Call): Promise<HttpResponse>
  /** Gets new credentials; false if they are fixed. */
  refresh(): Promise<boolean>
}

export function resumableWire({ headers, http: send = http }: ResumableHttpOptions): ResumableWire {
  const credentials = credentialsOf(headers)
  return {
    send: async (request, call) =>
      send(
        {
          ...request,
          headers: {
            ...(await credentials.headers()),
            ...request.headers,
            [INTEROP_HEADER.toLowerCase()]: String(CLIENT_INTEROP),
          },
        },
        call,
      ),
    refresh: credentials.refresh,
  }
}

/** Where a 104 says that the upload is. One of another version means nothing. */
export function announced({ status, header }: Information): string | undefined {
  const known = parseByteField(header(INTEROP_HEADER)) === CLIENT_INTEROP
  return status === 104 && known ? header('location') : undefined
}

/** Whether the answer is the target's own: nothing is left to be sent, whatever it says. */
export function isFinal({ header }: HttpResponse): boolean | undefined {
  return parseUploadComplete(header('upload-complete'))
}

export function offsetIn({ header }: HttpResponse): number | undefined {
  return parseByteField(header('upload-offset'))
}

/** @param retryable - whether the same request may succeed later; by default what the status says */
export async function answerError(
  what: string,
  response: HttpResponse,
  retryable?: boolean,
): Promise<FilesError> {
  const error = statusError(what, response, await response.text())
  if (retryable === undefined) return error
  return new FilesError(error.code, error.message, undefined, {
    status: response.status,
    retryable,
    ...(error.retryAfter === undefined ? {} : { retryAfter: error.retryAfter }),
  })
}
