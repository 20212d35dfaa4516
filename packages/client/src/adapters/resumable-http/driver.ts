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
import { canStream, type HttpResponse } from '../../http/http.ts'
import { parseReprDigest } from '../repr-digest.ts'
import type { Place } from '../upload-place.ts'
import { askLimits, checkSize, chunkRule, headOf, type Known, learn } from './limits.ts'
import { type Opening, openCreation } from './opening.ts'
import type { ResumableHttpOptions } from './options.ts'
import { adoptSession, type ResumableSession } from './session.ts'
import { announced, answerError, isFinal, offsetIn, type ResumableWire } from './wire.ts'

export function resumableDriver(
  options: ResumableHttpOptions,
  wire: ResumableWire,
  place: Place,
  target: string,
  known: Known,
): OffsetDriver<ResumableSession> {
  const { method = 'POST', creation } = options
  /** The creating request, while it waits for its bytes. */
  let open: { readonly opening: Opening; readonly url: string } | undefined
  /** The target's own answer to the whole upload. */
  let last: HttpResponse | undefined

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
    headers: {
      'content-type': intent.contentType,
      'content-disposition': `inline; filename*=UTF-8''${encoded(intent.key.slice(intent.key.lastIndexOf('/') + 1))}`,
      'upload-complete': formatUploadComplete(complete),
      'upload-length': String(intent.size),
    },
  })

  async function careful(intent: UploadIntent, call: Call) {
    const response = await wire.send(creating(intent, false), call)
    if (response.status >= 300)
      throw await answerError(`creating the upload of ${JSON.stringify(intent.key)}`, response)
    learn(known, response)
    const location = response.header('location')
    if (location !== undefined) return { session: { url: place.resolve(location) }, offsets: [0] }
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
    known.quiet = true
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
    const onInformation = (information: Parameters<typeof announced>[0]) => {
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
      return { session: { url }, offsets: [offsetIn(await look(url, call)) ?? 0] }
    }
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
      if (known.limits === undefined) known.limits = await askLimits(wire, target, call)
    },
    adopt: (session) => adoptSession(session, place),

    begin: async (intent, _lanes, first, call) => {
      checkSize(intent.size, known)
      if (known.limits === null || intent.size === 0) return plain(intent, first, call)
      const most = known.limits?.maxAppendSize ?? Number.POSITIVE_INFINITY
      const seen = canStream() && known.quiet !== true && intent.size <= most
      return creation !== 'careful' && seen ? optimistic(intent, call) : careful(intent, call)
    },

    probe: async ({ url }, intent, _lanes, _body, call): Promise<OffsetState> => {
      if (url === null) return last ? { state: 'complete', result: await resultOf() } : { state: 'gone' }
      const response = await look(url, call)
      if (response.status >= 300) return { state: 'gone' }
      learn(known, response)
      const offset = offsetIn(response)
      if (offset === undefined) throw new FilesError('Provider', 'the answer has no Upload-Offset')
      if (isFinal(response) !== true) return { state: 'open', offsets: [offset] }
      await finish(url, intent.size, call)
      return { state: 'complete', result: await resultOf() }
    },

    send: async ({ url }, lane, payload, call) => {
      if (url === null)
        throw new FilesError('SessionGone', 'the server offered no way to go on with this upload')
      const { response, piece } = await sendPiece(url, lane, payload, call)
      const end = piece.start + piece.size
      const complete = isFinal(response) ?? (end === lane.end && response.status < 300)
      if (complete) {
        await final(response)
        return lane.end
      }
      const offset = offsetIn(response)
      if (response.status < 300) return offset ?? end
      if (response.status === 409 && offset !== undefined) return offset
      if (response.status === 413) throw await tooLarge(response, piece)
      // Only HEAD decides that an upload is gone.
      const again = response.status === 404 || response.status === 410 || response.status === 409
      throw await answerError('sending', response, again || undefined)
    },

    complete: async ({ url }, intent, call) => {
      if (last === undefined && url !== null) await finish(url, intent.size, call)
      return resultOf()
    },

    discard: async ({ url }, call) => {
      open?.opening.abandon()
      open = undefined
      if (url === null) return
      const response = await wire.send({ method: 'DELETE', url }, call)
      // 409: it is complete. 405 and 501: it expires by itself.
      if (response.status >= 300 && ![404, 405, 409, 410, 501].includes(response.status))
        throw await answerError('discarding the upload', response)
    },
    refresh: () => wire.refresh(),
  }

  async function sendPiece(
    url: string,
    lane: Lane,
    payload: Payload,
    call: Call,
  ): Promise<{ response: HttpResponse; piece: Payload }> {
    const waiting = open
    open = undefined
    if (waiting !== undefined) {
      // It said that it brings everything.
      if (waiting.url === url && payload.start === 0 && payload.size === lane.end)
        return { response: await waiting.opening.feed(payload, call), piece: payload }
      waiting.opening.abandon()
    }
    const most = known.limits?.maxAppendSize ?? payload.size
    const piece = payload.size > most ? headOf(payload, most) : payload
    const ends = piece.start + piece.size === lane.end
    return { response: await append(url, piece.start, ends, piece, call), piece }
  }

  /** Less may pass, unless it was the least already. */
  async function tooLarge(response: HttpResponse, { size }: Payload): Promise<FilesError> {
    learn(known, response)
    const { minAppendSize = 1, maxAppendSize } = known.limits ?? {}
    const less = Math.min(maxAppendSize ?? size, Math.floor(size / 2))
    if (less < minAppendSize) return answerError('sending', response, false)
    known.limits = { ...known.limits, maxAppendSize: less }
    return answerError('sending', response, true)
  }
}

/** Percent-encoded for `filename*` (RFC 8187). */
function encoded(name: string): string {
  return encodeURIComponent(name.toWellFormed()).replace(
    /['()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  )
}
