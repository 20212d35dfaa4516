/**
 * Upload sessions: https://www.dropbox.com/developers/documentation/http/documentation#files-upload_session-start
 *
 * Every piece carries its content hash, so that a damaged one is refused. Where a session stands is learned by
 * appending nothing at the end: either that is right, or the answer says what is. A session that was finished is
 * closed; then the file under the path is ours if it has the body's size and content hash.
 */
import type {
  BodyReader,
  Call,
  OffsetDriver,
  OffsetState,
  Payload,
  ProviderResult,
  UploadIntent,
} from '../../driver.ts'
import { FilesError } from '../../errors.ts'
import type { Json, JsonObject } from '../../json.ts'
import { sessionText } from '../../session.ts'
import { runningDigest } from '../../transfer/running.ts'
import { inSlices } from '../../transfer/slices.ts'
import { chunkRule } from '../chunk-rule.ts'
import { described } from '../described.ts'
import { hexDigest } from '../hex-digest.ts'
import { contentHash } from './content-hash.ts'
import { type DropboxAnswer, type DropboxWire, dropboxError, type Fields, fieldsOf } from './wire.ts'

/** 2^41 − 2^22 bytes. */
export const MAX_SIZE = 2_199_019_061_248

export interface DropboxSession {
  readonly [name: string]: Json
  readonly id: string
}

export function dropboxDriver(
  wire: DropboxWire,
  path: string,
  intent: UploadIntent,
): OffsetDriver<DropboxSession> {
  const { size, condition } = intent
  const what = `uploading ${JSON.stringify(intent.key)}`
  let finished: ProviderResult | undefined

  const append = (id: string, offset: number, close: boolean, call: Call) =>
    wire.content('upload_session/append_v2', { cursor: { session_id: id, offset }, close }, {}, call)

  /** The file under the path, if its content is the body's. */
  async function made(body: BodyReader, call: Call): Promise<ProviderResult | undefined> {
    const { response, refusal } = await wire.ask('get_metadata', { path }, call)
    if (refusal?.summary.includes('not_found')) return undefined
    const file = fieldsOf(await (await checked(what, { response, refusal })).response.text())
    const theirs = hexDigest('dropbox', file.content_hash)
    const running = runningDigest(body, 'dropbox')
    if (file.size !== size || theirs === undefined || running === undefined) return undefined
    const ours = await running.finish(call)
    return ours.value === theirs.value ? resultOf(file) : undefined
  }

  return {
    shape: 'offset',
    maxLanes: 1,
    // Held in memory for the hash before the content; the most that one request may carry is far above it.
    chunk: chunkRule({}, true),
    digest: 'dropbox',
    begin: async (_intent, _lanes, _first, call) => {
      if (size > MAX_SIZE)
        throw new FilesError('QuotaExceeded', `${what}: Dropbox takes at most ${MAX_SIZE} bytes`)
      return { session: { id: await started(wire, what, {}, call) }, offsets: [0] }
    },
    adopt: (session) => ({ id: sessionText(session, 'id') }),
    probe: async ({ id }, _intent, _lanes, body, call): Promise<OffsetState> => {
      const answer = await append(id, size, false, call)
      if (answer.response.status < 300) return { state: 'open', offsets: [size] }
      const { correctOffset, summary = '' } = answer.refusal ?? {}
      if (correctOffset !== undefined) return { state: 'open', offsets: [correctOffset] }
      if (!/not_found|closed/.test(summary)) throw await dropboxError(what, answer)
      const result = await made(body, call)
      return result ? { state: 'complete', result } : { state: 'gone' }
    },
    send: async ({ id }, _lane, payload, call) => {
      const { body, content_hash } = await hashed(payload)
      const cursor = { session_id: id, offset: payload.start }
      const end = payload.start + payload.size
      if (end === size) {
        const args = { cursor, commit: commitOf(path, condition), content_hash }
        const { response } = await checked(
          what,
          await wire.content('upload_session/finish', args, { body }, call),
        )
        finished = resultOf(described(what, fieldsOf(await response.text()), 'rev'))
      } else {
        const args = { cursor, close: false, content_hash }
        await checked(what, await wire.content('upload_session/append_v2', args, { body }, call))
      }
      return end
    },
    complete: async ({ id }, _intent, call) => {
      if (finished) return finished
      const args = { cursor: { session_id: id, offset: size }, commit: commitOf(path, condition) }
      const { response } = await checked(what, await wire.content('upload_session/finish', args, {}, call))
      return resultOf(described(what, fieldsOf(await response.text()), 'rev'))
    },
    // Nothing gives a session up. Closed, it takes no more bytes, and Dropbox drops it after seven days.
    discard: async ({ id }, call, complete) => {
      if (finished) return complete?.(finished)
      for (let offset = 0, tries = 0; tries < 5; tries++) {
        const answer = await append(id, offset, true, call)
        if (answer.response.status < 300) return
        const { correctOffset, summary = '' } = answer.refusal ?? {}
        if (/not_found|closed/.test(summary)) return
        if (correctOffset === undefined)
          throw await dropboxError(`discarding ${JSON.stringify(intent.key)}`, answer)
        offset = correctOffset
      }
    },
    refresh: wire.refresh,
  }
}

/** A piece with the hash that goes before it. */
export async function hashed(
  payload: Payload,
): Promise<{ readonly body: Payload; readonly content_hash: string }> {
  const sums = await payload.sums()
  const whole = await sums.whole('dropbox')
  const bytes = await sums.held()
  whole?.add(payload.start, bytes)
  return { body: inSlices(payload, bytes, sums), content_hash: await contentHash(bytes) }
}

/** Starts a session. Resolves to its id. */
export async function started(
  wire: DropboxWire,
  what: string,
  args: JsonObject,
  call: Call,
): Promise<string> {
  const answer = await wire.content('upload_session/start', { close: false, ...args }, {}, call)
  const { session_id: id } = fieldsOf(await (await checked(what, answer)).response.text())
  if (typeof id === 'string') return id
  throw new FilesError('Provider', `${what}: the answer names no session`, undefined, { retryable: false })
}

export function commitOf(path: string, condition: UploadIntent['condition']): JsonObject {
  const mode: Json =
    condition === undefined
      ? 'overwrite'
      : condition.type === 'create'
        ? 'add'
        : { '.tag': 'update', update: condition.etag }
  return { path, mode, autorename: false, mute: true, strict_conflict: condition !== undefined }
}

export async function checked(what: string, answer: DropboxAnswer): Promise<DropboxAnswer> {
  if (answer.response.status < 300) return answer
  const error = await dropboxError(what, answer)
  // A session that is not found makes the engine ask: only that decides.
  const lost = answer.refusal?.summary.startsWith('not_found')
  throw lost ? new FilesError('Provider', error.message, error, { status: 409, retryable: true }) : error
}

export function resultOf({ rev, content_hash }: Fields): ProviderResult {
  const digest = hexDigest('dropbox', content_hash)
  return { ...(typeof rev === 'string' ? { etag: rev } : {}), ...(digest ? { digest } : {}) }
}
