/** The wire calls of one tus upload: one URL, or one for each lane and a final that joins them. */
import { formatUploadMetadata } from '@pawl/protocol'
import type { Call, OffsetDriver, OffsetState, Payload, ProviderResult, UploadIntent } from '../../driver.ts'
import { FilesError } from '../../errors.ts'
import { statusError } from '../../http/failure.ts'
import type { HttpResponse } from '../../http/http.ts'
import { chunkRule } from '../chunk-rule.ts'
import type { Place } from '../upload-place.ts'
import { type Checksum, quickest } from './checksums.ts'
import { askOffer, type Offer } from './offer.ts'
import type { TusOptions } from './options.ts'
import { resultOf } from './result.ts'
import { adoptSession, type TusSession } from './session.ts'
import { offsetOf, type TusRequest, type TusWire, tusError } from './wire.ts'

/** Bodies up to this size travel with the creation: one request instead of two. */
const SMALL = 4 * 1024 * 1024
const OCTETS = 'application/offset+octet-stream'

export function tusDriver(
  options: TusOptions,
  wire: TusWire,
  place: Place,
  /** Asked once for all uploads of the adapter. */
  known: { offer?: Offer },
): OffsetDriver<TusSession> {
  const { parallel = 1, creationWithUpload = true, checksum: checked = true, endpoint } = options
  let checksum: Checksum | undefined
  let trailing: boolean | undefined
  /** The last answer about the whole upload: it may carry the result. */
  let last: HttpResponse | undefined
  /** The upload was created without a length: whoever sends tells it. */
  let deferred = false

  const offers = (extension: string) => known.offer?.extensions.includes(extension)

  async function create(
    intent: UploadIntent,
    headers: Record<string, string>,
    body: Payload | undefined,
    call: Call,
  ) {
    const response = await wire.send({ method: 'POST', url: place.base, headers, body }, call)
    if (response.status !== 201 && response.status !== 200) {
      throw statusError(
        `creating the upload of ${JSON.stringify(intent.key)}`,
        response,
        await response.text(),
      )
    }
    const location = response.header('location')
    if (location === undefined) {
      throw new FilesError(
        'Provider',
        'the answer has no Location; in a browser, the server must list it in Access-Control-Expose-Headers',
        undefined,
        { retryable: false },
      )
    }
    return { url: place.resolve(location), response }
  }

  return {
    shape: 'offset',
    get maxLanes() {
      return offers('concatenation') && endpoint !== undefined ? parallel : 1
    },
    get chunk() {
      return chunkRule(options.chunk ?? {}, checksum !== undefined && !trailing)
    },
    prepare: async (call) => {
      known.offer ??= await askOffer(wire, place.base, call)
      checksum = checked ? quickest(known.offer.checksums) : undefined
      trailing = checked === 'trailer' && checksum === 'crc32' && offers('checksum-trailer')
    },
    adopt: (session) => adoptSession(session, place),

    begin: async (intent, lanes, first, call) => {
      checkSize(intent.size, known.offer)
      const offsets = lanes.map((lane) => lane.start)
      if (endpoint === undefined) {
        last = await look(place.base, call, false)
        return { session: { urls: [place.base] }, offsets: [reached(last, intent.size)] }
      }
      if (lanes.length > 1) {
        const { createLanes } = await import('./concatenation.ts')
        return { session: await createLanes(wire, create, intent, lanes, call), offsets }
      }
      const whole = first?.size === intent.size && first.size > 0 && first.size <= SMALL
      const along = whole && creationWithUpload && offers('creation-with-upload')
      const headers = {
        'upload-length': String(intent.size),
        ...metadataHeader(options, intent),
        ...(along && { 'content-type': OCTETS }),
      }
      const { url, response } = await create(intent, headers, along ? first : undefined, call)
      if (along) last = response
      // A server that took none of the body says nothing about an offset.
      const taken = along && response.header('upload-offset') !== undefined ? offsetOf(response) : 0
      return { session: { urls: [url] }, offsets: [taken] }
    },

    probe: async (session, _intent, lanes, _body, call): Promise<OffsetState> => {
      const offsets: number[] = []
      for (const [index, { start, end }] of lanes.entries()) {
        const response = await look(urlOf(session, index), call)
        if (response.status === 404 || response.status === 410) return { state: 'gone' }
        offsets.push(start + reached(response, end - start))
        if (lanes.length === 1) last = response
      }
      return { state: 'open', offsets }
    },

    send: async (session, { index, start, end }, payload, call) => {
      const summed = checksum && (await (await import('./checksum.ts')).checked(checksum, payload, trailing))
      const request = { body: payload, ...summed, url: urlOf(session, index) }
      const response = await append(request, payload.start - start, end, call)
      if (session.urls.length === 1) last = response
      return start + offsetOf(response)
    },

    complete: async (session, intent, call): Promise<ProviderResult> => {
      if (session.urls.length === 1) {
        const url = urlOf(session, 0)
        // No piece is left that could tell the length: of an empty body there was none.
        if (deferred) last = await append({ url }, intent.size, intent.size, call)
        return resultOf(options, url, last, call)
      }
      const { joined } = await import('./concatenation.ts')
      const headers = { ...joined(session), ...metadataHeader(options, intent) }
      const { url, response } = await create(intent, headers, undefined, call)
      return resultOf(options, url, response, call)
    },

    discard: async ({ urls }, call, complete) =>
      (await import('./remove.ts')).removeAll(options, wire, urls, call, complete),
    refresh: () => wire.refresh(),
  }

  /** @param size Where the upload ends. */
  async function append(
    { headers, ...request }: Omit<TusRequest, 'method'>,
    offset: number,
    size: number,
    call: Call,
  ): Promise<HttpResponse> {
    const told = deferred && { 'upload-length': String(size) }
    // Once is enough, and all that some servers bear. After a failure the probe tells again.
    deferred = false
    const response = await wire.send(
      {
        ...request,
        method: 'PATCH',
        headers: { 'content-type': OCTETS, 'upload-offset': String(offset), ...told, ...headers },
      },
      call,
    )
    // One that finds nothing makes the engine ask with HEAD: only that decides.
    if (response.status === 404 || response.status === 410) throw statusError('sending', response, '', true)
    if (response.status >= 300) throw await tusError('sending', response)
    return response
  }

  /** The offset. An upload that would end elsewhere than our body is not the one that was begun. */
  function reached(response: HttpResponse, size: number): number {
    deferred = response.header('upload-defer-length') !== undefined
    const length = response.header('upload-length') ?? size
    if (Number(length) !== size) throw new FilesError('SessionGone', `the upload has ${length} bytes`)
    return offsetOf(response)
  }

  /** @param mayBeGone The caller knows what 404 and 410 mean. */
  async function look(url: string, call: Call, mayBeGone = true): Promise<HttpResponse> {
    const response = await wire.send({ method: 'HEAD', url }, call)
    const { status } = response
    if (status < 300 || (mayBeGone && (status === 404 || status === 410))) return response
    throw await tusError('asking for the offset', response)
  }
}

function urlOf({ urls }: TusSession, lane: number): string {
  const url = urls[lane]
  if (url !== undefined) return url
  throw new FilesError('SessionGone', `the session lacks lane ${lane}`)
}

function metadataHeader({ metadata }: TusOptions, intent: UploadIntent): Record<string, string> {
  const pairs = metadata?.(intent) ?? {
    filename: intent.key,
    filetype: intent.contentType,
    ...intent.metadata,
  }
  const header = formatUploadMetadata(Object.entries(pairs))
  return header === '' ? {} : { 'upload-metadata': header }
}

function checkSize(size: number, offer: Offer | undefined): void {
  if (offer?.maxSize === undefined || size <= offer.maxSize) return
  throw new FilesError(
    'QuotaExceeded',
    `the server takes at most ${offer.maxSize} bytes, the body has ${size}`,
  )
}
