/**
 * Concurrent upload sessions: pieces of one file side by side, each a multiple of 4 MiB but the one that closes.
 *
 * Such a session cannot be asked what it holds: what was acknowledged is noted in the token, and what was not noted
 * is sent again, to the same place. The last piece closes the session, so it goes when the others are there; that a
 * session is closed says that all of them are.
 */
import type { Call, PartsDriver, Payload, ProviderResult, UploadIntent } from '../../driver.ts'
import type { Json, JsonObject } from '../../json.ts'
import { sessionText } from '../../session.ts'
import { WHOLE } from '../../transfer/block.ts'
import { sessionGone } from '../../transfer/transfer.ts'
import { described } from '../described.ts'
import { checked, commitOf, hashed, MAX_SIZE, resultOf, started } from './driver.ts'
import { type DropboxWire, fieldsOf } from './wire.ts'

const BLOCK = 4 * 1024 * 1024

export interface ConcurrentSession {
  readonly [name: string]: Json
  readonly concurrent: string
}

export function concurrentDriver(
  wire: DropboxWire,
  path: string,
  intent: UploadIntent,
): PartsDriver<ConcurrentSession> {
  const { size } = intent
  const what = `uploading ${JSON.stringify(intent.key)}`

  const append = (id: string, offset: number, args: JsonObject, call: Call, body?: Payload) =>
    wire.content('upload_session/append_v2', { cursor: { session_id: id, offset }, ...args }, { body }, call)

  return {
    shape: 'parts',
    part: {
      min: BLOCK,
      // Held in memory for the hash before the content.
      max: WHOLE,
      maxCount: Math.ceil(MAX_SIZE / WHOLE),
      maxSize: MAX_SIZE,
      multiple: BLOCK,
      preferred: 2 * BLOCK,
    },
    lastAlone: true,
    digest: 'dropbox',
    begin: async (_intent, _partSize, call) => ({
      concurrent: await started(wire, what, { session_type: 'concurrent' }, call),
    }),
    // A session of the other mode has another name.
    adopt: (session) => ({ concurrent: sessionText(session, 'concurrent') }),
    send: async ({ concurrent }, number, payload, call) => {
      const close = payload.start + payload.size === size
      const { body, content_hash } = await hashed(payload)
      const answer = await append(concurrent, payload.start, { close, content_hash }, call, body)
      const { summary = '' } = answer.refusal ?? {}
      if (summary.startsWith('not_found')) throw sessionGone()
      if (!summary.startsWith('closed')) await checked(what, answer)
      return { number, size: payload.size }
    },
    complete: async ({ concurrent }, _intent, _parts, digest, call): Promise<ProviderResult> => {
      const cursor = { session_id: concurrent, offset: size }
      const args = { cursor, commit: commitOf(path, intent.condition) }
      const answer = await wire.content('upload_session/finish', args, {}, call)
      if (!/^lookup_failed\/(?:closed|not_found)/.test(answer.refusal?.summary ?? ''))
        return resultOf(described(what, fieldsOf(await (await checked(what, answer)).response.text()), 'rev'))
      // It is over: the file under the path is ours if its content is.
      const file = await wire.ask('get_metadata', { path }, call)
      const result = file.refusal ? {} : resultOf(fieldsOf(await (await checked(what, file)).response.text()))
      if (digest !== undefined && result.digest?.value === digest.value) return result
      throw sessionGone()
    },
    // Nothing gives a session up. Closed, it takes no more bytes, and Dropbox drops it after seven days.
    discard: async ({ concurrent }, call) => {
      const answer = await append(concurrent, 0, { close: true }, call)
      if (!/not_found|closed/.test(answer.refusal?.summary ?? '')) await checked(what, answer)
    },
    refresh: wire.refresh,
  }
}
