/** The wire calls of one upload by Resumable Uploads for HTTP. */
import { formatUploadComplete, PARTIAL_UPLOAD } from '@pawl/protocol'
import type {
  Call,
  Lane,
  OffsetDriver,
  OffsetState,
  Payload,
  ProviderResult,
  UploadIntent,
} from '../../driver.ts'
import { FilesError } from '../../errors.ts'
import { canStream, type HttpResponse, type Information } from '../../http/http.ts'
import { parseReprDigest } from '../repr-digest.ts'
import type { Place } from '../upload-place.ts'
import { creationHeaders } from './creation-headers.ts'
import { givingUp } from './giving-up.ts'
import { askLimits, checkSize, chunkRule, headOf, type Known, learn } from './limits.ts'
import { type Opening, openCreation } from './opening.ts'
import type { ResumableHttpOptions } from './options.ts'
import { adoptSession, type ResumableSession } from './session.ts'
import { announced, answerError, isFinal, offsetIn, type ResumableWire, StrayLocation } from './wire.ts'

export function resumableDriver(
  options: ResumableHttpOptions,
  wire: ResumableWire,
  place: Place,
  target: string,
  shared: Known,
): OffsetDriver<ResumableSession> {
  const { method = 'POST', creation } = options
  /** The creating request, while it waits for its bytes. */
  let open: { readonly opening: Opening; readonly url: string } | undefined
  /** The target's own answer to the whole upload. */
  let last: HttpResponse | undefined

  /** What an answer says of this upload need not be true of others: their type or size may allow them more. */
  const known: Known = {}
  const { giveUp, heed, within } = givingUp(wire, known, shut)

  /** An answer to all the bytes, from the target or from a server that knows nothing of all this. */
  async function final(response: HttpResponse): Promise<void> {
    // From the target it is final; from whatever stands before it, perhaps not.
    const retryable = isFinal(response) === true ? false : undefined
    if (response.status >= 300) throw await answerError('uploading', response, retryable)
    last = response
  }

  const creating = (intent: UploadIntent, complete: boolean) => ({
    method,
    url: target,
    headers: creationHeaders(intent, complete),
  })

  async function careful(intent: UploadIntent, call: Call) {
    let first: string | undefined
    const onInformation = (information: Information) => {
      first ??= announced(information)
    }
    const response = await wire.send({ ...creating(intent, false), onInformation }, call)
    if (response.status >= 300)
      throw await answerError(`creating the upload of ${JSON.stringify(intent.key)}`, response)
    const location = response.header('location')
    if (location !== undefined) {
      const url = place.resolve(first ?? location)
      if (first !== undefined && first !== location)
        return giveUp(url, call, new StrayLocation(first, location))
      learn(known, response)
      await heed(url, intent.size, call)
      return { session: { url }, offsets: [0] }
    }
    throw new FilesError(
      'Provider',
      'the answer to the creation has no Location; in a browser, the server must list it in Access-Control-Expose-Headers',
      undefined,
      { retryable: false },
    )
  }

  async function optimistic(intent: UploadIntent, call: Call) {
    const opening = openCreation(wire, creating(intent, true), intent.size, call)
    const begun = await opening.begun
    if (begun.kind === 'announced') {
      try {
        const url = place.resolve(begun.location)
        open = { opening, url }
        learn(known, begun)
        await heed(url, intent.size, call)
        // What may not go in one request goes in several: nothing was sent of this one.
        if (intent.size > (known.limits?.maxAppendSize ?? intent.size)) shut()
        return { session: { url }, offsets: [0] }
      } catch (error) {
        opening.abandon()
        throw error
      }
    }
    if (begun.kind === 'answered') {
      await final(begun.response)
      throw new FilesError('Provider', 'the server answered before it had the bytes')
    }
    // Nothing was sent yet: what the server may have made of it expires.
    opening.abandon()
    shared.quiet = true
    return careful(intent, call)
  }

  /** The whole body in one request, resumable if the server should turn out to offer it. */
  async function plain(intent: UploadIntent, body: Payload | undefined, call: Call) {
    if ((body?.size ?? 0) < intent.size) {
      throw new FilesError(
        'NotSupported',
        `the server does not say that uploads can be resumed, and ${intent.size} bytes are too many for one request here`,
      )
    }
    let url: string | undefined
    const onInformation = (information: Information) => {
      const location = announced(information)
      if (location === undefined) return
      try {
        url = place.resolve(location)
      } catch {
        // An upload elsewhere is not followed; the request goes on as an ordinary one.
      }
    }
    try {
      await final(await wire.send({ ...creating(intent, true), body, onInformation }, call))
      return { session: { url: url ?? null }, offsets: [intent.size] }
    } catch (error) {
      call.signal.throwIfAborted()
      if (url === undefined || !(error instanceof FilesError && error.status === undefined)) throw error
      const offset = offsetIn(await look(url, call)) ?? 0
      return { session: { url }, offsets: [await within(url, offset, intent.size, call)] }
    }
  }

  /** Ends the creating request, if it still waits: no other request may meet it. */
  function shut(): void {
    open?.opening.abandon()
    open = undefined
  }

  async function look(url: string, call: Call): Promise<HttpResponse> {
    const response = await wire.send({ method: 'HEAD', url }, call)
    if (response.status >= 300 && response.status !== 404 && response.status !== 410)
      throw await answerError('asking for the offset', response)
    return response
  }

  const append = (url: string, offset: number, ends: boolean, body: Payload | undefined, call: Call) =>
    wire.send(
      {
        method: 'PATCH',
        url,
        headers: {
          'content-type': PARTIAL_UPLOAD,
          'upload-offset': String(offset),
          'upload-complete': formatUploadComplete(ends),
        },
        body,
      },
      call,
    )

  /** Says that all bytes are there; of a completed upload, gets its answer again. */
  async function finish(url: string, size: number, call: Call): Promise<void> {
    const response = await append(url, size, true, undefined, call)
    if (isFinal(response) ?? response.status < 300) return final(response)
    throw await answerError('completing the upload', response, response.status === 409 || undefined)
  }

  /** Gets the answer of an upload that cannot be given up any more. Where its target refused it, nothing is left of it. */
  async function hear(url: string, call: Call): Promise<void> {
    const response = await look(url, call)
    const size = offsetIn(response)
    if (isFinal(response) !== true || size === undefined) return
    await finish(url, size, call).catch((error) => {
      if (FilesError.wrap(error).retryable) throw error
    })
  }

  async function resultOf(): Promise<ProviderResult> {
    if (last === undefined) throw new FilesError('Provider', 'the upload has no answer yet')
    const { status, header } = last
    if (options.result) return options.result({ status, header, text: await last.text() })
    const [etag, digest, location] = [
      header('etag'),
      parseReprDigest(header('repr-digest')),
      header('location'),
    ]
    return {
      url: location === undefined ? target : new URL(location, target).href,
      ...(etag === undefined ? {} : { etag }),
      ...(digest === undefined ? {} : { digest }),
    }
  }

  return {
    shape: 'offset',
    maxLanes: 1,
    get chunk() {
      return chunkRule(known)
    },
    prepare: async (call) => {
      if (shared.limits === undefined) shared.limits = await askLimits(wire, target, call)
      known.limits = shared.limits
    },
    adopt: (session) => adoptSession(session, place),

    begin: async (intent, _lanes, first, call) => {
      checkSize(intent.size, known)
      if (known.limits === null || intent.size === 0) return plain(intent, first, call)
      const most = known.limits?.maxAppendSize ?? Number.POSITIVE_INFINITY
      const seen = canStream() && shared.quiet !== true && intent.size <= most
      return creation !== 'careful' && seen ? optimistic(intent, call) : careful(intent, call)
    },

    probe: async ({ url }, intent, _lanes, _body, call): Promise<OffsetState> => {
      if (url === null) return last ? { state: 'complete', result: await resultOf() } : { state: 'gone' }
      shut()
      const response = await look(url, call)
      if (response.status >= 300) return { state: 'gone' }
      learn(known, response)
      const offset = offsetIn(response)
      if (offset === undefined) throw new FilesError('Provider', 'the answer has no Upload-Offset')
      await within(url, offset, intent.size, call)
      if (isFinal(response) !== true) {
        await heed(url, intent.size, call)
        return { state: 'open', offsets: [offset] }
      }
      await finish(url, intent.size, call)
      return { state: 'complete', result: await resultOf() }
    },

    send: async ({ url }, lane, payload, call) => {
      if (url === null)
        throw new FilesError('SessionGone', 'the server offered no way to go on with this upload')
      const { response, piece, creates } = await sendPiece(url, lane, payload, call)
      const end = piece.start + piece.size
      const complete = isFinal(response) ?? (end === lane.end && response.status < 300)
      if (complete) {
        await final(response)
        return lane.end
      }
      const offset = offsetIn(response)
      if (response.status < 300) return within(url, offset ?? end, lane.end, call)
      if (response.status === 409 && offset !== undefined) return within(url, offset, lane.end, call)
      if (response.status === 413) {
        learn(known, response)
        await heed(url, lane.end, call)
        const error = await tooLarge(response, piece)
        if (!error.retryable) await giveUp(url, call, error)
        throw error
      }
      // Only HEAD decides that an upload is gone; what its target says of the creation counts as it is.
      const again = !creates && [404, 409, 410].includes(response.status)
      throw await answerError('sending', response, again || undefined)
    },

    complete: async ({ url }, intent, call) => {
      if (last === undefined && url !== null) await finish(url, intent.size, call)
      return resultOf()
    },

    discard: async ({ url }, call, complete) => {
      shut()
      if (last === undefined && url !== null) {
        const response = await wire.send({ method: 'DELETE', url }, call)
        if (response.status === 409) await hear(url, call)
        // 405 and 501: it expires by itself.
        else if (response.status >= 300 && ![404, 405, 410, 501].includes(response.status))
          throw await answerError('discarding the upload', response)
      }
      if (last !== undefined) complete?.(await resultOf())
    },
    refresh: () => wire.refresh(),
  }

  async function sendPiece(
    url: string,
    lane: Lane,
    payload: Payload,
    call: Call,
  ): Promise<{ response: HttpResponse; piece: Payload; creates: boolean }> {
    const waiting = open
    open = undefined
    if (waiting !== undefined) {
      // It said that it brings everything.
      if (waiting.url === url && payload.start === 0 && payload.size === lane.end) {
        try {
          return { response: await waiting.opening.feed(payload, call), piece: payload, creates: true }
        } catch (error) {
          if (error instanceof StrayLocation) return giveUp(url, call, error)
          throw error
        }
      }
      waiting.opening.abandon()
    }
    const most = known.limits?.maxAppendSize ?? payload.size
    const piece = payload.size > most ? headOf(payload, most) : payload
    const ends = piece.start + piece.size === lane.end
    return { response: await append(url, piece.start, ends, piece, call), piece, creates: false }
  }

  /** Less may pass, unless it was the least already. */
  async function tooLarge(response: HttpResponse, { size }: Payload): Promise<FilesError> {
    const { minAppendSize = 1, maxAppendSize } = known.limits ?? {}
    const less = Math.min(maxAppendSize ?? size, Math.floor(size / 2))
    if (less < minAppendSize) return answerError('sending', response, false)
    known.limits = { ...known.limits, maxAppendSize: less }
    // Whatever stands in the way of large requests stands in the way of all.
    shared.limits = { ...shared.limits, maxAppendSize: less }
    return answerError('sending', response, true)
  }
}
