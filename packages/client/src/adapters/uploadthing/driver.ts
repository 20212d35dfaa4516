/**
 * Uploads that grow from the front: https://docs.uploadthing.com/uploading-files
 *
 * A file's own key is chosen before anything is sent, so that no answer can be lost with it, and each request has a URL
 * that is signed anew for that key. `HEAD` tells how many bytes are there, `PUT` sends those that are missing, as a
 * form. The answer to the request that brings the last byte describes the file; asked for again, with no bytes, it
 * comes again.
 */
import type { Call, OffsetDriver, OffsetState, ProviderResult, UploadIntent } from '../../driver.ts'
import { FilesError } from '../../errors.ts'
import { formOf } from '../../http/form.ts'
import { canStream, type HttpRequest } from '../../http/http.ts'
import type { Json } from '../../json.ts'
import { sessionFields, sessionText } from '../../session.ts'
import { WHOLE } from '../../transfer/block.ts'
import { described } from '../described.ts'
import { hexDigest } from '../hex-digest.ts'
import { told } from '../told.ts'
import { newFileKey } from './file-key.ts'
import type { UploadThingOptions } from './options.ts'
import { type Fields, fieldsOf, find, type UploadThingWire, uploadThingError } from './wire.ts'

export interface UploadThingSession {
  readonly [name: string]: Json
  readonly fileKey: string
  /** Bytes are there: if UploadThing knows of none, they have gone. */
  begun: boolean
}

export function uploadThingDriver(
  { presign, acl, chunkSize }: UploadThingOptions,
  wire: UploadThingWire,
  intent: UploadIntent,
): OffsetDriver<UploadThingSession> {
  const { key, size, contentType } = intent
  const what = `uploading ${JSON.stringify(key)}`
  const name = key.slice(key.lastIndexOf('/') + 1) || 'file'
  if (chunkSize === undefined && size > WHOLE && !canStream())
    throw new FilesError(
      'NotSupported',
      `${what}: without Node, Bun or Deno a request is held in memory, so it may have ${WHOLE} bytes: set chunkSize`,
    )
  /** Signed by the backend. */
  let given: string | undefined
  let finished: ProviderResult | undefined

  const ask = async (fileKey: string | undefined) => {
    if (presign === undefined) throw new FilesError('NotSupported', 'nobody signs URLs')
    return presign({ fileKey, name, customId: key, size, type: contentType })
  }

  async function urlOf(fileKey: string): Promise<string> {
    if (presign === undefined)
      return wire.uploadUrl(fileKey, {
        'x-ut-file-name': name,
        'x-ut-file-size': String(size),
        'x-ut-file-type': contentType,
        'x-ut-custom-id': key,
        'x-ut-content-disposition': 'inline',
        'x-ut-acl': acl,
      })
    given ??= await ask(fileKey)
    if (fileKeyOf(given) === fileKey) return given
    throw new FilesError('SessionGone', `${what}: the backend signed the URL of another file`)
  }

  async function put(
    { fileKey }: UploadThingSession,
    start: number,
    { headers, body }: Pick<HttpRequest, 'headers' | 'body'>,
    call: Call,
  ): Promise<Fields> {
    const request = { method: 'PUT', url: await urlOf(fileKey), body }
    const response = await wire.send({ ...request, headers: { ...headers, range: `bytes=${start}-` } }, call)
    if (response.status < 300) return fieldsOf(await response.text())
    // Other bytes are there than were thought: only HEAD decides.
    throw await uploadThingError(what, response, [404, 409, 416].includes(response.status))
  }

  return {
    shape: 'offset',
    maxLanes: 1,
    chunk: { multiple: 1, min: chunkSize ?? size, max: chunkSize ?? size, first: chunkSize ?? size },
    digest: 'md5',
    begin: async (_intent, _lanes, _first, call) => {
      if (presign) {
        given = await ask(undefined)
        return { session: { fileKey: fileKeyOf(given), begun: false }, offsets: [0] }
      }
      if (await find(what, wire, key, call))
        throw new FilesError('Conflict', `${what}: there is such a file, and UploadThing replaces none`)
      const { appId } = await wire.app()
      return { session: { fileKey: await newFileKey(appId), begun: false }, offsets: [0] }
    },
    adopt: (session) => {
      const fileKey = sessionText(session, 'fileKey')
      if (/^[\w-]+$/.test(fileKey)) return { fileKey, begun: sessionFields(session).begun === true }
      throw new FilesError('SessionGone', 'the session token names no file')
    },
    probe: async (session, _intent, _lanes, _body, call): Promise<OffsetState> => {
      const url = await urlOf(session.fileKey)
      const response = await wire.send({ method: 'HEAD', url, headers: {} }, call)
      const { status } = response
      if (status >= 300 && status !== 404) throw await uploadThingError(what, response)
      const offset = status === 404 ? 0 : Number(response.header('x-ut-range-start') ?? 0)
      if (offset === 0 && session.begun) return { state: 'gone' }
      session.begun = offset > 0
      return { state: 'open', offsets: [offset] }
    },
    send: async (session, _lane, payload, call) => {
      const whole = await (await payload.sums()).whole('md5')
      const file = { name: 'file', filename: name, type: contentType }
      const form = formOf({}, file, told(payload, whole))
      const answer = await put(session, payload.start, form, call)
      session.begun = true
      const end = payload.start + payload.size
      if (end === size) finished = resultOf(described(what, answer, 'ufsUrl'))
      return end
    },
    complete: async (session, _intent, call) => {
      if (finished) return finished
      const boundary = `pawl-${crypto.randomUUID()}`
      const head = 'Content-Disposition: form-data; name="file"; filename="file"'
      const headers = { 'content-type': `multipart/form-data; boundary=${boundary}` }
      const body = `--${boundary}\r\n${head}\r\nContent-Type: ${contentType}\r\n\r\n\r\n--${boundary}--\r\n`
      return resultOf(described(what, await put(session, size, { headers, body }, call), 'ufsUrl'))
    },
    // Whether that removes what is not complete was never tried; nothing else is offered.
    discard: async ({ fileKey }, call) => {
      if (presign) return
      await wire.ask(`discarding ${JSON.stringify(key)}`, 'deleteFiles', { fileKeys: [fileKey] }, call)
    },
    refresh: async () => {
      given = undefined
      return presign !== undefined || (await wire.refresh())
    },
  }
}

function fileKeyOf(url: string): string {
  return new URL(url).pathname.replace(/^.*\//, '')
}

function resultOf({ ufsUrl, fileHash }: Fields): ProviderResult {
  const digest = hexDigest('md5', fileHash)
  return {
    ...(typeof fileHash === 'string' ? { etag: fileHash } : {}),
    ...(typeof ufsUrl === 'string' ? { url: ufsUrl } : {}),
    ...(digest ? { digest } : {}),
  }
}
