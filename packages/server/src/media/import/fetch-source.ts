/**
 * One request to a source that somebody named. The name is resolved once, its addresses are checked, and the
 * connection goes to one of those: there is no second look at the name that could come out differently.
 */
import { type IncomingHttpHeaders, type IncomingMessage, request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import { isIP, type LookupFunction } from 'node:net'
import { type AddressRules, ForbiddenAddress } from './addresses.ts'

export interface SourceRequest {
  readonly url: string
  /** Sent to the origin that was named, and to no other that it redirects to. */
  readonly headers: Readonly<Record<string, string>>
  /** Only the bytes from here on, if they are still the ones that the validator names. */
  readonly from?: { readonly offset: number; readonly validator: string } | undefined
  readonly signal: AbortSignal
}

export interface SourceAnswer {
  readonly status: number
  readonly body: IncomingMessage
  /** Bytes of this body; undefined when it does not say. */
  readonly length: number | undefined
  /** Of a part: where it begins, and how many bytes there are in all. */
  readonly range: { readonly start: number; readonly total: number | undefined } | undefined
  /** It does not say that its bytes are others than those that were asked for: If-Range is not known everywhere. */
  readonly same: boolean
  /** A strong ETag or a date, that names these bytes. */
  readonly validator: string | undefined
  /** Anything but identity changes what bytes are. */
  readonly coded: boolean
}

const MAX_REDIRECTS = 5
/** Milliseconds until an answer begins. */
const ANSWER_MS = 30_000
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308])

/** @throws ForbiddenAddress, Error */
export async function fetchSource(rules: AddressRules, request: SourceRequest): Promise<SourceAnswer> {
  const first = parsedUrl(request.url)
  let url = first
  for (let redirects = 0; ; redirects += 1) {
    const body = await send(rules, url, url.origin === first.origin ? request : { ...request, headers: {} })
    const status = body.statusCode ?? 0
    const { location } = body.headers
    if (!REDIRECTS.has(status) || location === undefined) {
      return answerOf(status, body, request.from?.validator)
    }
    body.destroy()
    if (redirects === MAX_REDIRECTS) throw new ForbiddenAddress('the source redirects too often')
    if (!URL.canParse(location, url.href))
      throw new ForbiddenAddress('the source redirects to what is no URL')
    url = parsedUrl(new URL(location, url.href).href)
  }
}

/** @throws ForbiddenAddress for what is not plain http or https */
export function parsedUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw new ForbiddenAddress('only http and https URLs can be fetched')
  }
  if (url.username !== '' || url.password !== '') {
    throw new ForbiddenAddress('a URL with a user name or password in it is not fetched')
  }
  return url
}

async function send(rules: AddressRules, url: URL, request: SourceRequest): Promise<IncomingMessage> {
  const addresses = await rules.addressesOf(url.hostname)
  const family = (address: string): number => isIP(address)
  const lookup: LookupFunction = (_host, options, done) => {
    const [address = ''] = addresses
    if (options.all)
      done(
        null,
        addresses.map((one) => ({ address: one, family: family(one) })),
      )
    else done(null, address, family(address))
  }
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  const { from } = request
  const req = (url.protocol === 'https:' ? requestHttps : requestHttp)(url, {
    // A connection of its own: none that was made for another name.
    agent: false,
    lookup,
    signal: request.signal,
    headers: {
      'User-Agent': 'Pawl',
      Accept: '*/*',
      ...request.headers,
      'Accept-Encoding': 'identity',
      ...(from === undefined ? {} : { Range: `bytes=${from.offset}-`, 'If-Range': from.validator }),
    },
  })
  const timer = setTimeout(() => req.destroy(new Error('the source does not answer')), ANSWER_MS)
  req.once('socket', (socket) =>
    socket.once('connect', () => {
      if (!rules.allows(socket.remoteAddress ?? '')) req.destroy(new ForbiddenAddress('no public address'))
    }),
  )
  // Also what comes after the answer: without a listener it would end the server.
  req.on('error', reject)
  // A source that switches protocols ends without an error, and without an answer.
  req.once('close', () => reject(new Error('the source does not answer')))
  req.once('response', resolve)
  req.end()
  try {
    return await promise
  } finally {
    clearTimeout(timer)
  }
}

function answerOf(status: number, body: IncomingMessage, asked: string | undefined): SourceAnswer {
  const { headers } = body
  const range = /^bytes (\d{1,15})-\d{1,15}\/(\d{1,15}|\*)$/.exec(headers['content-range'] ?? '')
  const etag = /^"[!#-~]{0,255}"$/.test(headers.etag ?? '') ? headers.etag : undefined
  const chunked = headers['transfer-encoding'] !== undefined
  const length = chunked ? undefined : headers['content-length']
  return {
    status,
    body,
    length: length === undefined || !/^\d{1,15}$/.test(length) ? undefined : Number(length),
    range:
      range === null
        ? undefined
        : { start: Number(range[1]), total: range[2] === '*' ? undefined : Number(range[2]) },
    same: asked === undefined || isOf(headers, asked),
    validator: etag ?? strongDate(headers),
    coded: (headers['content-encoding'] ?? 'identity') !== 'identity',
  }
}

/** RFC 9110 section 15.3.7: a part has the ETag that the whole has; the date it may leave out. */
function isOf(headers: IncomingHttpHeaders, validator: string): boolean {
  if (validator.startsWith('"')) return headers.etag === validator
  return (headers['last-modified'] ?? validator) === validator
}

/** RFC 9110 section 8.8.2.2: what changed twice within the same second would have one date for two contents. */
const DATE_MS = 60_000

function strongDate(headers: IncomingHttpHeaders): string | undefined {
  const modified = headers['last-modified']
  const age = Date.parse(headers.date ?? '') - Date.parse(modified ?? '')
  return age >= DATE_MS ? modified : undefined
}
