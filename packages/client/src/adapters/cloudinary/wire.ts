/** Requests to Cloudinary: https://cloudinary.com/documentation/upload_images#uploading_with_a_direct_call_to_the_rest_api */
import { encodeBase64 } from '@pawl/protocol'
import type { Call, Payload } from '../../driver.ts'
import { FilesError } from '../../errors.ts'
import { statusError } from '../../http/failure.ts'
import { formOf } from '../../http/form.ts'
import { type HttpResponse, http } from '../../http/http.ts'
import { isObject } from '../../json.ts'
import { tokenAuthorization } from '../token.ts'
import type { CloudinaryOptions } from './options.ts'

export type Fields = { readonly [name: string]: unknown }
type Params = Readonly<Record<string, string>>

export interface CloudinaryWire {
  readonly place: string
  /** Whether files can be looked for. */
  readonly canAsk: boolean
  /** One chunk, signed anew. */
  upload(params: Params, headers: Params, chunk: Payload, call: Call): Promise<HttpResponse>
  /** `destroy` or `rename`. @throws FilesError */
  change(what: string, action: string, params: Params, call: Call): Promise<Fields>
  /** Of the admin interface. @throws FilesError */
  ask(what: string, path: string, call: Call): Promise<Fields>
  /** The content, which needs no credentials. */
  read(url: string, headers: Params, call: Call): Promise<HttpResponse>
  refresh(): Promise<boolean>
}

export function cloudinaryWire(options: CloudinaryOptions): CloudinaryWire {
  const { cloud, type = 'raw', apiKey = '', apiSecret, sign, uploadPreset, http: send = http } = options
  const endpoint = (options.endpoint ?? 'https://api.cloudinary.com').replace(/\/+$/, '')
  const base = `${endpoint}/v1_1/${encodeURIComponent(cloud)}`
  const secret = tokenAuthorization(apiSecret ?? '', '')

  async function signed(given: Params): Promise<Params> {
    const preset: Params = uploadPreset === undefined ? {} : { upload_preset: uploadPreset }
    if (apiSecret === undefined && sign === undefined) {
      // Unsigned ones never overwrite, and must not say so.
      const { overwrite: _, ...allowed } = given
      return { ...allowed, ...preset }
    }
    const params = { ...given, ...preset, timestamp: String(Math.floor(Date.now() / 1000)) }
    const signature = sign ? await sign(params) : await signatureOf(params, await secret.header())
    return { ...params, api_key: apiKey, signature }
  }
  /** Once more with another secret, if the first was refused. */
  async function checked(what: string, make: () => Promise<HttpResponse>): Promise<Fields> {
    const first = await make()
    const response = first.status === 401 && (await secret.refresh()) ? await make() : first
    if (response.status >= 300) throw await cloudinaryError(what, response)
    return fieldsOf(await response.text())
  }

  return {
    place: `${base}/${type}`,
    canAsk: apiSecret !== undefined,
    upload: async (params, headers, chunk, call) => {
      const file = { name: 'file', filename: 'file', type: 'application/octet-stream' }
      const form = formOf(await signed(params), file, chunk)
      const url = `${base}/${type}/upload`
      return send({ method: 'POST', url, headers: { ...headers, ...form.headers }, body: form.body }, call)
    },
    change: (what, action, params, call) =>
      checked(what, async () => {
        const headers = { 'content-type': 'application/x-www-form-urlencoded' }
        const body = new URLSearchParams(await signed(params)).toString()
        return send({ method: 'POST', url: `${base}/${type}/${action}`, headers, body }, call)
      }),
    ask: (what, path, call) =>
      checked(what, async () => {
        const basic = encodeBase64(new TextEncoder().encode(`${apiKey}:${await secret.header()}`))
        const url = `${base}/resources/${type}/upload${path}`
        return send({ method: 'GET', url, headers: { authorization: `Basic ${basic}` } }, call)
      }),
    read: (url, headers, call) => send({ method: 'GET', url, headers, stream: true }, call),
    refresh: async () => sign !== undefined || (await secret.refresh()),
  }
}

/** https://cloudinary.com/documentation/authentication_signatures */
async function signatureOf(params: Params, secret: string): Promise<string> {
  const text = Object.keys(params)
    .sort()
    .map((name) => `${name}=${params[name]?.replaceAll('&', '%26')}`)
    .join('&')
  const hash = await crypto.subtle.digest('SHA-1', new TextEncoder().encode(text + secret))
  return Array.from(new Uint8Array(hash), (byte) => byte.toString(16).padStart(2, '0')).join('')
}

export async function cloudinaryError(what: string, response: HttpResponse): Promise<FilesError> {
  const text = await response.text()
  const message = String(fieldsOf(fieldsOf(text).error).message ?? text)
  const error = statusError(what, response, message)
  const { status } = response
  // 420: too many requests. A signature that came too late is made anew.
  const code =
    status === 420
      ? 'RateLimited'
      : /^stale request/i.test(message)
        ? 'Unauthorized'
        : /too large/i.test(message)
          ? 'QuotaExceeded'
          : undefined
  return code === undefined ? error : new FilesError(code, error.message, error, { status })
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
