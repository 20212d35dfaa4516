/**
 * From an upload URL to a file that is READY: https://dev.wix.com/docs/rest/assets/media/media-manager/files
 *
 * The URL is asked for with credentials; what follows needs only the token that came with it: tus with the token in
 * the metadata, then a PUT that makes a file of the upload, again and again the same one. After it the file is looked
 * at by the service until it is READY or FAILED.
 */
import type { Call, OffsetDriver, OffsetState, ProviderResult, UploadIntent } from '../../driver.ts'
import { FilesError } from '../../errors.ts'
import type { HttpResponse } from '../../http/http.ts'
import type { Json } from '../../json.ts'
import { sessionFields, sessionText, wrongPlace } from '../../session.ts'
import { sleep } from '../../transfer/retry.ts'
import { hexDigest } from '../hex-digest.ts'
import { tusDriver } from '../tus/driver.ts'
import type { TusOptions } from '../tus/options.ts'
import type { TusSession } from '../tus/session.ts'
import { tusWire } from '../tus/wire.ts'
import { placeOf as uploadPlace } from '../upload-place.ts'
import { type Library, order, placeOf } from './library.ts'
import type { WixOptions, WixUploadUrl } from './options.ts'
import { fieldsOf, textOf, type WixFile, type WixWire, wixError, wixFile } from './wire.ts'

/** Hosts that the service's answers name for uploads. */
const HOSTS = /(?:^|\.)(?:wix|wixmp|wixapis|wixstatic|parastorage)\.com$/
const READY_WITHIN = 600_000
/** Milliseconds between two looks at a file, the first time; each one waits longer. */
const [FIRST_LOOK, LAST_LOOK] = [100, 5000]

/** tus's own, with what finalizes it. */
export type WixSession = TusSession & WixUploadUrl

export function wixDriver(
  options: WixOptions,
  wire: WixWire,
  library: Library,
  intent: UploadIntent,
): OffsetDriver<WixSession> {
  const { grant, http, readyWithin = READY_WITHIN } = options
  const what = `uploading ${JSON.stringify(intent.key)}`
  const { folders, name } = placeOf(intent.key)
  const known = {}
  let granted: WixUploadUrl | undefined
  /** Until there is an upload URL, one that nobody asks. */
  let driver = uploadTo({ uploadUrl: wire.base, uploadToken: '' })

  async function ask(call: Call): Promise<WixUploadUrl> {
    const wish = {
      fileName: name,
      mimeType: intent.contentType,
      sizeInBytes: String(intent.size),
      filePath: folders.length > 0 ? `/${folders.join('/')}` : undefined,
      parentFolderId: options.folder,
      ...options.terms,
    }
    const path = '/files/generate-resumable-upload-url'
    const { uploadUrl, uploadToken } = grant
      ? await grant(wish)
      : await wire.ask(what, 'POST', path, call, { ...wish, uploadProtocol: 'TUS' })
    if (typeof uploadUrl === 'string' && typeof uploadToken === 'string') return { uploadUrl, uploadToken }
    throw new FilesError('Provider', `${what}: the answer names no upload URL`, undefined, {
      retryable: false,
    })
  }

  function uploadTo({ uploadUrl, uploadToken: token }: WixUploadUrl): OffsetDriver<TusSession> {
    const tus: TusOptions = {
      endpoint: uploadUrl,
      metadata: () => ({ filename: name, contentType: intent.contentType, token }),
      ...(http && { http }),
    }
    return tusDriver(tus, tusWire(tus), uploadPlace(uploadUrl), known)
  }

  /** Makes a file of the upload, or gives the one that was made of it. */
  function finalize({ uploadUrl, uploadToken }: WixUploadUrl, call: Call): Promise<HttpResponse> {
    const url = `${uploadUrl}/${encodeURIComponent(uploadToken)}?filename=${encodeURIComponent(name)}`
    return wire.bare(
      { method: 'PUT', url, headers: { 'content-type': 'application/json' }, body: '{}' },
      call,
    )
  }

  const made = async (response: HttpResponse): Promise<WixFile> => {
    // 409: bytes are missing after all. How many is asked, before they are sent.
    if (response.status >= 300) throw await wixError(what, response, response.status === 409)
    return wixFile(what, fieldsOf(await response.text()).file)
  }

  async function settled(session: WixSession, first: WixFile, call: Call): Promise<ProviderResult> {
    let file = first
    let wait = FIRST_LOOK
    for (let waited = 0; file.operationStatus === 'PENDING' && waited < readyWithin; waited += wait) {
      await sleep(wait, call.signal)
      call.touch()
      wait = Math.min(wait * 2, LAST_LOOK)
      if (options.token === undefined) {
        file = await made(await finalize(session, call))
      } else {
        const query = new URLSearchParams({ fileId: file.id })
        file = wixFile(what, (await wire.ask(what, 'GET', `/files/get-file-by-id?${query}`, call)).file)
      }
    }
    if (file.operationStatus === 'FAILED') {
      const { description } = fieldsOf(file.error)
      throw new FilesError('Corrupted', `${what}: the service could not read the file: ${description ?? ''}`)
    }
    if (file.operationStatus === 'PENDING' && readyWithin > 0)
      throw new FilesError('Provider', `${what}: the file is still PENDING`, undefined, {
        retryable: false,
      })
    if (options.token !== undefined) {
      // Whoever finalized later will remove this one: so one of them always stays.
      const older = (await library.named(intent.key, call)).filter((other) => order(other, file) < 0)
      await library.remove(older, call)
    }
    return resultOf(file)
  }

  return {
    shape: 'offset',
    maxLanes: 1,
    get chunk() {
      return driver.chunk
    },
    // Before it begins there is nobody to ask.
    prepare: async (call) => granted && driver.prepare?.(call),
    adopt: (session) => {
      const place = {
        uploadUrl: sessionText(session, 'uploadUrl'),
        uploadToken: sessionText(session, 'uploadToken'),
      }
      // Whoever could write a token must not get the body sent elsewhere.
      const { origin, protocol, hostname } = new URL(
        URL.canParse(place.uploadUrl) ? place.uploadUrl : 'null:',
      )
      if (origin !== new URL(wire.base).origin && !(protocol === 'https:' && HOSTS.test(hostname)))
        throw wrongPlace('host', hostname, new URL(wire.base).hostname)
      granted = place
      driver = uploadTo(place)
      return { ...driver.adopt(sessionFields(session) as Json), ...place }
    },
    begin: async (_intent, lanes, first, call) => {
      const again = granted !== undefined
      granted ??= await ask(call)
      const place = granted
      driver = uploadTo(place)
      await driver.prepare?.(call)
      try {
        // Again with the same token: then it takes the place of the upload whose answer was lost.
        const { session, offsets } = await driver.begin(intent, lanes, first, call)
        return { session: { ...session, ...place }, offsets }
      } catch (error) {
        const status = error instanceof FilesError ? error.status : undefined
        if (status === undefined || status >= 500) throw error
        granted = undefined
        // The try before may have used the token up: with another one it is not over.
        throw again ? new FilesError('Provider', FilesError.wrap(error).message, error, { status }) : error
      }
    },
    probe: async (session, _intent, lanes, body, call): Promise<OffsetState> => {
      const state = await driver.probe(session, intent, lanes, body, call)
      if (state.state !== 'gone') return state
      // Perhaps because it has become a file.
      const response = await finalize(session, call)
      if (response.status >= 400 && response.status < 500) return { state: 'gone' }
      return { state: 'complete', result: await settled(session, await made(response), call) }
    },
    send: (session, lane, payload, call) => driver.send(session, lane, payload, call),
    complete: async (session, _intent, call) => {
      const response = await finalize(session, call)
      return settled(session, await made(response), call)
    },
    // What it has whole is no file before it is finalized: nothing is complete.
    discard: (session, call) => driver.discard(session, call),
  }
}

function resultOf({ hash, sha256, url }: WixFile): ProviderResult {
  const etag = textOf(hash)
  const digest = hexDigest('sha-256', sha256) ?? hexDigest('md5', hash)
  return {
    ...(etag ? { etag } : {}),
    ...(typeof url === 'string' ? { url } : {}),
    ...(digest ? { digest } : {}),
  }
}
