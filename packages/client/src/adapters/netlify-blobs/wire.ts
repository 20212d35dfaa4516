/** Requests as Netlify's own client makes them: to the interface, or from a function to the edge beside it. */
import { decodeBase64, encodeBase64 } from '@pawl/protocol'
import type { Call } from '../../driver.ts'
import { FilesError } from '../../errors.ts'
import type { Http, HttpRequest, HttpResponse } from '../../http/http.ts'
import { accepted, type Fields, fieldsIn, fieldsOf, requests, safeUrl, textOf } from '../requests.ts'
import { tokenAuthorization } from '../token.ts'
import type { NetlifyBlobsOptions } from './options.ts'

const API = 'https://api.netlify.com'
/** The same metadata has one name at the interface and another one where the bytes are. */
const METADATA = { api: 'netlify-blobs-metadata', bytes: 'x-amz-meta-user' }
/** Bytes that the metadata may take as a header, its name included. */
const METADATA_LIMIT = 2048

export interface BlobsWire {
  /** The store's URL. */
  readonly base: string
  /** Lists, looks and removes: where the credential goes. */
  ask(what: string, method: string, path: string, call: Call, also?: readonly number[]): Promise<HttpResponse>
  /** Writes or reads content: where the bytes are. Not tried again. */
  content(
    what: string,
    method: 'GET' | 'PUT',
    path: string,
    request: Pick<HttpRequest, 'body' | 'stream'> & {
      readonly headers?: Record<string, string>
      readonly metadata?: Fields
    },
    call: Call,
  ): Promise<HttpResponse>
  refresh(): Promise<boolean>
}

export function blobsWire(options: NetlifyBlobsOptions, send: Http | undefined): BlobsWire {
  const context = environment()
  const siteId = options.siteId ?? context.siteID
  const token = options.token ?? textOf(context.token)
  if (typeof siteId !== 'string' || token === undefined)
    throw new FilesError(
      'Unauthorized',
      'netlify-blobs: pass `siteId` and `token`; only on Netlify itself they are found',
    )
  const edge = options.token === undefined ? context.edgeURL : undefined
  const isEdge = typeof edge === 'string'
  const home = (isEdge ? edge : (options.endpoint ?? API)).replace(/\/+$/, '')
  const { store } = options
  if (!/^[^/:]{1,64}$/.test(store))
    throw new FilesError('InvalidKey', `${JSON.stringify(store)} is no store name`)
  const base = `${home}${isEdge ? '' : '/api/v1/blobs'}/${encodeURIComponent(siteId)}/site:${encodeURIComponent(store)}`
  const wire = requests(tokenAuthorization(token), send)

  /** Where the bytes go: the interface names a URL that is its own credential. */
  async function signed(
    what: string,
    method: string,
    url: string,
    headers: Record<string, string>,
    call: Call,
  ): Promise<string> {
    const accept = { ...headers, accept: 'application/json;type=signed-url' }
    const answer = await accepted(what, await wire.once({ method, url, headers: accept }, call))
    return safeUrl(what, home, (await fieldsIn(what, answer)).url)
  }

  return {
    base,
    refresh: wire.refresh,
    ask: (what, method, path, call, also) => wire.expect(what, { method, url: base + path }, call, also),
    content: async (what, method, path, { headers = {}, metadata, ...request }, call) => {
      const packed = metadata && pack(metadata)
      const own = { ...headers, ...(packed && { [METADATA.bytes]: packed }) }
      if (isEdge) return wire.once({ ...request, method, url: base + path, headers: own }, call)
      const named: Record<string, string> = packed ? { [METADATA.api]: packed } : {}
      const url = await signed(what, method, base + path, named, call)
      return wire.bare({ ...request, method, url, headers: own }, call)
    },
  }
}

/** Metadata as it travels. @throws FilesError `NotSupported` if it is too long */
function pack(metadata: Fields): string {
  const packed = `b64;${encodeBase64(new TextEncoder().encode(JSON.stringify(metadata)))}`
  if (METADATA.api.length + packed.length <= METADATA_LIMIT) return packed
  throw new FilesError('NotSupported', 'netlify-blobs keeps less than 1.5 kB of metadata')
}

/** The metadata of an answer. What cannot be read counts as none. */
export function metadataIn(response: HttpResponse): Fields {
  const packed = response.header(METADATA.api) || response.header(METADATA.bytes)
  return unpacked(packed?.startsWith('b64;') ? packed.slice(4) : undefined)
}

function unpacked(base64: string | undefined): Fields {
  const bytes = base64 === undefined ? undefined : decodeBase64(base64)
  try {
    return bytes ? fieldsOf(JSON.parse(new TextDecoder().decode(bytes))) : {}
  } catch {
    return {}
  }
}

/** What Netlify tells its own builds and functions. */
function environment(): Fields {
  const { netlifyBlobsContext } = globalThis as { netlifyBlobsContext?: unknown }
  const context = netlifyBlobsContext ?? globalThis.process?.env?.NETLIFY_BLOBS_CONTEXT
  return unpacked(typeof context === 'string' ? context : undefined)
}
