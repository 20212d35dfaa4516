/** Requests to UploadThing and URLs that are signed here: https://docs.uploadthing.com/uploading-files */
import { decodeBase64 } from '@pawl/protocol'
import type { Call } from '../../driver.ts'
import { FilesError } from '../../errors.ts'
import { statusError } from '../../http/failure.ts'
import { type Http, type HttpResponse, http } from '../../http/http.ts'
import { isObject } from '../../json.ts'
import { type Authorization, tokenAuthorization } from '../token.ts'
import type { UploadThingOptions } from './options.ts'

export type Fields = { readonly [name: string]: unknown }

/** What a token of UploadThing holds. */
interface App {
  readonly apiKey: string
  readonly appId: string
  readonly region: string
  readonly ingestHost: string
}

export interface UploadThingWire {
  /** Of the API. */
  readonly endpoint: string
  readonly send: Http
  /** The app of the token that counts now. @throws FilesError `NotSupported` without a token */
  app(): Promise<App>
  /** A call of the API; with a new token if the first was refused. @throws FilesError */
  ask(what: string, path: string, body: object, call: Call): Promise<Fields>
  /** Where the file of a key can be read by anyone for some seconds. */
  fileUrl(fileKey: string, seconds: number): Promise<string>
  /** Where the bytes of a file go, for an hour. */
  uploadUrl(fileKey: string, params: Readonly<Record<string, string | undefined>>): Promise<string>
  refresh(): Promise<boolean>
}

/** Seconds that an upload's URL is good for: each request has a new one. */
const FRESH = 3600

export function uploadThingWire(options: UploadThingOptions): UploadThingWire {
  const { token, ingest, files, http: send = http } = options
  const endpoint = withoutSlash(options.endpoint ?? 'https://api.uploadthing.com')
  const authorization = token === undefined ? undefined : tokenAuthorization(token, '')

  const wire: UploadThingWire = {
    endpoint,
    send,
    app: () => appOf(authorization),
    ask: async (what, path, body, call) => {
      const once = async () =>
        send(
          {
            method: 'POST',
            url: `${endpoint}/v6/${path}`,
            headers: {
              'content-type': 'application/json',
              'x-uploadthing-api-key': (await wire.app()).apiKey,
            },
            body: JSON.stringify(body),
          },
          call,
        )
      const first = await once()
      const again = (first.status === 401 || first.status === 403) && (await wire.refresh())
      const response = again ? await once() : first
      if (response.status >= 300) throw await uploadThingError(what, response)
      return fieldsOf(await response.text())
    },
    fileUrl: async (fileKey, seconds) => {
      const { appId, apiKey } = await wire.app()
      const base = withoutSlash(files ?? `https://${appId}.ufs.sh/f`)
      return signed(`${base}/${encodeURIComponent(fileKey)}`, {}, seconds, apiKey)
    },
    uploadUrl: async (fileKey, params) => {
      const { appId, apiKey, region, ingestHost } = await wire.app()
      const base = withoutSlash(ingest ?? `https://${region}.${ingestHost}`)
      return signed(`${base}/${fileKey}`, { 'x-ut-identifier': appId, ...params }, FRESH, apiKey)
    },
    refresh: async () => (await authorization?.refresh()) ?? false,
  }
  return wire
}

async function appOf(authorization: Authorization | undefined): Promise<App> {
  if (authorization === undefined)
    throw new FilesError('NotSupported', 'uploadthing() with presign can only upload: pass a token')
  const { apiKey, appId, regions, ingestHost } = fieldsOf(textOf(await authorization.header()))
  const [region] = Array.isArray(regions) ? regions : []
  if (typeof apiKey === 'string' && typeof appId === 'string' && typeof region === 'string') {
    const host = typeof ingestHost === 'string' ? ingestHost : 'ingest.uploadthing.com'
    return { apiKey, appId, region, ingestHost: host }
  }
  throw new FilesError(
    'Unauthorized',
    'the token is none of UploadThing: pass UPLOADTHING_TOKEN as its dashboard shows it',
    undefined,
    { retryable: false },
  )
}

function textOf(base64: string): string {
  try {
    return new TextDecoder().decode(decodeBase64(base64))
  } catch {
    return ''
  }
}

/** Values are encoded twice, as UploadThing's own client does. */
async function signed(
  href: string,
  params: Readonly<Record<string, string | undefined>>,
  seconds: number,
  secret: string,
): Promise<string> {
  const url = new URL(href)
  url.searchParams.append('expires', String(Date.now() + seconds * 1000))
  for (const [name, value] of Object.entries(params))
    if (value !== undefined) url.searchParams.append(name, encodeURIComponent(value))
  const encoder = new TextEncoder()
  const algorithm = { name: 'HMAC', hash: 'SHA-256' }
  const key = await crypto.subtle.importKey('raw', encoder.encode(secret), algorithm, false, ['sign'])
  const signature = new Uint8Array(await crypto.subtle.sign(algorithm, key, encoder.encode(url.href)))
  const hex = Array.from(signature, (byte) => byte.toString(16).padStart(2, '0')).join('')
  url.searchParams.append('signature', `hmac-sha256=${hex}`)
  return url.href
}

/** @param again Another try may help, whatever the status. */
export async function uploadThingError(
  what: string,
  response: HttpResponse,
  again = false,
): Promise<FilesError> {
  const text = await response.text()
  const { error, message } = fieldsOf(text)
  const said = [error, message].filter((part) => typeof part === 'string').join(': ') || text
  // How a custom id that another file has, or had until lately, is reported to be refused.
  if (response.status === 500 && /insert into/i.test(said))
    return new FilesError(
      'Conflict',
      `${what}: the key is taken, maybe by a file that was deleted`,
      undefined,
      {
        status: 500,
        retryable: false,
      },
    )
  return statusError(what, response, said, again)
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

function withoutSlash(url: string): string {
  return url.replace(/\/+$/, '')
}

/** The key of the file with a custom id. */
export async function find(
  what: string,
  wire: UploadThingWire,
  customId: string,
  call: Call,
): Promise<string | undefined> {
  const { data } = await wire.ask(what, 'getFileUrl', { customIds: [customId] }, call)
  const { key } = fieldsOf(Array.isArray(data) ? data[0] : undefined)
  return typeof key === 'string' ? key : undefined
}
