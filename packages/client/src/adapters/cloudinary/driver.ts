/**
 * Uploads in chunks: https://cloudinary.com/documentation/upload_images#chunked_asset_upload
 *
 * Cloudinary does not say what it has of an upload: where it stands is remembered in the session, and after every
 * doubt the same range is sent again, which Cloudinary takes. So chunks keep their size for the whole upload. Only
 * whether it is complete can be asked, by looking for a file of the body's size and MD5.
 */
import type {
  BodyReader,
  Call,
  OffsetDriver,
  OffsetState,
  ProviderResult,
  UploadIntent,
} from '../../driver.ts'
import { FilesError } from '../../errors.ts'
import type { Json } from '../../json.ts'
import { sessionFields, sessionText } from '../../session.ts'
import { runningDigest } from '../../transfer/running.ts'
import { described } from '../described.ts'
import { hexDigest } from '../hex-digest.ts'
import { told } from '../told.ts'
import type { CloudinaryOptions } from './options.ts'
import { publicIdOf } from './public-id.ts'
import { type CloudinaryWire, cloudinaryError, type Fields, fieldsOf } from './wire.ts'

const CHUNK = 8 * 1024 * 1024

export interface CloudinarySession {
  readonly [name: string]: Json
  readonly id: string
  readonly chunk: number
  /** Bytes that were acknowledged. */
  offset: number
}

export function cloudinaryDriver(
  { chunkSize = CHUNK }: CloudinaryOptions,
  wire: CloudinaryWire,
  intent: UploadIntent,
): OffsetDriver<CloudinarySession> {
  const { size, condition } = intent
  const what = `uploading ${JSON.stringify(intent.key)}`
  const id = publicIdOf(intent.key)
  const params = { public_id: id, overwrite: String(condition === undefined) }
  let chunk = chunkSize
  let finished: ProviderResult | undefined

  /** The file under the key, if its content is the body's. */
  async function made(body: BodyReader, call: Call): Promise<ProviderResult | undefined> {
    if (!wire.canAsk) return undefined
    const file = await find(what, wire, id, call)
    const running = file?.bytes === size ? runningDigest(body, 'md5') : undefined
    if (file === undefined || running === undefined) return undefined
    const result = resultOf(file)
    return (await running.finish(call)).value === result.digest?.value ? result : undefined
  }

  return {
    shape: 'offset',
    maxLanes: 1,
    get chunk() {
      return { min: chunk, max: chunk, multiple: chunk, first: chunk }
    },
    digest: 'md5',
    begin: async () => ({ session: { id: crypto.randomUUID(), chunk, offset: 0 }, offsets: [0] }),
    adopt: (session) => {
      const { chunk: theirs, offset } = sessionFields(session)
      if (typeof theirs !== 'number' || typeof offset !== 'number' || !(theirs > 0 && offset <= size))
        throw new FilesError('SessionGone', 'the session token says not where the upload stands')
      chunk = theirs
      return { id: sessionText(session, 'id'), chunk, offset }
    },
    probe: async (session, _intent, _lanes, body, call): Promise<OffsetState> => {
      // Only the last chunk can have completed it.
      const result = session.offset + chunk >= size ? await made(body, call) : undefined
      return result ? { state: 'complete', result } : { state: 'open', offsets: [session.offset] }
    },
    send: async (session, _lane, payload, call) => {
      const { start } = payload
      const end = start + payload.size
      const headers = {
        'x-unique-upload-id': session.id,
        'content-range': `bytes ${start}-${end - 1}/${size}`,
      }
      const whole = await (await payload.sums()).whole('md5')
      const response = await wire.upload(params, headers, told(payload, whole), call)
      if (response.status >= 300) {
        const error = await cloudinaryError(what, response)
        // What the chunks before were taken with, this one has too: only they can be missing.
        const lost = response.status === 400 && start > 0 && error.code === 'Provider'
        throw lost ? new FilesError('SessionGone', error.message, error) : error
      }
      const file = fieldsOf(await response.text())
      if (file.done !== false) described(what, file, 'public_id')
      if (file.existing === true) throw new FilesError('Conflict', `${what}: there is such a file`)
      if (file.done !== false && end === size) finished = resultOf(file)
      session.offset = end
      return end
    },
    complete: async (session) => {
      if (finished) return finished
      // Every chunk was acknowledged, and no file came of it.
      session.offset = Math.max(0, Math.ceil(size / chunk) - 1) * chunk
      throw new FilesError('Provider', `${what}: every byte is there, but no file`)
    },
    // Nothing gives an upload up: Cloudinary drops the chunks by itself.
    discard: async (_session, _call, complete) => {
      if (finished) complete?.(finished)
    },
    refresh: wire.refresh,
  }
}

/** The file of a public id. */
export async function find(
  what: string,
  wire: CloudinaryWire,
  id: string,
  call: Call,
): Promise<Fields | undefined> {
  try {
    return await wire.ask(what, `/${encodeURIComponent(id)}`, call)
  } catch (error) {
    if (error instanceof FilesError && error.code === 'NotFound') return undefined
    throw error
  }
}

function resultOf({ etag, secure_url: url }: Fields): ProviderResult {
  const digest = hexDigest('md5', etag)
  return {
    ...(typeof etag === 'string' ? { etag } : {}),
    ...(typeof url === 'string' ? { url } : {}),
    ...(digest ? { digest } : {}),
  }
}
