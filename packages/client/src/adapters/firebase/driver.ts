/**
 * Uploads with `X-Goog-Upload-*`, as Firebase's own client makes them.
 * https://developers.google.com/photos/library/guides/resumable-uploads
 */
import type { Call, OffsetDriver, OffsetState, ProviderResult, UploadIntent } from '../../driver.ts'
import { FilesError } from '../../errors.ts'
import type { HttpRequest, HttpResponse } from '../../http/http.ts'
import { sessionText } from '../../session.ts'
import { chunkRule } from '../chunk-rule.ts'
import type { GoogleSession } from '../google/driver.ts'
import { objectResult } from '../google/object.ts'
import { type GoogleWire, googleError, jsonOf } from '../google/wire.ts'
import { told } from '../told.ts'

const STEP = 256 * 1024

export interface FirebasePlace {
  /** Where uploads are started. */
  readonly objects: string
  urlOf(key: string): string
}

export function firebaseDriver(
  wire: GoogleWire,
  { objects, urlOf }: FirebasePlace,
  intent: UploadIntent,
): OffsetDriver<GoogleSession> {
  const { key, size, contentType, cacheControl, metadata } = intent
  const what = `uploading ${JSON.stringify(key)}`
  let finished: ProviderResult | undefined

  const command = (
    uri: string,
    name: string,
    offset: number | undefined,
    call: Call,
    body?: HttpRequest['body'],
  ) =>
    wire.once(
      {
        method: 'POST',
        url: uri,
        headers: {
          'x-goog-upload-command': name,
          ...(offset === undefined ? {} : { 'x-goog-upload-offset': String(offset) }),
        },
        body,
      },
      call,
    )

  /** What an answer says: `final` ends it, `active` wants more. */
  async function statusOf(response: HttpResponse): Promise<string> {
    const status = response.header('x-goog-upload-status') ?? ''
    if (response.status < 300) {
      if (status === 'final' || status === 'active' || status === 'cancelled') return status
      throw new FilesError(
        'Provider',
        `${what}: the answer has no X-Goog-Upload-Status; in a browser, it must be exposed`,
        undefined,
        { retryable: false },
      )
    }
    const error = await googleError(what, response)
    // Refused, but not over: an offset that was wrong, or a question that decides whether it is gone.
    const ask =
      (response.status === 400 && status === 'active') || response.status === 404 || response.status === 410
    throw ask
      ? new FilesError('Provider', error.message, error, { status: response.status, retryable: true })
      : error
  }

  async function finishWith(response: HttpResponse): Promise<ProviderResult> {
    finished = objectResult(await jsonOf(what, response))
    return finished
  }

  function ours(uri: string): string {
    const url = URL.canParse(uri) ? new URL(uri) : undefined
    const there = url && `${url.origin}${url.pathname}` === new URL(objects).href
    if (there && url.username === '' && url.searchParams.get('name') === key) return url.href
    throw new FilesError('Unauthorized', `${what}: the session's URL leads elsewhere`, undefined, {
      retryable: false,
    })
  }

  return {
    shape: 'offset',
    maxLanes: 1,
    chunk: chunkRule({ min: STEP, multiple: STEP }, false),
    digest: 'crc32c',
    begin: async (_intent, _lanes, _first, call) => {
      const headers = {
        'content-type': 'application/json; charset=utf-8',
        'x-goog-upload-protocol': 'resumable',
        'x-goog-upload-command': 'start',
        'x-goog-upload-header-content-length': String(size),
        'x-goog-upload-header-content-type': contentType,
      }
      const body = JSON.stringify({
        contentType,
        ...(cacheControl === undefined ? {} : { cacheControl }),
        ...(Object.keys(metadata).length === 0 ? {} : { metadata }),
      })
      const url = `${objects}?${new URLSearchParams({ name: key })}`
      const response = await wire.expect(what, { method: 'POST', url, headers, body }, call)
      const uri = response.header('x-goog-upload-url')
      if (uri !== undefined) return { session: { uri: ours(uri) }, offsets: [0] }
      throw new FilesError('Provider', `${what}: the answer names no session`, undefined, {
        retryable: false,
      })
    },
    adopt: (session) => ({ uri: ours(sessionText(session, 'uri')) }),
    probe: async ({ uri }, _intent, _lanes, _body, call): Promise<OffsetState> => {
      const response = await command(uri, 'query', undefined, call)
      if (response.status === 404 || response.status === 410) return { state: 'gone' }
      const status = await statusOf(response)
      if (status === 'cancelled') return { state: 'gone' }
      if (status === 'active')
        return { state: 'open', offsets: [Number(response.header('x-goog-upload-size-received'))] }
      const object = await wire.expect(what, { method: 'GET', url: urlOf(key) }, call)
      return { state: 'complete', result: await finishWith(object) }
    },
    send: async ({ uri }, _lane, payload, call) => {
      const end = payload.start + payload.size
      const name = end === size ? 'upload, finalize' : 'upload'
      const whole = await (await payload.sums()).whole('crc32c')
      const response = await command(uri, name, payload.start, call, told(payload, whole))
      if ((await statusOf(response)) === 'final') await finishWith(response)
      return end
    },
    complete: async ({ uri }, _intent, call) =>
      finished ?? finishWith(await finalized(await command(uri, 'finalize', size, call))),
    discard: async ({ uri }, call, complete) => {
      if (finished) return complete?.(finished)
      const response = await command(uri, 'cancel', undefined, call)
      // 400: it is over already.
      if (response.status >= 300 && ![400, 404, 410].includes(response.status))
        throw await googleError(`discarding ${JSON.stringify(key)}`, response)
    },
    refresh: wire.refresh,
  }

  async function finalized(response: HttpResponse): Promise<HttpResponse> {
    if ((await statusOf(response)) === 'final') return response
    throw new FilesError('Provider', `${what}: the provider misses some of it`)
  }
}
