/** Requests to a storage of Supabase, and what its errors mean. https://supabase.com/docs/guides/storage */
import type { Call } from '../../driver.ts'
import { FilesError } from '../../errors.ts'
import { statusError } from '../../http/failure.ts'
import { type Http, type HttpResponse, http } from '../../http/http.ts'
import { isObject } from '../../json.ts'
import type { SupabaseOptions } from './options.ts'

export interface SupabaseRequest {
  readonly method: 'GET' | 'POST' | 'DELETE'
  /** Behind the storage's URL, encoded. */
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  /** Sent as JSON. */
  readonly json?: unknown
  /** The answer is read as a stream. */
  readonly stream?: boolean
}

export interface SupabaseWire {
  /** The storage's URL, without a slash at its end. */
  readonly base: string
  readonly bucket: string
  /** Asks, with other credentials once more if these were refused. @throws FilesError for an error status */
  ask(what: string, request: SupabaseRequest, call: Call): Promise<HttpResponse>
  credentials(context: { readonly refused: boolean }): Promise<Record<string, string>>
}

export function supabaseWire(options: SupabaseOptions): SupabaseWire {
  const { bucket, apiKey, token, http: plain = http } = options
  const base = storageUrl(options.url)
  const send = honest(plain)
  const credentials: SupabaseWire['credentials'] = async (context) => {
    const bearer = (typeof token === 'function' ? await token(context) : token) ?? apiKey
    return {
      ...(apiKey === undefined ? {} : { apikey: apiKey }),
      ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }),
    }
  }
  const once = async (
    what: string,
    { method, path, headers, json, stream = false }: SupabaseRequest,
    call: Call,
    refused: boolean,
  ) => {
    const response = await send(
      {
        method,
        url: base + path,
        headers: {
          ...(await credentials({ refused })),
          ...(json === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        body: json === undefined ? undefined : JSON.stringify(json),
        stream,
      },
      call,
    )
    if (response.status < 300) return response
    const text = await response.text()
    throw statusError(what, response, parseError(text).message ?? text)
  }
  return {
    base,
    bucket,
    credentials,
    ask: async (what, request, call) => {
      try {
        return await once(what, request, call, false)
      } catch (error) {
        const stale = error instanceof FilesError && error.code === 'Unauthorized'
        if (!stale || typeof token !== 'function') throw error
        return once(what, request, call, true)
      }
    },
  }
}

/**
 * Gives answers the status that they mean. Most errors of this API come as 400 with the true one in the body;
 * a HEAD has no body, and is answered so when the token is not good.
 * @throws FilesError `InvalidKey`
 */
export function honest(send: Http): Http {
  return async (request, call) => {
    const response = await send(request, call)
    if (response.status !== 400 && response.status !== 409) return response
    if (request.method === 'HEAD') return response.status === 400 ? { ...response, status: 401 } : response
    const { code, error, message = '', statusCode } = parseError(await response.text())
    if (code === 'InvalidKey' || error === 'InvalidKey') throw new FilesError('InvalidKey', message)
    // 412: the path is taken. A 409 of tus is a matter of offsets, and worth another try.
    if (code === 'KeyAlreadyExists' || error === 'Duplicate') return { ...response, status: 412 }
    if (code === 'InvalidSignature' || error === 'InvalidSignature') return { ...response, status: 401 }
    const meant = Number(statusCode)
    return meant > 400 && meant < 600 ? { ...response, status: meant } : response
  }
}

function parseError(text: string): {
  readonly code?: string
  readonly error?: string
  readonly message?: string
  readonly statusCode?: string
} {
  let body: unknown
  try {
    body = JSON.parse(text)
  } catch {
    return {}
  }
  if (!isObject(body)) return {}
  const fields = ['code', 'error', 'message', 'statusCode'] as const
  return Object.fromEntries(
    fields.flatMap((name) => (body[name] === undefined ? [] : [[name, String(body[name])]])),
  )
}

function storageUrl(given: string | URL): string {
  const { origin, pathname } = new URL(given)
  const path = pathname.replace(/\/+$/, '')
  return origin + (path === '' ? '/storage/v1' : path)
}
