/**
 * Upload sessions: https://learn.microsoft.com/graph/api/driveitem-createuploadsession
 *
 * The session is a URL that anyone who has it may write to; it is sent no credentials. Fragments go one after the
 * other, and of a broken one nothing is kept: where the session stands is what it says. A session that was completed
 * is gone; then the item under the path is ours if it has the body's size and content.
 */
import { decodeBase64 } from '@pawl/protocol'
import type {
  BodyReader,
  Call,
  OffsetDriver,
  OffsetState,
  ProviderResult,
  UploadIntent,
} from '../../driver.ts'
import { FilesError } from '../../errors.ts'
import { statusError } from '../../http/failure.ts'
import type { HttpResponse } from '../../http/http.ts'
import type { Json } from '../../json.ts'
import { sessionText, wrongPlace } from '../../session.ts'
import { runningDigest } from '../../transfer/running.ts'
import { chunkRule } from '../chunk-rule.ts'
import { described } from '../described.ts'
import { told } from '../told.ts'
import { type Fields, fieldsOf, type GraphWire, graphError } from './wire.ts'

const STEP = 320 * 1024
/** Fragments must be smaller than 60 MiB. */
const MAX = 191 * STEP
/** Hosts that Graph's answers name for uploads; see the docs of each national cloud. */
const HOSTS =
  /(?:^|\.)(?:sharepoint\.(?:com|us|cn|de)|1drv\.com|onedrive\.com|storage\.live\.com|microsoft(?:personalcontent)?\.com|microsoft\.us|chinacloudapi\.cn)$/

export interface GraphSession {
  readonly [name: string]: Json
  /** A bearer secret. Empty for a body of nothing, which no session takes. */
  readonly url: string
}

export function graphDriver(wire: GraphWire, path: string, intent: UploadIntent): OffsetDriver<GraphSession> {
  const { size, condition } = intent
  const what = `uploading ${JSON.stringify(intent.key)}`
  const item = wire.itemOf(path)
  const conflict = { '@microsoft.graph.conflictBehavior': condition?.type === 'create' ? 'fail' : 'replace' }
  const guard = condition?.type === 'replace' ? { 'if-match': condition.etag } : {}
  const type = { 'content-type': 'application/json' }
  let finished: ProviderResult | undefined

  /** The item under the path, if its content is the body's. */
  async function made(body: BodyReader, call: Call): Promise<ProviderResult | undefined> {
    const response = await wire.ask({ method: 'GET', url: item }, call)
    if (response.status === 404) return undefined
    if (response.status >= 300) throw await graphError(what, response)
    const fields = fieldsOf(await response.text())
    const result = resultOf(fields)
    if (fields.size !== size || result.digest === undefined) return undefined
    const ours = await runningDigest(body, 'quickxor')?.finish(call)
    return ours?.value === result.digest.value ? result : undefined
  }

  const keep = async (response: HttpResponse): Promise<ProviderResult> => {
    finished = resultOf(described(what, fieldsOf(await response.text()), 'id'))
    return finished
  }

  return {
    shape: 'offset',
    maxLanes: 1,
    chunk: chunkRule({ multiple: STEP, min: STEP, max: MAX }, false),
    digest: 'quickxor',
    begin: async (_intent, _lanes, _first, call) => {
      if (size === 0) return { session: { url: '' }, offsets: [0] }
      const body = JSON.stringify({ item: conflict })
      const url = `${item}:/createUploadSession`
      const response = await wire.ask({ method: 'POST', url, headers: { ...type, ...guard }, body }, call)
      if (response.status >= 300) throw await graphError(what, response)
      const { uploadUrl } = fieldsOf(await response.text())
      if (typeof uploadUrl === 'string') return { session: { url: uploadUrl }, offsets: [0] }
      throw new FilesError('Provider', `${what}: the answer names no uploadUrl`, undefined, {
        retryable: false,
      })
    },
    adopt: (session) => {
      const url = sessionText(session, 'url')
      if (size === 0 && url === '') return { url }
      // Whoever could write a token must not get the body sent elsewhere.
      const { origin, protocol, hostname } = new URL(URL.canParse(url) ? url : 'null:')
      const ours = origin === new URL(wire.root).origin || (protocol === 'https:' && HOSTS.test(hostname))
      if (ours) return { url }
      throw wrongPlace('host', hostname, new URL(wire.root).hostname)
    },
    probe: async ({ url }, _intent, _lanes, body, call): Promise<OffsetState> => {
      if (url === '') return { state: 'open', offsets: [0] }
      const response = await wire.bare({ method: 'GET', url, headers: {} }, call)
      if (response.status === 404 || response.status === 410) {
        const result = await made(body, call)
        return result ? { state: 'complete', result } : { state: 'gone' }
      }
      if (response.status >= 300) throw await graphError(what, response)
      return { state: 'open', offsets: [nextOf(fieldsOf(await response.text()), size)] }
    },
    send: async ({ url }, _lane, payload, call) => {
      const end = payload.start + payload.size
      const body = told(payload, await (await payload.sums()).whole('quickxor'))
      const headers = { 'content-range': `bytes ${payload.start}-${end - 1}/${size}` }
      const response = await wire.bare({ method: 'PUT', url, headers, body }, call)
      const { status } = response
      if (status === 200 || status === 201) {
        await keep(response)
        return size
      }
      // Gone, or not what comes next: only the session itself decides.
      if (status === 404 || status === 410 || status === 416) throw statusError(what, response, '', true)
      if (status !== 202) throw await graphError(what, response)
      return nextOf(fieldsOf(await response.text()), size)
    },
    complete: async (_session, _intent, call) => {
      if (finished) return finished
      if (size > 0) throw new FilesError('Provider', `${what}: every byte is there, but no item`)
      const query = new URLSearchParams(conflict)
      const url = `${item}:/content?${query}`
      const response = await wire.ask({ method: 'PUT', url, headers: guard, body: '' }, call)
      if (response.status >= 300) throw await graphError(what, response)
      return keep(response)
    },
    discard: async ({ url }, call, complete) => {
      if (finished) return complete?.(finished)
      if (url === '') return
      const response = await wire.bare({ method: 'DELETE', url, headers: {} }, call)
      if (response.status >= 300 && response.status !== 404 && response.status !== 410)
        throw await graphError(`discarding ${JSON.stringify(intent.key)}`, response)
    },
    refresh: wire.refresh,
  }
}

/** The first byte that is missing. No range: every byte is there. */
function nextOf({ nextExpectedRanges: ranges }: Fields, size: number): number {
  if (!Array.isArray(ranges)) throw new FilesError('Provider', 'the answer of the session names no ranges')
  return ranges.reduce((least, range) => Math.min(least, Number.parseInt(String(range), 10)), size)
}

function resultOf({ eTag, file }: Fields): ProviderResult {
  const { quickXorHash: value } = fieldsOf(fieldsOf(file).hashes)
  const isHash = typeof value === 'string' && decodeBase64(value)?.length === 20
  return {
    ...(typeof eTag === 'string' ? { etag: eTag } : {}),
    ...(isHash ? { digest: { algorithm: 'quickxor', value } } : {}),
  }
}
