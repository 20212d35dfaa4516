/**
 * Uploads in chunks: https://appwrite.io/docs/products/storage/upload-download
 *
 * The id is chosen here, before anything is sent, so that no answer can be lost with it. Chunks go one after the
 * other, because Appwrite says how many it has and not which. A file whose name is not the key, because slashes were
 * cut off, is given it when it is complete; then older files of that name go.
 */
import type { Call, OffsetDriver, OffsetState, ProviderResult, UploadIntent } from '../../driver.ts'
import { FilesError } from '../../errors.ts'
import { statusError } from '../../http/failure.ts'
import { formOf } from '../../http/form.ts'
import type { Json } from '../../json.ts'
import { sessionFields, sessionText } from '../../session.ts'
import { hexDigest } from '../hex-digest.ts'
import { told } from '../told.ts'
import type { AppwriteOptions } from './options.ts'
import {
  type AppwriteFile,
  type AppwriteWire,
  appwriteError,
  fieldsOf,
  fileOf,
  filesOf,
  isComplete,
  remove,
} from './wire.ts'

const CHUNK = 5 * 1024 * 1024

export interface AppwriteSession {
  readonly [name: string]: Json
  readonly id: string
  /** A chunk was acknowledged: if there is no file, it has gone. Before, it has not come. */
  begun: boolean
}

export function appwriteDriver(
  { chunkSize = CHUNK, permissions = [] }: AppwriteOptions,
  wire: AppwriteWire,
  intent: UploadIntent,
): OffsetDriver<AppwriteSession> {
  const { key, size, contentType } = intent
  const what = `uploading ${JSON.stringify(key)}`
  let latest: AppwriteFile | undefined

  async function look({ id }: AppwriteSession, call: Call): Promise<AppwriteFile | undefined> {
    const response = await wire.send({ path: `/${id}` }, call)
    if (response.status === 404) return undefined
    if (response.status >= 300) throw await appwriteError(what, response)
    return fileOf(what, await response.text())
  }

  /** Under its key, and alone there. */
  async function published(file: AppwriteFile, call: Call): Promise<ProviderResult> {
    if (file.name !== key) await rename(what, wire, file.$id, key, call)
    const made = ({ $createdAt, $id }: AppwriteFile) => `${$createdAt} ${$id}`
    // Only older ones: of two that come to their end together, one stays.
    const older = (await filesOf(what, wire, key, call)).filter((other) => made(other) < made(file))
    const ids = older.map(({ $id }) => $id)
    await remove(what, wire, ids, call)
    const digest = hexDigest('md5', file.signature)
    return { etag: file.$id, ...(digest ? { digest } : {}) }
  }

  return {
    shape: 'offset',
    maxLanes: 1,
    chunk: { min: chunkSize, max: chunkSize, multiple: chunkSize, first: chunkSize },
    digest: 'md5',
    begin: async (_intent, _lanes, _first, call) => {
      // Nothing is made yet; but a key that may not do this, or a wrong bucket, is noticed before bytes are sent.
      await filesOf(what, wire, key, call)
      return { session: { id: crypto.randomUUID().replaceAll('-', ''), begun: false }, offsets: [0] }
    },
    adopt: (session) => {
      const id = sessionText(session, 'id')
      if (/^[\da-f]{32}$/.test(id)) return { id, begun: sessionFields(session).begun === true }
      throw new FilesError('SessionGone', 'the session token names no file')
    },
    probe: async (session, _intent, _lanes, _body, call): Promise<OffsetState> => {
      const file = await look(session, call)
      if (file === undefined) return session.begun ? { state: 'gone' } : { state: 'open', offsets: [0] }
      session.begun = true
      if (isComplete(file)) return { state: 'complete', result: await published(file, call) }
      return { state: 'open', offsets: [Number(file.chunksUploaded) * chunkSize] }
    },
    send: async (session, _lane, payload, call) => {
      const whole = await (await payload.sums()).whole('md5')
      const fields = {
        fileId: session.id,
        ...Object.fromEntries(permissions.map((permission, index) => [`permissions[${index}]`, permission])),
      }
      const file = {
        name: 'file',
        filename: key.slice(key.lastIndexOf('/') + 1) || 'file',
        type: contentType,
      }
      const form = formOf(fields, file, told(payload, whole))
      const end = payload.start + payload.size
      const headers = {
        ...form.headers,
        'content-range': `bytes ${payload.start}-${end - 1}/${size}`,
        ...(payload.start > 0 && { 'x-appwrite-id': session.id }),
      }
      const response = await wire.send({ method: 'POST', headers, body: form.body }, call)
      const { type } = response.status < 300 ? {} : fieldsOf(await response.text())
      // Not what comes next, or gone: only the file itself decides.
      if (type === 'storage_invalid_content_range' || response.status === 404)
        throw statusError(what, response, '', true)
      if (response.status >= 300) throw await appwriteError(what, response)
      const now = fileOf(what, await response.text())
      session.begun = true
      const offset = isComplete(now) ? size : Number(now.chunksUploaded) * chunkSize
      if (offset < end) {
        // Fewer than were sent: the file had gone, and this chunk began another one, which can never be complete.
        await remove(what, wire, [session.id], call)
        throw new FilesError('Provider', `${what}: the file has gone`)
      }
      latest = now
      return Math.min(offset, size)
    },
    complete: async (session, _intent, call) => {
      const file = latest ?? (await look(session, call))
      if (file && isComplete(file)) return published(file, call)
      throw new FilesError('Provider', `${what}: not every chunk is there`)
    },
    discard: ({ id }, call) => remove(`discarding ${JSON.stringify(key)}`, wire, [id], call),
    refresh: wire.refresh,
  }
}

export async function rename(what: string, wire: AppwriteWire, id: string, name: string, call: Call) {
  const headers = { 'content-type': 'application/json' }
  const path = `/${encodeURIComponent(id)}`
  await wire.ask(what, { method: 'PUT', path, headers, body: JSON.stringify({ name }) }, call)
}
